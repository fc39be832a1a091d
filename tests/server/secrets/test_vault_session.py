"""A hub's session at a real OpenBao: logged in once, renewed, logged in again, and what is said when that fails."""

import asyncio
import socket
import stat
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import hvac
import pytest
import pytest_asyncio
from aiohttp import web
from structlog.testing import capture_logs

from server.secrets import vault_setup
from server.secrets.provider import SecretsUnavailable
from server.secrets.vault_client import VaultClient, VaultFault, VaultRejected, VaultState, read
from server.secrets.vault_session import UnwrapFailed, VaultLogin, VaultSession
from storage.embedded.openbao import EmbeddedOpenBao

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

TOKEN_SECONDS = 2
"""Long enough for a loaded machine to renew a token, short enough to wait for its end."""
MAX_TOKEN_SECONDS = 4
ALARM = "a wrapped secret id did not open"


@pytest_asyncio.fixture(loop_scope="module")
async def client(bao: EmbeddedOpenBao) -> AsyncIterator[VaultClient]:
    asking = VaultClient(bao.url, timeout_seconds=5)
    yield asking
    asking.close()


@pytest_asyncio.fixture(loop_scope="module")
async def login(bao: EmbeddedOpenBao, client: VaultClient, tmp_path: Path) -> VaultLogin:
    return await vault_setup.hand_out(client, bao.root_token, vault_setup.HUB, tmp_path / "wrapped")


def verified(vault: Any) -> Any:  # noqa: ANN401 - hvac is untyped
    """What a hub's policy lets it ask."""
    return vault.read("auth/token/lookup-self")


