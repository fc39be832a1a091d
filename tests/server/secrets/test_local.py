import asyncio
import json
import os
import stat
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from protocol.values import from_binary, parse_time, to_binary
from server.secrets.local import LocalSecrets, open_key_file
from server.secrets.provider import BlobBroken, SecretsProvider, SecretsUnavailable

NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)
EMPLOYEE = UUID("0192f000-0000-7000-8000-000000000001")


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys(path: Path, clock: Clock) -> LocalSecrets:
    return open_key_file(path, clock=clock)


def test_the_file_is_private_whole_and_kept(path: Path, keys: LocalSecrets) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not list(path.parent.glob("*.new"))
    again = open_key_file(path)
    assert again.badge_hash("0A12B34C") == keys.badge_hash("0A12B34C")
    assert again.token_kid == keys.token_kid


def test_the_mode_does_not_depend_on_the_umask(path: Path) -> None:
    before = os.umask(0)
    try:
        open_key_file(path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601])
def test_a_file_that_lets_others_in_is_refused(path: Path, mode: int) -> None:
    path.chmod(mode)
    with pytest.raises(SecretsUnavailable, match=f"mode {mode:04o} lets others in"):
        open_key_file(path)


@pytest.mark.usefixtures("keys")
def test_a_file_of_another_owner_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = path.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(SecretsUnavailable, match="owned by user"):
        open_key_file(path)


def _truncate(document: dict[str, object]) -> str:
    return json.dumps(document)[:-5]


def _drop_badge_key(document: dict[str, object]) -> str:
    del document["badge_key"]
    return json.dumps(document)


def _shorten_pin_key(document: dict[str, object]) -> str:
    return json.dumps(document | {"pin_key": to_binary(b"\xaa" * 16)})


def _other_format(document: dict[str, object]) -> str:
    return json.dumps(document | {"format": 2})


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize("spoil", [_truncate, _drop_badge_key, _shorten_pin_key, _other_format])
def test_what_is_no_key_file_is_refused_without_quoting_it(
    path: Path, spoil: Callable[[dict[str, object]], str]
) -> None:
    document = json.loads(path.read_text())
    path.write_text(spoil(dict(document)))
    with pytest.raises(SecretsUnavailable) as caught:
        open_key_file(path)
    assert document["number_key"] not in str(caught.value)
    assert to_binary(b"\xaa" * 16) not in str(caught.value)


def test_a_start_that_dies_on_the_way_leaves_no_half_of_a_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full_disk)
        with pytest.raises(SecretsUnavailable, match="No space left"):
            open_key_file(path)
    assert not path.exists()
    assert open_key_file(path).token_kid


def test_a_pipe_in_its_place_keeps_nobody_waiting(path: Path) -> None:
    os.mkfifo(path, 0o600)
    with pytest.raises(SecretsUnavailable, match="not a regular file"):
        open_key_file(path)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(SecretsUnavailable, match="folder can't be written"):
        open_key_file(tmp_path / "none" / "keys.json")


def _badge_hash_in_another_process(path: Path) -> bytes:
    return open_key_file(path).badge_hash("0A12B34C")


def test_two_hubs_that_start_at_once_agree(path: Path) -> None:
    with ProcessPoolExecutor(2) as hubs:
        hashes = set(hubs.map(_badge_hash_in_another_process, [path] * 4))
    assert hashes == {open_key_file(path).badge_hash("0A12B34C")}


async def test_hashes_are_32_bytes_and_keyed_by_purpose(keys: LocalSecrets, tmp_path: Path) -> None:
    other = open_key_file(tmp_path / "other.json")
    hashes = [
        keys.badge_hash("12345678"),
        keys.number_hash("12345678"),
        keys.refresh_mac(b"12345678"),
        keys.keyed_hash("cursor", b"12345678"),
        keys.keyed_hash("request", b"12345678"),
        await keys.pin_material(EMPLOYEE, "12345678"),
        await keys.pin_material(uuid4(), "12345678"),
        other.badge_hash("12345678"),
    ]
    assert {len(value) for value in hashes} == {32}
    assert len(set(hashes)) == len(hashes)
    assert keys.badge_hash("12345678") == hashes[0]


