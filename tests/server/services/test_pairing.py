"""Invitations and scopes on a real PostgreSQL: what isn't the caller's is as if it weren't there."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocol.devices import DeviceConfirm, DeviceInvite, DeviceMove, DeviceRetire, DeviceRevoke, DeviceRotateKey
from protocol.errors import ErrorCode
from protocol.pairing import read_code
from protocol.signing import new_key_bytes, raw_fingerprint
from protocol.values import Role, to_binary
from server.errors import Refused
from server.rules.permissions import EVERYTHING, Scope
from server.services.acts import Actor, Acts
from server.services.fleet import Fleet
from server.services.pairing import AttemptLimits, Enrolment, Pairing
from storage.repositories.accounts import Account, add_account
from tests.server.services.desk import Desk

pytestmark = pytest.mark.integration


def a_pairing(desk: Desk, *, in_all: int = 600) -> Pairing:
    return Pairing(
        desk.database,
        desk.secrets,
        Acts(desk.database, desk.secrets),
        limits=AttemptLimits(of_address=60, in_all=in_all, window_minutes=10),
        code_minutes=10,
    )


def a_fleet(desk: Desk) -> Fleet:
    acts = Acts(desk.database, desk.secrets)
    return Fleet(desk.database, acts, clock=lambda: datetime.now(UTC), silent_after_seconds=90)


async def an_admin(desk: Desk, scope: Scope = EVERYTHING) -> Actor:
    account_id = uuid4()
    await add_account(
        desk.owner,
        Account(account_id=account_id, username=f"admin-{account_id}", role=Role.ADMIN, password_hash="no hash"),
    )
    return Actor(name=f"account:{account_id}", scope=scope, account_id=account_id)


async def a_code(desk: Desk, admin: Actor, site_id: UUID | None = None) -> str:
    site_id = site_id or desk.company.sites[0].site_id
    invited = await a_pairing(desk).invite(admin, DeviceInvite(id=1, request_key=uuid4(), site_id=site_id, name="Door"))
    assert invited.pairing_code is not None
    return invited.pairing_code


def enrolment(code: str, key: bytes | None = None, address: str = "192.0.2.1") -> Enrolment:
    key = key or Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    return Enrolment(pairing_code=code, public_key=key, called=None, address=address)


async def refused(act: Awaitable[object]) -> tuple[ErrorCode, str, dict[str, object] | None]:
    with pytest.raises(Refused) as refusal:
        await act
    return refusal.value.code, refusal.value.reason, refusal.value.details


async def test_a_code_is_kept_as_a_keyed_hash_and_nowhere_else(desk: Desk) -> None:
    code = await a_code(desk, await an_admin(desk))
    await a_pairing(desk).enrol(enrolment(code))
    for table in ("device_invitations", "audit", "request_keys", "attempts"):
        for row in await desk.owner.fetch(f"SELECT * FROM {table}"):
            text = " ".join(str(value) for value in row.values())
            assert code not in text
            assert read_code(code) not in text
            assert read_code(code).encode().hex() not in text.replace("\\x", "")


async def test_an_expired_code_is_good_for_the_terminal_that_used_it_alone(desk: Desk) -> None:
    admin, pairing = await an_admin(desk), a_pairing(desk)
    used, unused = await a_code(desk, admin), await a_code(desk, admin)
    mine = enrolment(used)
    first = await pairing.enrol(mine)
    await desk.owner.execute("UPDATE device_invitations SET expires_at = now() - interval '1 second'")
    assert await refused(pairing.enrol(enrolment(unused))) == (
        ErrorCode.INVALID,
        "not a good pairing code",
        {"field": "pairing_code"},
    )
    assert await refused(pairing.enrol(enrolment(used))) == await refused(pairing.enrol(enrolment("hello")))
    assert (await pairing.enrol(mine)).device == first.device


async def test_of_many_that_bring_one_code_at_once_one_comes_in_and_the_same_key_is_the_same(desk: Desk) -> None:
    admin, pairing = await an_admin(desk), a_pairing(desk)
    code, mine = await a_code(desk, admin), enrolment("")
    same = [enrolment(code, mine.public_key) for _ in range(4)]
    devices = await asyncio.gather(*(pairing.enrol(one) for one in same))
    assert len({enrolled.device.device_id for enrolled in devices}) == 1
    other_code = await a_code(desk, admin)
    answers = await asyncio.gather(*(pairing.enrol(enrolment(other_code)) for _ in range(4)), return_exceptions=True)
    assert sum(isinstance(answer, Refused) for answer in answers) == 3


async def test_one_key_by_two_codes_at_once_is_one_terminal(desk: Desk) -> None:
    admin, pairing = await an_admin(desk), a_pairing(desk)
    codes = [await a_code(desk, admin) for _ in range(2)]
    key = enrolment("").public_key
    answers = await asyncio.gather(*(pairing.enrol(enrolment(code, key)) for code in codes), return_exceptions=True)
    (fault,) = (answer for answer in answers if isinstance(answer, Refused))
    assert (fault.code, fault.details) == (ErrorCode.CONFLICT, {"field": "public_key"})


async def test_guesses_from_everywhere_have_a_limit_of_their_own(desk: Desk) -> None:
    pairing = a_pairing(desk, in_all=7)
    answers = await asyncio.gather(
        *(pairing.enrol(enrolment("hello", address=f"192.0.2.{place}")) for place in range(10)), return_exceptions=True
    )
    codes = sorted(answer.code for answer in answers if isinstance(answer, Refused))
    assert codes == [ErrorCode.INVALID] * 7 + [ErrorCode.RATE_LIMITED] * 3
    assert await desk.owner.fetchval("SELECT count(*) FROM attempts") == 14, "what isn't judged isn't counted either"


Do = Callable[[Fleet, Actor, UUID, UUID], Awaitable[object]]


@pytest.mark.parametrize(
    "do",
    [
        pytest.param(
            lambda fleet, who, device, _: fleet.confirm(
                who, DeviceConfirm(id=1, request_key=uuid4(), device_id=device, fingerprint="f")
            ),
            id="confirm",
        ),
        pytest.param(
            lambda fleet, who, device, site: fleet.move(
                who, DeviceMove(id=1, request_key=uuid4(), device_id=device, site_id=site)
            ),
            id="move",
        ),
        pytest.param(
            lambda fleet, who, device, _: fleet.retire(who, DeviceRetire(id=1, request_key=uuid4(), device_id=device)),
            id="retire",
        ),
        pytest.param(
            lambda fleet, who, device, _: fleet.revoke(who, DeviceRevoke(id=1, request_key=uuid4(), device_id=device)),
            id="revoke",
        ),
    ],
)
async def test_a_terminal_of_another_site_is_as_one_that_is_not_there(desk: Desk, do: Do) -> None:
    here, elsewhere = desk.company.sites
    fleet, admin = a_fleet(desk), await an_admin(desk, Scope.of([here.site_id], None))
    theirs = next(device for device in desk.devices if device.site_id == elsewhere.site_id)
    before = await desk.owner.fetchrow("SELECT * FROM devices WHERE device_id = $1", theirs.device_id)
    foreign = await refused(do(fleet, admin, theirs.device_id, here.site_id))
    unknown = await refused(do(fleet, admin, uuid4(), here.site_id))
    assert foreign == unknown == (ErrorCode.NOT_FOUND, "device", None)
    assert await desk.owner.fetchrow("SELECT * FROM devices WHERE device_id = $1", theirs.device_id) == before
    assert await desk.owner.fetchval("SELECT count(*) FROM audit") == 0


async def test_a_narrowed_admin_invites_to_and_lists_and_moves_between_their_own_sites(desk: Desk) -> None:
    here, elsewhere = desk.company.sites
    fleet, admin = a_fleet(desk), await an_admin(desk, Scope.of([here.site_id], None))
    mine = next(device for device in desk.devices if device.site_id == here.site_id)
    for site_id in (elsewhere.site_id, uuid4()):
        invite = DeviceInvite(id=1, request_key=uuid4(), site_id=site_id, name="Door")
        assert await refused(a_pairing(desk).invite(admin, invite)) == (ErrorCode.NOT_FOUND, "site", None)
        move = DeviceMove(id=1, request_key=uuid4(), device_id=mine.device_id, site_id=site_id)
        assert await refused(fleet.move(admin, move)) == (ErrorCode.NOT_FOUND, "site", None)
        listing = fleet.page(admin.scope, site_id=site_id, status=None, query=None, after=None, limit=9)
        assert await refused(listing) == (ErrorCode.NOT_FOUND, "site", None)
    page = await fleet.page(admin.scope, site_id=None, status=None, query=None, after=None, limit=9)
    assert {device.device_id for device in page.devices} == {
        device.device_id for device in desk.devices if device.site_id == here.site_id
    }


async def test_an_act_is_done_once_whatever_becomes_of_its_answer(desk: Desk) -> None:
    fleet, admin = a_fleet(desk), await an_admin(desk)
    code = await a_code(desk, admin)
    device = (await a_pairing(desk).enrol(enrolment(code))).device
    confirm = DeviceConfirm(
        id=1, request_key=uuid4(), device_id=device.device_id, fingerprint=raw_fingerprint(device.public_key)
    )
    await asyncio.gather(*(fleet.confirm(admin, confirm) for _ in range(3)))
    assert await desk.owner.fetchval("SELECT count(*) FROM audit WHERE action = 'device.confirm'") == 1
    assert await desk.owner.fetchval("SELECT status FROM devices WHERE device_id = $1", device.device_id) == "active"


async def test_a_copy_that_is_connected_by_a_former_key_gives_the_terminal_no_other(desk: Desk) -> None:
    device, fleet, new = desk.device, a_fleet(desk), [Ed25519PrivateKey.generate() for _ in range(2)]
    itself = Actor(name=f"device:{device.device_id}", scope=Scope.of((), ()))
    former = device.key.public_key().public_bytes_raw()

    async def rotate(key: Ed25519PrivateKey) -> str:
        public = to_binary(key.public_key().public_bytes_raw())
        proof = to_binary(key.sign(new_key_bytes(device.device_id, public)))
        command = DeviceRotateKey(id=1, request_key=uuid4(), public_key=public, proof=proof)
        answer = await fleet.rotate_key(itself, device.device_id, command, signed_in_by=former)
        return answer.fingerprint

    first = await rotate(new[0])
    assert (await refused(rotate(new[1])))[0] is ErrorCode.UNAUTHENTICATED
    assert await rotate(new[0]) == first
    key = await desk.owner.fetchval("SELECT public_key FROM devices WHERE device_id = $1", device.device_id)
    assert raw_fingerprint(key) == first


async def test_a_flood_of_codes_leaves_the_pool_to_others(desk: Desk) -> None:
    pairing = a_pairing(desk)
    async with desk.owner.transaction():
        await desk.owner.execute("LOCK TABLE attempts")
        flood = [asyncio.create_task(pairing.enrol(enrolment("0" * 16))) for _ in range(20)]
        await until(lambda: waiting_for_attempts(desk))
        async with asyncio.timeout(4), desk.database.connection() as connection:
            assert await connection.fetchval("SELECT 1") == 1
    assert {type(answer) for answer in await asyncio.gather(*flood, return_exceptions=True)} == {Refused}


async def until(there: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(4):
        while not await there():
            await asyncio.sleep(0.01)


async def waiting_for_attempts(desk: Desk) -> bool:
    """Whether as many wait as may be counted at once."""
    found: int = await desk.owner.fetchval(
        "SELECT count(*) FROM pg_locks WHERE NOT granted AND database = "
        "(SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    return found >= 2
