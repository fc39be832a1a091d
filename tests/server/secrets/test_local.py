import asyncio
import hmac
import json
import os
import stat
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from protocol.values import from_binary, parse_time, to_binary
from server.secrets.first_format import FIRST_PEPPER
from server.secrets.keyring import DEFAULT_ROTATION
from server.secrets.local import LocalSecrets, open_key_file
from server.secrets.provider import BlobBroken, KeyEnded, KeyKind, Login, SecretsProvider, SecretsUnavailable

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


def _truncate(document: dict[str, Any]) -> str:
    return json.dumps(document)[:-5]


def _drop_badge_key(document: dict[str, Any]) -> str:
    del document["keys"]["badge"]
    return json.dumps(document)


def _shorten_pin_key(document: dict[str, Any]) -> str:
    document["keys"]["pin"][0]["secret"] = to_binary(b"\xaa" * 16)
    return json.dumps(document)


def _other_format(document: dict[str, Any]) -> str:
    return json.dumps(document | {"format": 3})


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize("spoil", [_truncate, _drop_badge_key, _shorten_pin_key, _other_format])
def test_what_is_no_key_file_is_refused_without_quoting_it(path: Path, spoil: Callable[[dict[str, Any]], str]) -> None:
    document = json.loads(path.read_text())
    path.write_text(spoil(dict(document)))
    with pytest.raises(SecretsUnavailable) as caught:
        open_key_file(path)
    assert document["keys"]["number"][0]["secret"] not in str(caught.value)
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
        await keys.pin_material(EMPLOYEE, "12345678", keys.pin_pepper),
        await keys.pin_material(uuid4(), "12345678", keys.pin_pepper),
        other.badge_hash("12345678"),
    ]
    assert {len(value) for value in hashes} == {32}
    assert len(set(hashes)) == len(hashes)
    assert keys.badge_hash("12345678") == hashes[0]


def test_a_blob_opens_only_where_it_belongs(keys: LocalSecrets, tmp_path: Path) -> None:
    blob = keys.encrypt(b"0A12B34C", b"punch 1")
    assert keys.decrypt(blob, b"punch 1") == b"0A12B34C"
    assert len(blob) == 8 + 37
    assert keys.encrypt(b"0A12B34C", b"punch 1") != blob
    changed = blob[:-1] + bytes([blob[-1] ^ 1])
    for broken, associated in [
        (blob, b"punch 2"),
        (changed, b"punch 1"),
        (b"", b"punch 1"),
        (b"\x02", b"punch 1"),
        (b"\x01", b"punch 1"),
    ]:
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
    assert not await keys.renew(), "it is known to all hubs before kiosks hear of it"
    clock.now += DEFAULT_ROTATION.lead
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
    assert keys.token_kid == before
    clock.now += DEFAULT_ROTATION.lead
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


async def test_a_file_of_the_first_format_is_taken_over_with_what_was_kept_by_it(path: Path, clock: Clock) -> None:
    single = {name: to_binary(os.urandom(32)) for name in ("badge", "number", "pin", "blob", "refresh", "cursor")}
    first = {f"{name}_key": key for name, key in single.items()} | {
        "format": 1,
        "metrics_token": "m" * 43,
        "token_keys": [
            {"kid": "aa", "private_key": to_binary(os.urandom(32)), "made_at": "2026-11-01T08:00:00.000000Z"}
        ],
        "sealing_keys": [
            {"id": str(EMPLOYEE), "private_key": to_binary(os.urandom(32)), "not_after": "2027-01-30T08:00:00.000000Z"}
        ],
    }
    path.write_text(json.dumps(first))
    path.chmod(0o600)
    key = from_binary(single["blob"], length=32)
    old_blob = b"\x01" + b"n" * 12 + AESGCM(key).encrypt(b"n" * 12, b"kept before", b"here")
    keys = open_key_file(path, clock=clock)
    assert keys.badge_hash("0A12B34C") == hmac.digest(from_binary(single["badge"]), b"0A12B34C", "sha256")
    assert await keys.pin_material(EMPLOYEE, "246810", FIRST_PEPPER) == hmac.digest(
        from_binary(single["pin"]), EMPLOYEE.bytes + b"246810", "sha256"
    )
    assert (keys.token_kid, keys.metrics_token) == ("aa", "m" * 43)
    assert keys.sealing_key(str(EMPLOYEE)) is not None
    assert keys.decrypt(old_blob, b"here") == b"kept before"
    assert keys.needs_rewrapping(old_blob)
    await keys.rotate(KeyKind.METRICS)
    assert json.loads(path.read_text())["format"] == 2
    assert open_key_file(path, clock=clock).decrypt(old_blob, b"here") == b"kept before"


