"""A new key-encryption key, while second factors are kept under the old one."""

from pathlib import Path
from uuid import UUID, uuid4

import pytest

from protocol.values import Role
from server.secrets.keyring import DEFAULT_ROTATION
from server.secrets.local import LocalSecrets, open_key_file
from server.secrets.provider import BlobBroken, KeyKind
from server.services.rewrapping import Rewrapping
from server.services.second_factor import totp_binding
from storage.repositories.accounts import Account, add_account
from tests.server.secrets.test_local import Clock
from tests.server.services.desk import Desk

pytestmark = pytest.mark.integration

ACCOUNTS = 7


async def kept(desk: Desk) -> dict[UUID, bytes]:
    rows = await desk.owner.fetch("SELECT account_id, totp_secret FROM accounts WHERE totp_secret IS NOT NULL")
    return {row["account_id"]: bytes(row["totp_secret"]) for row in rows}


async def with_second_factors(desk: Desk, secrets: LocalSecrets) -> None:
    for number in range(ACCOUNTS):
        account_id = uuid4()
        account = Account(
            account_id=account_id,
            username=f"someone {number}",
            role=Role.ADMIN,
            password_hash="x",
            site_ids=None,
            totp_secret=secrets.encrypt(f"secret {number}".encode(), totp_binding(account_id)),
        )
        await add_account(desk.owner, account)


async def test_everything_comes_under_the_new_key_and_the_old_one_ends(desk: Desk, tmp_path: Path) -> None:
    clock = Clock()
    secrets = open_key_file(tmp_path / "rewrapped.json", clock=clock)
    rewrapping = Rewrapping(desk.database, secrets, clock, page_rows=3)
    await with_second_factors(desk, secrets)
    before = await kept(desk)
    (first,) = secrets.versions()[KeyKind.DATA]
    await secrets.rotate(KeyKind.DATA)
    assert await rewrapping.go_on() == 0
    assert await kept(desk) == before, "until its lead is over the new key is known, not used"
    clock.now += DEFAULT_ROTATION.lead
    (late,) = list(before.items())[:1]
    assert await rewrapping.go_on() == ACCOUNTS
    after = await kept(desk)
    for account_id, blob in after.items():
        assert not secrets.needs_rewrapping(blob)
        opened = secrets.decrypt(blob, totp_binding(account_id))
        assert opened == secrets.decrypt(before[account_id], totp_binding(account_id))
    assert secrets.versions()[KeyKind.DATA][1].ends_at is None, "only once a whole pass found nothing is it let go"
    assert await rewrapping.go_on() == 0
    assert secrets.versions()[KeyKind.DATA][1].ends_at is not None
    # A hub that heard late used the old key once more.
    await desk.owner.execute("UPDATE accounts SET totp_secret = $2 WHERE account_id = $1", *late)
    assert await rewrapping.go_on() == 1
    await desk.owner.execute("UPDATE accounts SET totp_secret = $2 WHERE account_id = $1", *late)
    assert await rewrapping.go_on() == 0, "a pass reads every row: it isn't made again at once"
    clock.now += DEFAULT_ROTATION.turns[KeyKind.DATA].overlap / 2
    assert await rewrapping.go_on() == 1
    clock.now += DEFAULT_ROTATION.turns[KeyKind.DATA].overlap
    await secrets.renew()
    assert [key.id for key in secrets.versions()[KeyKind.DATA]].count(first.id) == 0
    with pytest.raises(BlobBroken):
        secrets.decrypt(*(late[1], totp_binding(late[0])))
    for account_id, blob in (await kept(desk)).items():
        assert secrets.decrypt(blob, totp_binding(account_id))
    assert await rewrapping.go_on() == 0


async def test_two_hubs_at_once_and_a_ciphertext_that_doesnt_open(desk: Desk, tmp_path: Path) -> None:
    clock = Clock()
    secrets = open_key_file(tmp_path / "rewrapped.json", clock=clock)
    await with_second_factors(desk, secrets)
    stranger, broken = uuid4(), open_key_file(tmp_path / "other.json").encrypt(b"x", b"y")
    await add_account(
        desk.owner,
        Account(
            account_id=stranger,
            username="broken",
            role=Role.ADMIN,
            password_hash="x",
            site_ids=None,
            totp_secret=broken,
        ),
    )
    await secrets.rotate(KeyKind.DATA, emergency=True)
    hubs = [Rewrapping(desk.database, open_key_file(tmp_path / "rewrapped.json", clock=clock), clock, page_rows=2)] * 2
    for hub in hubs:
        await hub.go_on()
    after = await kept(desk)
    assert after.pop(stranger) == broken
    assert not any(secrets.needs_rewrapping(blob) for blob in after.values())
