"""What a thief of the database has: no name, no badge, no PIN, no sealed credential that opens without the key file."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from tests.contract.connection import connect_device
from tests.contract.demo_file import Employee
from tests.contract.journal import SUITE, Journal, badge, badge_and_pin, number_and_pin, sealed_info
from tests.contract.primitives import Message, unb64
from tests.contract.punching import record, verdict
from tests.faults.database import as_migrator, as_reader
from tests.faults.dump import dump, found_anywhere, found_words, without_times
from tests.running_hub import RunningDemo

pytestmark = pytest.mark.e2e

UNKNOWN_BADGES = ["QQQQ1111QQQQ", "QQQQ2222QQQQ"]
TYPED_PIN = "583920"


@pytest.fixture
async def used(demo: RunningDemo) -> Message:
    """The database after every kind of credential went through it; what was sent and what is still sealed."""
    device = demo.file.spares[0]
    people = [demo.take_employee() for _ in range(3)]
    known = {employee.employee_number for employee in demo.file.employees}
    number = next(
        number for number in iter(lambda: str(secrets.randbelow(900_000) + 100_000), "") if number not in known
    )
    sent: Message = {"sealed_kept": [], "sealed_opened": [], "number": number}
    async with connect_device(demo.ws_url, device) as connection:
        journal = Journal.of(device, connection.welcome["device"])
        wrong: Message = {"employee_number": people[1].employee_number, "pin": TYPED_PIN}
        nobody: Message = {"employee_number": number, "pin": TYPED_PIN}
        for credential, captured, expected in (
            (badge(people[0]), "online", ("recorded", None)),
            (badge_and_pin(people[1]), "online", ("recorded", None)),
            (number_and_pin(people[2]), "online", ("recorded", None)),
            ({"badge": UNKNOWN_BADGES[0]}, "online", ("refused", "badge_unknown")),
            ({"badge": UNKNOWN_BADGES[1]}, "offline", ("held", "badge_unknown")),
            (wrong, "online", ("refused", "not_recognised")),
            (wrong, "offline", ("held", "pin_wrong")),
            (nobody, "online", ("refused", "not_recognised")),
            (nobody, "offline", ("held", "pin_wrong")),
        ):
            punch = journal.punch(credential, captured=captured)
            outcome = await record(connection, punch)
            assert verdict(outcome) == expected
            sent["sealed_opened" if outcome["outcome"] != "held" else "sealed_kept"].append(unb64(punch.sealed))
        elsewhere = journal.sealing_key.seal(b'{"badge":"QQQQ3333QQQQ"}', sealed_info(device.device_id, "x", 1))
        unopened = journal.punch(b"", sealed=elsewhere)
        assert verdict(await record(connection, unopened)) == ("held", "seal_broken")
        sent["sealing_key"] = journal.sealing_key
    return sent


async def the_dump(demo: RunningDemo) -> bytes:
    async with as_reader(demo) as database:
        return await dump(database)


def key_file(demo: RunningDemo) -> str:
    return Path(demo.hub_environment["ATTENDANCE_KEY_FILE"]).read_text()


async def test_no_credential_stands_in_the_dump(demo: RunningDemo, used: Message) -> None:
    text = await the_dump(demo)
    assert demo.file.employees[0].employee_id.encode() in text, "the dump holds what may be there"
    assert found_anywhere(text, [employee.display_name for employee in demo.file.employees]) == {}
    badges = [employee.badge for employee in demo.file.employees] + UNKNOWN_BADGES
    assert found_anywhere(text, badges) == {}
    pins = {employee.pin for employee in demo.file.employees} | {TYPED_PIN, used["number"]}
    numbers = {employee.employee_number for employee in demo.file.employees}
    assert found_words(without_times(text), pins - numbers) == {}
    assert found_anywhere(text, [account.password for account in demo.file.accounts]) == {}
    assert found_anywhere(text, used["sealed_opened"]) == {}, "a seal is deleted once it was opened"


async def test_the_search_would_find_a_planted_one(demo: RunningDemo) -> None:
    one, two, three = demo.file.employees[:3]
    async with as_migrator(demo) as database:
        await database.execute("CREATE TABLE planted (a text, b bytea, c bigint, d bytea)")
        try:
            await database.execute(
                "INSERT INTO planted VALUES ($1, $2, $3, $4)",
                f"badge {one.badge} of {one.display_name}, PIN {two.pin}.",
                two.badge.encode(),
                int(three.pin),
                hashlib.sha256(three.badge.encode()).digest(),
            )
            text = await the_dump(demo)
        finally:
            await database.execute("DROP TABLE planted")
    assert set(found_anywhere(text, [one.badge, two.badge, three.badge])) == {one.badge, two.badge}
    assert set(found_anywhere(text, [one.display_name, two.display_name])) == {one.display_name}
    wanted = {two.pin} | ({three.pin} if not three.pin.startswith("0") else set())
    assert wanted <= set(found_words(without_times(text), [two.pin, three.pin]))
    assert set(found_anywhere(text, keyless(three.badge, [b""]))) >= {hashlib.sha256(three.badge.encode()).digest()}


def keyless(credential: str, known: list[bytes]) -> Iterator[bytes]:
    """What someone without the key file may compute from a credential: hashes, and MACs under anything they know."""
    for text in (credential, f"badge|{credential}", f"attendance.v1|badge|{credential}", f"badge:{credential}"):
        raw = text.encode()
        for name in ("md5", "sha1", "sha256", "sha384", "sha512", "sha3_256", "blake2b", "blake2s"):
            yield hashlib.new(name, raw).digest()
        yield hashlib.blake2b(raw, digest_size=32).digest()
        for key in known:
            yield hmac.digest(key, raw, "sha256")
            yield hmac.digest(key, raw, "sha512")[:32]
            yield hashlib.sha256(key + raw).digest()
            yield hashlib.sha256(raw + key).digest()
            yield hashlib.blake2b(raw, key=key[:64], digest_size=32).digest()


def known_values(demo: RunningDemo, text: bytes) -> list[bytes]:
    """Everything in the dump that could serve as a key: the ids and the binary values, and usual words."""
    binary = {bytes.fromhex(found.decode()) for found in re.findall(rb"\\\\x([0-9a-f]{64})", text)}
    people = demo.file.employees[:3]
    ids = {value.encode() for person in people for value in (person.employee_id, person.site_id, person.department_id)}
    return [b"", b"attendance", b"attendance.v1", b"secret", b"badge", *ids, *sorted(binary)[:300]]


async def test_badge_hashes_need_the_key_file(demo: RunningDemo) -> None:
    text = await the_dump(demo)
    async with as_reader(demo) as database:
        rows = await database.fetch("SELECT badge_hash FROM badges")
    kept = {bytes(row["badge_hash"]) for row in rows}
    assert len(kept) >= len(demo.file.employees)
    known = known_values(demo, text)
    people: list[Employee] = list(demo.file.employees[:3])
    for employee in people:
        computed = set(keyless(employee.badge, known))
        assert not computed & kept
        assert found_anywhere(text, {value for value in keyless(employee.badge, [b""]) if len(value) >= 16}) == {}


async def test_pin_hashes_need_the_key_file(demo: RunningDemo) -> None:
    """argon2id of a PIN alone would fall to a million guesses: the right PIN must not fit what is kept."""
    hasher = PasswordHasher()
    async with as_reader(demo) as database:
        for employee in demo.file.employees[:3]:
            kept = await database.fetchval(
                "SELECT pin_hash FROM employee_pins WHERE employee_id = $1", employee.employee_id
            )
            pepper, kept = kept.split(":")
            assert pepper.isalnum() and kept.startswith("$argon2id$")  # noqa: PT018 - one form
            for guess in (employee.pin, employee.employee_id + employee.pin, employee.employee_number + employee.pin):
                with pytest.raises(VerifyMismatchError):
                    hasher.verify(kept, guess)


async def test_no_key_of_the_key_file_stands_in_the_dump(demo: RunningDemo, used: Message) -> None:
    text, keys = await the_dump(demo), key_file(demo)
    assert used["sealed_kept"]
    ids = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")  # a key's id is no secret
    values = {value for value in re.findall(r'"([A-Za-z0-9_+/=-]{32,})"', keys) if not ids.fullmatch(value)}
    assert len(values) >= 5
    raw = {unb64(value) for value in values if re.fullmatch(r"[A-Za-z0-9_-]{43}", value)}
    assert raw
    assert found_anywhere(text, values | raw) == {}
    for private in demo.file.devices:
        assert found_anywhere(text, [private.private_key]) == {}
    database_passwords = {demo.file.postgres_dsn.split("@")[0].rsplit(":", 1)[-1]}
    assert found_anywhere(text, database_passwords) == {}


def opens(private_key: bytes, sealed: bytes, info: bytes) -> bool:
    try:
        SUITE.decrypt(sealed, X25519PrivateKey.from_private_bytes(private_key), info=info)
    except (InvalidTag, ValueError):
        return False
    return True


async def test_what_stays_sealed_opens_with_the_key_file_alone(demo: RunningDemo, used: Message) -> None:
    """Seals that could not be judged stay; no value of the dump opens one, the key file would."""
    async with as_reader(demo) as database:
        rows = await database.fetch("SELECT device_id, log_id, seq, sealed FROM sealed_credentials")
    text = await the_dump(demo)
    candidates = {bytes.fromhex(found.decode()) for found in re.findall(rb"\\\\x([0-9a-f]{64})(?![0-9a-f])", text)}
    assert candidates
    assert rows
    for row in rows[:20]:
        info = sealed_info(str(row["device_id"]), str(row["log_id"]), row["seq"])
        assert not any(opens(candidate, bytes(row["sealed"]), info) for candidate in sorted(candidates)[:200])
    key, info = used["sealing_key"], b"control"
    sealed = key.seal(b"control", info)
    keys = {unb64(value) for value in re.findall(r'"([A-Za-z0-9_-]{43})"', key_file(demo))}
    assert any(opens(candidate, sealed, info) for candidate in keys), "the search would have known a key"
