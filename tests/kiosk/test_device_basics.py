"""The device's clocks, identity and settings."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kiosk.clock import Boot, TimeRound, hub_time_at, new_id
from kiosk.identity import FILE_NAME, Identity, IdentityError, keep_identity, load_identity
from kiosk.settings import Settings, SettingsError, load_settings, meanings
from protocol.commands import Clock
from protocol.replies import TimeSyncResult
from protocol.values import format_time

HUB = datetime(2026, 11, 24, 8, 0, 0, tzinfo=UTC)


def test_of_a_round_the_surest_sample_counts() -> None:
    round_ = TimeRound(3)
    for sent_ms, way_there_ms, way_back_ms, at_hub_ms in ((1000, 40, 40, 0), (2000, 3, 3, 50), (3000, 10, 30, 0)):
        before = round_.wants_sample
        round_.sent(sent_ms)
        assert (before, round_.wants_sample) == (True, False), "one after another"
        t1 = HUB + timedelta(milliseconds=sent_ms + way_there_ms)
        t2 = t1 + timedelta(milliseconds=at_hub_ms)
        answer = TimeSyncResult(re=2, t0=0, t1=format_time(t1), t2=format_time(t2))
        round_.answered(answer, sent_ms + way_there_ms + at_hub_ms + way_back_ms)
    assert round_.is_over
    assert round_.best == Clock(
        hub_time=format_time(HUB + timedelta(milliseconds=2056)), monotonic_ms=2056, uncertainty_ms=4
    )
    assert hub_time_at(round_.best, 2156) == HUB + timedelta(milliseconds=2156)


def test_a_hub_that_was_faster_than_the_monotonic_clocks_grain_is_no_trouble() -> None:
    round_ = TimeRound(1)
    round_.sent(10)
    later = format_time(HUB + timedelta(microseconds=700))
    round_.answered(TimeSyncResult(re=2, t0=0, t1=format_time(HUB), t2=later), 10)
    assert round_.best == Clock(hub_time=later, monotonic_ms=10, uncertainty_ms=1)


def test_a_round_without_an_answer_is_over_and_has_nothing() -> None:
    round_ = TimeRound(2)
    for _ in range(2):
        round_.sent(0)
        round_.failed()
    assert round_.is_over
    assert round_.best is None


def test_the_boots_clock_goes_on_within_a_boot(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    first, second = Boot.current(), Boot.current()
    assert first.survives_process
    assert first.boot_id == second.boot_id
    assert second.monotonic_ms() >= first.monotonic_ms() > 0

    monkeypatch.setattr("kiosk.clock._BOOT_ID", tmp_path / "none")
    third, fourth = Boot.current(), Boot.current()
    assert not third.survives_process
    assert third.boot_id != fourth.boot_id


def test_ids_are_version_7_and_sort_by_time() -> None:
    ids = [new_id(HUB + timedelta(milliseconds=step)) for step in range(50)]
    assert ids == sorted(ids)
    assert {(each.version, each.variant) for each in ids} == {(7, "specified in RFC 4122")}
    assert len({new_id(HUB) for _ in range(100)}) == 100


def test_an_identity_is_kept_for_its_user_alone(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    assert load_identity(folder) is None
    identity = Identity(uuid4(), Ed25519PrivateKey.generate())
    keep_identity(folder, identity)
    keep_identity(folder, identity)
    loaded = load_identity(folder)
    assert loaded is not None
    assert loaded.device_id == identity.device_id
    assert loaded.key.private_bytes_raw() == identity.key.private_bytes_raw()
    assert (folder / FILE_NAME).stat().st_mode & 0o777 == 0o600
    assert [file.name for file in folder.iterdir()] == [FILE_NAME]


def test_another_devices_folder_is_not_taken_over(tmp_path: Path) -> None:
    keep_identity(tmp_path, Identity(uuid4(), Ed25519PrivateKey.generate()))
    before = (tmp_path / FILE_NAME).read_bytes()
    with pytest.raises(IdentityError, match="belongs to device"):
        keep_identity(tmp_path, Identity(uuid4(), Ed25519PrivateKey.generate()))
    assert (tmp_path / FILE_NAME).read_bytes() == before


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"device_id": "x", "private_key": "y"}', "\xff"])
def test_a_damaged_identity_is_said_so(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE_NAME).write_bytes(text.encode("latin-1"))
    (tmp_path / FILE_NAME).chmod(0o600)
    with pytest.raises(IdentityError, match="damaged"):
        load_identity(tmp_path)


def test_an_identity_that_others_can_read_is_not_used(tmp_path: Path) -> None:
    keep_identity(tmp_path, Identity(uuid4(), Ed25519PrivateKey.generate()))
    (tmp_path / FILE_NAME).chmod(0o640)
    with pytest.raises(IdentityError, match="0600"):
        load_identity(tmp_path)


def test_settings_come_from_the_environment() -> None:
    found = load_settings({"ATTENDANCE_KIOSK_ANSWERED_KEPT_DAYS": "30", "ATTENDANCE_KIOSK_TIME_SYNC_SAMPLES": "2"})
    assert (found.answered_kept_days, found.time_sync_samples) == (30.0, 2)
    assert load_settings({"PATH": "/bin"}) == Settings()


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"ATTENDANCE_KIOSK_ANSWERED_KEPT_WEEKS": "1"}, "ATTENDANCE_KIOSK_ANSWERED_KEPT_WEEKS: no such setting"),
        ({"ATTENDANCE_KIOSK_TIME_SYNC_SAMPLES": "many"}, "ATTENDANCE_KIOSK_TIME_SYNC_SAMPLES: not a number"),
        ({"ATTENDANCE_KIOSK_TIME_SYNC_SAMPLES": "0"}, "time_sync_samples: 1 … 10"),
        ({"ATTENDANCE_KIOSK_BACKOFF_CAP_SECONDS": "nan"}, "backoff_cap_seconds"),
    ],
)
def test_what_is_wrong_in_the_environment_is_named(environment: dict[str, str], words: str) -> None:
    with pytest.raises(SettingsError) as raised:
        load_settings(environment)
    assert words in str(raised.value)


def test_every_setting_says_what_it_means_with_its_unit() -> None:
    for name, meaning in meanings().items():
        assert meaning.description
        assert name.endswith(("_seconds", "_days", "_ms", "_samples", "_in_flight"))


def test_a_device_id_is_a_uuid() -> None:
    with pytest.raises(ValueError, match="badly formed"):
        Identity.of("terminal 2", "A" * 43)
    assert Identity.of(str(UUID(int=7)), "A" * 43).device_id == UUID(int=7)