async def eventually(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(40):
        while not is_so():
            await asyncio.sleep(0.02)


async def test_a_secret_id_serves_once_and_the_next_one_takes_its_place(
    client: VaultClient, login: VaultLogin, tmp_path: Path
) -> None:
    first = login.wrapped_file.read_text()
    away_seconds = 0.0
    session = VaultSession(client, login, monotonic=lambda: away_seconds)
    await session.start()
    assert session.state is VaultState.OK
    assert (await session.ask(verified))["data"]["policies"] == [vault_setup.HUB]
    second = login.wrapped_file.read_text()
    assert second != first
    assert stat.S_IMODE(login.wrapped_file.stat().st_mode) == 0o600
    away_seconds = login.wrap_hours * 1_800 + 1
    await session._renew()
    assert login.wrapped_file.read_text() != second, "it is replaced long before it ends"
    await session.stop()
    with pytest.raises(VaultFault, match="denies it"):
        await client.ask(session._token or "none", verified)

    again = VaultSession(client, login)
    await again.start()
    await again.stop()

    stale = tmp_path / "stale"
    stale.touch(mode=0o600)
    stale.write_text(first)
    late = VaultSession(client, VaultLogin(login.role, login.role_id, stale))
    with pytest.raises(UnwrapFailed):
        await late.start()


async def test_a_secret_id_that_somebody_else_opened_is_an_alarm_and_refuses_the_start(
    bao: EmbeddedOpenBao, client: VaultClient, login: VaultLogin
) -> None:
    token = login.wrapped_file.read_text().strip()
    stolen = hvac.Client(bao.url, token=token).sys.unwrap()["data"]["secret_id"]
    session = VaultSession(client, login)
    with capture_logs() as logs, pytest.raises(UnwrapFailed, match="somebody else opened it") as refused:
        await session.start()
    assert [(line["event"], line["log_level"]) for line in logs] == [(ALARM, "error")]
    assert session.failed_unwraps == 1
    assert session.state is VaultState.DENIED
    assert not any(secret in f"{refused.value} {logs}" for secret in (token, stolen, login.role_id))


async def test_a_secret_id_that_was_wrapped_anew_is_an_alarm(
    bao: EmbeddedOpenBao, client: VaultClient, login: VaultLogin
) -> None:
    root = hvac.Client(bao.url, token=bao.root_token)
    opened = hvac.Client(bao.url, token=login.wrapped_file.read_text().strip()).sys.unwrap()["data"]
    login.wrapped_file.write_text(root.sys.wrap(opened, ttl=60)["wrap_info"]["token"])
    session = VaultSession(client, login)
    with capture_logs() as logs, pytest.raises(UnwrapFailed):
        await session.start()
    assert [line["event"] for line in logs] == [ALARM]


async def test_a_role_gets_its_next_secret_id_wrapped_only(client: VaultClient, login: VaultLogin) -> None:
    session = VaultSession(client, login)
    await session.start()
    with pytest.raises(VaultFault, match="denies it"):
        await session.ask(lambda vault: vault.write_data(f"auth/approle/role/{login.role}/secret-id", data={}))
    await session.stop()


async def test_a_session_outlives_its_token_and_a_seal_of_two_lifetimes(
    bao: EmbeddedOpenBao, client: VaultClient, login: VaultLogin
) -> None:
    session = VaultSession(client, login)
    with capture_logs() as logs:
        await session.start()
        first = session._token
        started = asyncio.get_running_loop().time()
        while asyncio.get_running_loop().time() < started + MAX_TOKEN_SECONDS + 1:
            assert await session.ask(verified)
            await asyncio.sleep(0.2)
        assert session._token != first
        assert len([line for line in logs if line["event"] == "logged in at Vault"]) > 1

        await bao.seal()
        with pytest.raises(VaultFault, match="sealed"):
            await session.ask(verified)
        assert session.state is VaultState.SEALED
        await asyncio.sleep(2 * TOKEN_SECONDS)
        await bao.unseal()
        await eventually(lambda: session.state is VaultState.OK)
        assert await session.ask(verified)
    await session.stop()
    assert {line["state"] for line in logs if line["log_level"] == "warning"} <= {"sealed", "unreachable"}
    assert session.failed_unwraps == 0


async def test_a_killed_server_is_unreachable_until_it_is_back(tmp_path: Path) -> None:
    bao = EmbeddedOpenBao(tmp_path / "bao")
    async with bao:
        await bao.initialise()
        await bao.unseal()
        client = VaultClient(bao.url, timeout_seconds=5)
        await vault_setup.initialise(client, bao.root_token)
        login = await vault_setup.hand_out(client, bao.root_token, vault_setup.HUB, tmp_path / "wrapped")
        session = VaultSession(client, login)
        await session.start()
        bao.kill()
        await eventually(lambda: not bao.is_running)
        with pytest.raises(VaultFault, match="can't be reached"):
            await session.ask(verified)
        assert str(session.state) == "unreachable"
    async with bao:
        await bao.unseal()
        assert await session.ask(verified)
        assert str(session.state) == "ok"
        await session.stop()
    client.close()


async def test_what_is_no_vault_gets_no_token_elsewhere_and_a_sentence() -> None:
    seen: list[str] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        seen.append(request.path)
        match request.path.rpartition("/")[2]:
            case "redirect":
                raise web.HTTPTemporaryRedirect("/v1/elsewhere")
            case "garbage":
                return web.Response(text="<html>s.secret</html>", content_type="text/html")
            case "nothing":
                raise web.HTTPNotFound
            case "broken":
                return web.json_response({"errors": ["s.secret is not known"]}, status=500)
            case "bad":
                return web.json_response({"errors": ["s.secret"]}, status=400)
            case _:
                await asyncio.sleep(30)
                return web.Response()

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    client = VaultClient(f"http://127.0.0.1:{port}", timeout_seconds=0.5)

    async def fault(path: str) -> VaultFault:
        with pytest.raises(VaultFault) as raised:
            await client.ask("s.secret", read(path))
        assert "s.secret" not in str(raised.value)
        assert raised.value.__cause__ is None
        assert raised.value.__suppress_context__ or raised.value.__context__ is None
        return raised.value

    for path in ("redirect", "garbage", "nothing", "broken", "hanging"):
        assert (await fault(path)).state is VaultState.UNREACHABLE
    assert isinstance(await fault("bad"), VaultRejected)
    assert "/v1/elsewhere" not in seen
    client.close()
    await runner.cleanup()


async def test_nobody_at_the_address_is_unreachable(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        client = VaultClient(f"http://127.0.0.1:{taken.getsockname()[1]}", timeout_seconds=2)
        file = tmp_path / "wrapped"
        file.touch(mode=0o600)
        file.write_text("s.wrapping")
        session = VaultSession(client, VaultLogin("hub", "a-role", file))
        with capture_logs() as logs, pytest.raises(VaultFault, match="can't be reached"):
            await session.start()
        assert session.state is VaultState.UNREACHABLE
        assert not logs, "an alarm is for a token that doesn't open"
        client.close()


@pytest.mark.parametrize("mode", [0o640, 0o604])
async def test_a_wrapped_secret_id_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "wrapped"
    file.write_text("s.wrapping")
    file.chmod(mode)
    session = VaultSession(VaultClient("http://127.0.0.1:9"), VaultLogin("hub", "a-role", file))
    with pytest.raises(SecretsUnavailable, match="lets others in"):
        await session.start()
    file.unlink()
    with pytest.raises(SecretsUnavailable, match="No such file"):
        await session.start()