def test_a_blob_opens_only_where_it_belongs(keys: LocalSecrets, tmp_path: Path) -> None:
    blob = keys.encrypt(b"0A12B34C", b"punch 1")
    assert keys.decrypt(blob, b"punch 1") == b"0A12B34C"
    assert len(blob) == 8 + 29
    assert keys.encrypt(b"0A12B34C", b"punch 1") != blob
    changed = blob[:-1] + bytes([blob[-1] ^ 1])
    for broken, associated in [(blob, b"punch 2"), (changed, b"punch 1"), (b"", b"punch 1"), (b"\x02", b"punch 1")]:
        with pytest.raises(BlobBroken):
            keys.decrypt(broken, associated)
    with pytest.raises(BlobBroken):
        open_key_file(tmp_path / "other.json").decrypt(blob, b"punch 1")


async def test_a_signature_verifies_with_the_published_key(keys: LocalSecrets) -> None:
    kid = keys.token_kid
    signature = await keys.sign_token(kid, b"header.claims")
    public = keys.token_key(kid)
    assert public is not None
    public.verify(signature, b"header.claims")
    [published] = keys.jwks()["keys"]
    assert from_binary(published["x"], length=32) == public.public_bytes_raw()
    assert "d" not in published
    assert keys.token_key("unknown") is None


def test_a_sealing_key_opens_for_90_days_past_its_end(keys: LocalSecrets, clock: Clock) -> None:
    [public] = keys.public_sealing_keys()
    private = keys.sealing_key(public.id)
    assert private is not None
    assert to_binary(private.public_key().public_bytes_raw()) == public.public_key
    assert parse_time(public.not_after) == NOW + timedelta(days=90)
    clock.now = NOW + timedelta(days=180)
    assert keys.sealing_key(public.id) is not None
    clock.now += timedelta(seconds=1)
    assert keys.sealing_key(public.id) is None
    assert keys.sealing_key("unknown") is None


async def test_renewal_reaches_the_other_hub_and_keeps_old_keys(path: Path, keys: LocalSecrets, clock: Clock) -> None:
    other = open_key_file(path, clock=clock)
    [first] = keys.public_sealing_keys()
    assert not await keys.renew()
    clock.now = NOW + timedelta(days=61)
    assert await keys.renew()
    newest, kept = keys.public_sealing_keys()
    assert kept == first
    assert newest.not_after > first.not_after
    # A kiosk may seal to the new key before the other hub was told of it.
    assert other.sealing_key(newest.id) is not None
    assert await other.renew()
    assert not await other.renew()
    assert list(other.public_sealing_keys()) == [newest, kept]
    assert other.badge_hash("0A12B34C") == keys.badge_hash("0A12B34C")


async def test_token_keys_rotate_and_the_previous_verifies(path: Path, keys: LocalSecrets, clock: Clock) -> None:
    other = open_key_file(path, clock=clock)
    before = keys.token_kid
    clock.now = NOW + timedelta(days=91)
    await keys.renew()
    assert keys.token_kid != before
    assert [key["kid"] for key in keys.jwks()["keys"]] == [keys.token_kid, before]
    assert other.token_key(keys.token_kid) is not None
    assert keys.token_key(before) is not None


async def test_a_spoilt_file_leaves_a_running_hub_working(path: Path, keys: LocalSecrets) -> None:
    path.chmod(0o644)
    path.write_text("{}")
    assert keys.token_key("unknown") is None
    assert keys.token_key(keys.token_kid) is not None
    with pytest.raises(SecretsUnavailable):
        await keys.renew()
    assert len(keys.badge_hash("0A12B34C")) == 32


def test_it_is_a_provider(keys: LocalSecrets) -> None:
    provider: SecretsProvider = keys
    assert asyncio.run(provider.state()) == "ok"
