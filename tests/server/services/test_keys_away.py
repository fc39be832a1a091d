"""The keys' own place goes away: what is recorded, what is held with its seal, and what must wait."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from protocol.accounts import AccountScope
from protocol.errors import ErrorCode
from protocol.sealing import BadgeCredential
from protocol.values import Kind, Outcome, Reason, from_binary
from server.errors import as_refused
from server.secrets.provider import SecretsUnavailable
from server.services.batch import Settled
from server.services.hashing import SlowHashes
from server.telemetry.health import Health
from storage.bootstrap import DatabaseDsns
from tests.builders import a_punch, badge_of
from tests.server.services.bureau import Bureau
from tests.server.services.counter import open_counter
from tests.server.services.desk import Desk, said
from tests.server.services.fading import PIN, FadingSecrets, by_number, fading_desk

pytestmark = pytest.mark.integration


@pytest.fixture
def hashes() -> Iterator[SlowHashes]:
    made = SlowHashes(iterations=1, memory_kib=8, lanes=1, threads=1, queue_max=64)
    yield made
    made.close()


@pytest.fixture
def secrets(tmp_path: Path) -> FadingSecrets:
    return FadingSecrets.at(tmp_path / "keys.json")


@pytest.fixture
async def desk(database_dsns: DatabaseDsns, secrets: FadingSecrets, hashes: SlowHashes) -> AsyncIterator[Desk]:
    """A company whose people have a PIN, and keys that can go away."""
    async with fading_desk(database_dsns, secrets, hashes) as opened:
        yield opened


async def kept_seals(desk: Desk) -> dict[int, bytes]:
    return {row["seq"]: row["sealed"] for row in await desk.owner.fetch("SELECT seq, sealed FROM sealed_credentials")}


async def test_pins_are_held_with_their_seals_and_lock_nobody_out(
    desk: Desk, secrets: FadingSecrets, hashes: SlowHashes
) -> None:
    """More than may be wrong in a window; badges go on, and once the keys are back so do PINs."""
    records = [by_number(desk, minute) for minute in range(0, 16, 2)]
    with_pin = a_punch(secrets, desk.device, BadgeCredential(badge=badge_of(desk.ana), pin=PIN))
    badge = desk.punch(30)
    async with open_counter(desk, hashes) as counter:
        secrets.go()
        for record in [*records, with_pin]:
            settled = await counter.settle(record)
            assert isinstance(settled, Settled)
            assert said(settled.punch) == (Outcome.HELD, Reason.PIN_UNCHECKED, None)
            assert settled.punch.employee_id is None
        settled = await counter.settle(badge)
        assert isinstance(settled, Settled)
        assert said(settled.punch) == (Outcome.RECORDED, None, Kind.IN)
        assert await kept_seals(desk) == {record.id: from_binary(record.sealed) for record in [*records, with_pin]}
        assert await desk.owner.fetchval("SELECT count(*) FROM pin_attempts") == 0
        secrets.come_back()
        settled = await counter.settle(by_number(desk, 50))
        assert isinstance(settled, Settled)
        assert said(settled.punch) == (Outcome.RECORDED, None, Kind.OUT)
        # Sent again, a held punch gets its first answer.
        settled = await counter.settle(records[0])
        assert isinstance(settled, Settled)
        assert (settled.duplicate, settled.punch.reason) == (True, Reason.PIN_UNCHECKED)


async def test_without_any_key_in_memory_seals_are_kept_as_they_are(
    desk: Desk, secrets: FadingSecrets, hashes: SlowHashes
) -> None:
    records = [desk.punch(0), by_number(desk, 10)]
    async with open_counter(desk, hashes) as counter:
        secrets.go(forgotten=True)
        for record in records:
            settled = await counter.settle(record)
            assert isinstance(settled, Settled)
            assert said(settled.punch) == (Outcome.HELD, Reason.SEAL_UNAVAILABLE, None)
    assert await kept_seals(desk) == {record.id: from_binary(record.sealed) for record in records}


async def test_an_unknown_badge_is_recorded_though_it_can_not_be_kept_for_an_admin(
    desk: Desk, secrets: FadingSecrets
) -> None:
    submission = desk.submission(a_punch(secrets, desk.device, "B0000000"))
    secrets.go(forgotten=True)  # after it was opened
    (answer,) = (await desk.commit([submission])).answers
    assert isinstance(answer, Settled)
    assert answer.punch.reason is Reason.BADGE_UNKNOWN
    assert not await desk.owner.fetch("SELECT FROM unknown_badges")


async def test_administration_waits_and_nothing_of_it_is_done(bureau: Bureau, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(bureau.secrets), "is_reachable", False)
    with pytest.raises(SecretsUnavailable) as caught:
        await bureau.create(bureau.chief, username="later", scope=AccountScope(site_ids=[bureau.site(0)]))
    refused = as_refused(caught.value)
    assert refused is not None
    assert refused.code is ErrorCode.UNAVAILABLE
    assert refused.retry_after_ms
    assert not await bureau.owner.fetch("SELECT FROM request_keys")
    monkeypatch.undo()
    await bureau.create(bureau.chief, username="later", scope=AccountScope(site_ids=[bureau.site(0)]))


async def test_a_hub_whose_keys_are_away_says_so_and_records(desk: Desk, secrets: FadingSecrets) -> None:
    async def redis_state() -> str:
        return "ok"

    secrets.go(forgotten=True)
    report = await Health(desk.database, secrets, redis_state, lambda: False).check()
    assert (report.secrets, report.can_record) == ("unavailable", True)
