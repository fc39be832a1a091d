"""The roles: who owns, who may connect, who may read, and where a password never shows."""

import asyncio
import base64
import hashlib
import hmac
from collections.abc import Iterator

import asyncpg
import pytest

from storage.bootstrap import DATABASE, DatabaseDsns, RolePasswords, bootstrap, scram_verifier
from storage.embedded import EmbeddedPostgres


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    # The most talkative log there is: still no password may be in it.
    folder = tmp_path_factory.mktemp("bootstrap") / "postgres"
    postgres = EmbeddedPostgres(folder, settings={"log_statement": "all", "log_min_duration_statement": "0"})
    asyncio.run(postgres.start())
    yield postgres
    asyncio.run(postgres.stop())


@pytest.fixture
async def cluster(server: EmbeddedPostgres) -> EmbeddedPostgres:
    """The server without the database that an earlier test made."""
    connection = await asyncpg.connect(server.superuser_dsn)
    await connection.execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
    await connection.close()
    return server


async def value(dsn: str, query: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def make_table(dsns: DatabaseDsns) -> None:
    await value(dsns.migrator, "CREATE TABLE things (id int)")
    await value(dsns.migrator, "INSERT INTO things VALUES (7)")


@pytest.mark.integration
async def test_it_can_be_run_again_and_every_role_logs_in(cluster: EmbeddedPostgres) -> None:
    for _ in range(2):
        dsns = await bootstrap(cluster.superuser_dsn, cluster.role_passwords())
    assert await value(dsns.migrator, "SELECT session_user || ' as ' || current_user") == (
        "attendance_migrator as attendance_owner"
    )
    assert await value(dsns.hub_a, "SELECT session_user || ' as ' || current_user") == (
        "attendance_hub_a as attendance_hub_a"
    )
    assert await value(dsns.reader, "SELECT session_user") == "attendance_reader"


@pytest.mark.integration
async def test_a_new_password_replaces_the_old_one(cluster: EmbeddedPostgres) -> None:
    before = await bootstrap(cluster.superuser_dsn, RolePasswords("first-m", "first-h", "first-r"))
    after = await bootstrap(cluster.superuser_dsn, RolePasswords("first-m", "second/with@signs", "first-r"))
    assert await value(after.hub_a, "SELECT 1") == 1
    with pytest.raises(asyncpg.InvalidPasswordError):
        await value(before.hub_a, "SELECT 1")


@pytest.mark.integration
async def test_what_a_migration_makes_belongs_to_the_owner_and_to_nobody_else(cluster: EmbeddedPostgres) -> None:
    dsns = await bootstrap(cluster.superuser_dsn, cluster.role_passwords())
    await make_table(dsns)
    assert await value(dsns.reader, "SELECT tableowner FROM pg_tables WHERE tablename = 'things'") == "attendance_owner"
    assert await value(dsns.reader, "SELECT id FROM things") == 7
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await value(dsns.hub_a, "SELECT id FROM things")
    await value(dsns.migrator, "CREATE FUNCTION answer() RETURNS int LANGUAGE sql RETURN 42")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await value(dsns.hub_a, "SELECT answer()")


@pytest.mark.integration
@pytest.mark.parametrize("statement", ["CREATE TABLE mine (id int)", "CREATE TEMPORARY TABLE mine (id int)"])
async def test_a_hub_creates_nothing(cluster: EmbeddedPostgres, statement: str) -> None:
    dsns = await bootstrap(cluster.superuser_dsn, cluster.role_passwords())
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await value(dsns.hub_a, statement)


@pytest.mark.integration
@pytest.mark.parametrize("role", ["attendance_owner", "attendance_hub", "attendance_migrator", "pg_read_all_data"])
async def test_a_hub_becomes_nobody_else(cluster: EmbeddedPostgres, role: str) -> None:
    dsns = await bootstrap(cluster.superuser_dsn, cluster.role_passwords())
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await value(dsns.hub_a, f"SET ROLE {role}")


@pytest.mark.integration
async def test_a_reader_writes_nothing_even_when_it_tries_to(cluster: EmbeddedPostgres) -> None:
    dsns = await bootstrap(cluster.superuser_dsn, cluster.role_passwords())
    await make_table(dsns)
    connection = await asyncpg.connect(dsns.reader)
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        await connection.execute("DELETE FROM things")
    await connection.execute("SET default_transaction_read_only = off")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute("DELETE FROM things")
    await connection.close()


@pytest.mark.integration
async def test_public_may_not_even_connect(cluster: EmbeddedPostgres) -> None:
    dsns = await bootstrap(cluster.superuser_dsn, cluster.role_passwords())
    await value(cluster.superuser_dsn, f"CREATE ROLE stranger LOGIN PASSWORD '{scram_verifier('strange')}'")
    stranger = f"postgresql://stranger:strange@{dsns.reader.rpartition('@')[2]}"
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await value(stranger, "SELECT 1")


@pytest.mark.integration
async def test_no_password_and_no_verifier_reaches_the_log(cluster: EmbeddedPostgres) -> None:
    earlier = len(cluster.log_path.read_text())
    passwords = cluster.role_passwords()
    dsns = await bootstrap(cluster.superuser_dsn, passwords)
    assert await value(dsns.hub_a, "SELECT 'this is logged'") == "this is logged"
    log = cluster.log_path.read_text()[earlier:]
    assert "this is logged" in log
    assert "SCRAM-SHA-256$" not in log
    for password in (passwords.migrator, passwords.hub_a, passwords.reader):
        assert password not in log
    assert passwords.hub_a not in repr(passwords)
    assert passwords.hub_a not in repr(dsns)


def test_the_verifier_is_the_one_of_rfc_5803() -> None:
    mechanism, parameters, keys = scram_verifier("pencil").split("$")
    iterations, salt = parameters.split(":")
    stored_key, server_key = keys.split(":")
    salted = hashlib.pbkdf2_hmac("sha256", b"pencil", base64.b64decode(salt), int(iterations))
    client_key = hmac.new(salted, b"Client Key", hashlib.sha256).digest()
    assert mechanism == "SCRAM-SHA-256"
    assert base64.b64decode(stored_key) == hashlib.sha256(client_key).digest()
    assert base64.b64decode(server_key) == hmac.new(salted, b"Server Key", hashlib.sha256).digest()


def test_a_password_outside_ascii_is_refused() -> None:
    with pytest.raises(ValueError, match="ASCII"):
        scram_verifier("contraseña")