async def test_an_old_pepper_serves_through_its_overlap(keys: LocalSecrets, clock: Clock) -> None:
    first = keys.pin_pepper
    material = await keys.pin_material(EMPLOYEE, "246810", first)
    await keys.rotate(KeyKind.PIN)
    clock.now += DEFAULT_ROTATION.lead
    assert keys.pin_pepper != first
    assert await keys.pin_material(EMPLOYEE, "246810", keys.pin_pepper) != material
    clock.now += DEFAULT_ROTATION.turns[KeyKind.PIN].overlap
    assert await keys.pin_material(EMPLOYEE, "246810", first) == material
    clock.now += timedelta(seconds=1)
    with pytest.raises(KeyEnded):
        await keys.pin_material(EMPLOYEE, "246810", first)
    with pytest.raises(KeyEnded):
        await keys.pin_material(EMPLOYEE, "246810", "never one of ours")


async def test_a_key_encryption_key_ends_only_once_nothing_is_under_it(keys: LocalSecrets, clock: Clock) -> None:
    blob = keys.encrypt(b"a data key", b"someone's")
    assert not keys.needs_rewrapping(blob)
    (first,) = keys.versions()[KeyKind.DATA]
    await keys.rotate(KeyKind.DATA, emergency=True)
    assert keys.needs_rewrapping(blob)
    clock.now += timedelta(days=3_000)
    await keys.renew()
    assert keys.decrypt(blob, b"someone's") == b"a data key"
    await keys.retire(KeyKind.DATA, first.id)
    assert keys.decrypt(blob, b"someone's") == b"a data key"
    clock.now += DEFAULT_ROTATION.turns[KeyKind.DATA].overlap + timedelta(seconds=1)
    with pytest.raises(BlobBroken):
        keys.decrypt(blob, b"someone's")


async def test_an_emergency_ends_tokens_at_once_and_nothing_else(keys: LocalSecrets) -> None:
    kid, metrics, pepper, [sealing] = keys.token_kid, keys.metrics_token, keys.pin_pepper, keys.public_sealing_keys()
    for kind in (KeyKind.TOKEN, KeyKind.METRICS, KeyKind.PIN, KeyKind.SEALING):
        await keys.rotate(kind, emergency=True)
    assert keys.token_key(kid) is None
    assert keys.token_key(keys.token_kid) is not None
    assert metrics not in keys.metrics_tokens()
    assert await keys.pin_material(EMPLOYEE, "246810", pepper)
    assert keys.sealing_key(sealing.id) is not None
    assert keys.public_sealing_keys()[0].id != sealing.id


async def test_a_login_is_whats_made_good_elsewhere(keys: LocalSecrets, clock: Clock) -> None:
    assert keys.login(KeyKind.POSTGRES) is None
    await keys.rotate(KeyKind.POSTGRES, login=Login("attendance_hub_a", "first"))
    await keys.rotate(KeyKind.POSTGRES, login=Login("attendance_hub_b", "second"))
    assert keys.login(KeyKind.POSTGRES) == Login("attendance_hub_a", "first")
    clock.now += DEFAULT_ROTATION.lead
    assert keys.login(KeyKind.POSTGRES) == Login("attendance_hub_b", "second")
    assert "second" not in repr(keys.login(KeyKind.POSTGRES))
    with pytest.raises(ValueError, match="a login is made where it is good"):
        await keys.rotate(KeyKind.POSTGRES)


async def test_erasures_are_kept_once_and_read_by_every_hub(path: Path, keys: LocalSecrets) -> None:
    other = open_key_file(path)
    await keys.note_erasure(EMPLOYEE, NOW)
    await other.note_erasure(EMPLOYEE, NOW + timedelta(days=1))
    assert await keys.erasures() == await other.erasures() == {EMPLOYEE: NOW}


def test_it_is_a_provider(keys: LocalSecrets) -> None:
    provider: SecretsProvider = keys
    assert asyncio.run(provider.state()) == "ok"
