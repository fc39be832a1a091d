"""What every SecretsProvider does, asked of the key file and of a real OpenBao alike, and what only Vault's must do."""

import asyncio
import functools
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import hvac
import pytest
import pytest_asyncio
from cryptography.exceptions import InvalidSignature

from server.secrets import vault_setup
from server.secrets.keyring import DEFAULT_ROTATION
from server.secrets.local import LocalSecrets, open_key_file
from server.secrets.provider import BlobBroken, KeyEnded, KeyKind, Login, SecretsUnavailable
from server.secrets.vault import VaultSecrets
from server.secrets.vault_client import VaultClient, VaultFault, VaultState
from server.secrets.vault_session import VaultSession
from storage.embedded.openbao import EmbeddedOpenBao

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)
EMPLOYEE = UUID("0192f000-0000-7000-8000-000000000001")
OTHER = UUID("0192f000-0000-7000-8000-000000000002")
CACHE_MINUTES = 30.0
LOGINS = (KeyKind.POSTGRES, KeyKind.REDIS)

Secrets = LocalSecrets | VaultSecrets


@dataclass
class World:
    """Where keys live: a hub that reads them, whoever rotates them (with a key file, the same), and the time."""

    open_hub: Callable[[], Awaitable[Secrets]]
    hub: Secrets = field(init=False)
    rotator: Secrets = field(init=False)
    now: datetime = NOW
    seconds: float = 0.0

    def clock(self) -> datetime:
        return self.now

    def monotonic(self) -> float:
        return self.seconds

    async def rotate(self, kind: KeyKind, *, emergency: bool = False, login: Login | None = None) -> None:
        await self.rotator.rotate(kind, emergency=emergency, login=login)
        await self.hub.renew()


@dataclass
class Vault(World):
    """A World whose keys are in OpenBao, with the root's own client for what nobody else may do."""

    root: Any = None
    session: VaultSession = field(init=False)


async def _local(folder: Path) -> World:
    async def open_hub() -> Secrets:
        return open_key_file(folder / "keys.json", clock=made.clock)

    made = World(open_hub)
    made.hub = made.rotator = await open_hub()
    return made


async def _vault(bao: EmbeddedOpenBao, folder: Path, stack: AsyncExitStack) -> Vault:
    numbers = itertools.count()
    client = VaultClient(bao.url)
    stack.callback(client.close)

    async def session_of(role: str) -> VaultSession:
        file = folder / f"wrapped-{next(numbers)}"
        session = VaultSession(client, await vault_setup.hand_out(client, bao.root_token, role, file))
        await session.start()
        stack.push_async_callback(session.stop)
        return session

    async def open_hub() -> VaultSecrets:
        made.session = await session_of(vault_setup.HUB)
        return await VaultSecrets.open(
            made.session, clock=made.clock, monotonic=made.monotonic, cache_minutes=CACHE_MINUTES
        )

    made = Vault(open_hub, root=hvac.Client(bao.url, token=bao.root_token, timeout=10))
    made.root.delete("attendance/metadata/keyring")
    for name in (made.root.list("attendance/metadata/erasures") or {"data": {"keys": []}})["data"]["keys"]:
        made.root.delete(f"attendance/metadata/erasures/{name}")
    made.rotator = await VaultSecrets.open(
        await session_of(vault_setup.ROTATOR), clock=made.clock, monotonic=made.monotonic, may_rotate=True
    )
    made.hub = await open_hub()
    return made


@pytest_asyncio.fixture(loop_scope="module")
async def vault(bao: EmbeddedOpenBao, tmp_path: Path) -> AsyncIterator[Vault]:
    async with AsyncExitStack() as stack:
        yield await _vault(bao, tmp_path, stack)


@pytest_asyncio.fixture(params=["local", "vault"], loop_scope="module")
async def world(request: pytest.FixtureRequest, bao: EmbeddedOpenBao, tmp_path: Path) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        yield await _local(tmp_path) if request.param == "local" else await _vault(bao, tmp_path, stack)


async def test_all_hubs_have_the_same_keys_each_for_one_purpose(world: World) -> None:
    one, other = world.hub, await world.open_hub()
    pin = await one.pin_material(EMPLOYEE, "246810", one.pin_pepper)
    values = [
        one.badge_hash("1"), one.number_hash("1"), one.refresh_mac(b"1"), one.keyed_hash("a", b"1"),
        one.keyed_hash("b", b"1"), pin,
    ]  # fmt: skip
    assert values == [
        other.badge_hash("1"), other.number_hash("1"), other.refresh_mac(b"1"), other.keyed_hash("a", b"1"),
        other.keyed_hash("b", b"1"), await other.pin_material(EMPLOYEE, "246810", other.pin_pepper),
    ]  # fmt: skip
    assert len(set(values)) == len(values)
    assert {len(value) for value in values} == {32}
    assert other.decrypt(one.encrypt(b"a data key", b"someone's"), b"someone's") == b"a data key"
    with pytest.raises(BlobBroken):
        other.decrypt(one.encrypt(b"a data key", b"someone's"), b"another's")
    assert one.public_sealing_keys() == other.public_sealing_keys()
    assert one.metrics_token == other.metrics_token
    assert await one.state() == "ok"
    assert one.is_reachable


async def test_a_pin_is_bound_to_its_owner_and_its_pepper_through_the_overlap(world: World) -> None:
    first = world.hub.pin_pepper
    material = await world.hub.pin_material(EMPLOYEE, "246810", first)
    assert await world.hub.pin_material(OTHER, "246810", first) != material
    assert await world.hub.pin_material(EMPLOYEE, "246811", first) != material
    await world.rotate(KeyKind.PIN)
    assert world.hub.pin_pepper == first, "not before every hub knows it"
    world.now += DEFAULT_ROTATION.lead
    second = world.hub.pin_pepper
    assert second != first
    assert await world.hub.pin_material(EMPLOYEE, "246810", second) != material
    world.now += DEFAULT_ROTATION.turns[KeyKind.PIN].overlap
    assert await world.hub.pin_material(EMPLOYEE, "246810", first) == material
    world.now += timedelta(seconds=1)
    for ended in (first, "00000000000f4240"):
        with pytest.raises(KeyEnded):
            await world.hub.pin_material(EMPLOYEE, "246810", ended)


async def test_a_token_key_turns_without_logging_anybody_out(world: World) -> None:
    first = world.hub.token_kid
    signature = await world.hub.sign_token(first, b"header.claims")
    await world.rotate(KeyKind.TOKEN)
    world.now += DEFAULT_ROTATION.lead
    second = world.hub.token_kid
    assert second != first
    assert [key["kid"] for key in world.hub.jwks()["keys"]] == [second, first]
    public = world.hub.token_key(first)
    assert public is not None
    public.verify(signature, b"header.claims")
    newer = world.hub.token_key(second)
    assert newer is not None
    with pytest.raises(InvalidSignature):
        newer.verify(signature, b"header.claims")
    world.now += DEFAULT_ROTATION.turns[KeyKind.TOKEN].overlap + timedelta(seconds=1)
    assert world.hub.token_key(first) is None


async def test_an_emergency_ends_tokens_at_once_and_keeps_what_was_made(world: World) -> None:
    kid, metrics, pepper, [sealing] = (
        world.hub.token_kid, world.hub.metrics_token, world.hub.pin_pepper, world.hub.public_sealing_keys(),
    )  # fmt: skip
    blob = world.hub.encrypt(b"a data key", b"")
    for kind in (KeyKind.TOKEN, KeyKind.METRICS, KeyKind.PIN, KeyKind.SEALING, KeyKind.DATA):
        await world.rotate(kind, emergency=True)
    assert world.hub.token_key(kid) is None
    assert metrics not in world.hub.metrics_tokens()
    assert world.hub.pin_pepper != pepper
    assert await world.hub.pin_material(EMPLOYEE, "246810", pepper)
    assert world.hub.sealing_key(sealing.id) is not None
    assert world.hub.public_sealing_keys()[0].id != sealing.id
    assert world.hub.needs_rewrapping(blob)
    assert world.hub.decrypt(blob, b"") == b"a data key"


async def test_a_retired_key_ends_after_its_overlap(world: World) -> None:
    blob = world.hub.encrypt(b"a data key", b"")
    (first,) = world.hub.versions()[KeyKind.DATA]
    await world.rotate(KeyKind.DATA, emergency=True)
    await world.rotator.retire(KeyKind.DATA, first.id)
    await world.hub.renew()
    assert world.hub.decrypt(blob, b"") == b"a data key"
    world.now += DEFAULT_ROTATION.turns[KeyKind.DATA].overlap + timedelta(seconds=1)
    with pytest.raises(BlobBroken):
        world.hub.decrypt(blob, b"")
    with pytest.raises(ValueError, match="no superseded key"):
        await world.rotator.retire(KeyKind.DATA, world.hub.versions()[KeyKind.DATA][0].id)


async def test_logins_are_handed_on_to_every_hub(world: World) -> None:
    assert world.hub.login(KeyKind.POSTGRES) is None
    await world.rotate(KeyKind.POSTGRES, login=Login("attendance_hub_a", "first"))
    await world.rotate(KeyKind.POSTGRES, login=Login("attendance_hub_b", "second"))
    assert world.hub.login(KeyKind.POSTGRES) == Login("attendance_hub_a", "first")
    world.now += DEFAULT_ROTATION.lead
    assert world.hub.login(KeyKind.POSTGRES) == Login("attendance_hub_b", "second")


async def test_keys_are_renewed_when_their_turn_comes_and_kiosks_are_told(world: World) -> None:
    pepper, [sealing] = world.hub.pin_pepper, world.hub.public_sealing_keys()
    assert not await world.hub.renew()
    world.now += timedelta(days=61)
    await world.rotator.renew()
    assert not await world.hub.renew(), "no kiosk seals to a key before every hub knows it"
    world.now += DEFAULT_ROTATION.lead
    assert await world.hub.renew()
    assert not await world.hub.renew()
    assert world.hub.public_sealing_keys()[0].id != sealing.id
    world.now += timedelta(days=305)
    await world.rotator.renew()
    world.now += DEFAULT_ROTATION.lead
    await world.hub.renew()
    assert world.hub.pin_pepper != pepper
    assert all(len(of) == 2 for kind, of in world.hub.versions().items() if kind in (KeyKind.PIN, KeyKind.DATA))


async def test_rotations_at_once_lose_no_key(world: World) -> None:
    kinds = [KeyKind.TOKEN, KeyKind.SEALING, KeyKind.DATA]
    made = await asyncio.gather(*(world.rotator.rotate(kind) for kind in kinds))
    await world.hub.renew()
    for kind, new in zip(kinds, made, strict=True):
        assert world.hub.versions()[kind][0] == new


async def test_an_erasure_is_written_once_and_read_by_every_hub(world: World) -> None:
    other = await world.open_hub()
    assert await other.erasures() == {}
    await world.hub.note_erasure(EMPLOYEE, NOW)
    await other.note_erasure(EMPLOYEE, NOW + timedelta(days=1))
    await other.note_erasure(OTHER, NOW + timedelta(microseconds=1))
    assert await world.hub.erasures() == {EMPLOYEE: NOW, OTHER: NOW + timedelta(microseconds=1)}


def _write(path: str, data: dict[str, Any], asked: Any) -> Any:  # noqa: ANN401 - hvac is untyped
    return asked.write_data(path, data=data)


async def test_a_hub_at_vault_can_change_no_key(vault: Vault) -> None:
    for kind in (KeyKind.TOKEN, KeyKind.PIN):
        with pytest.raises(VaultFault, match="denies it"):
            await vault.hub.rotate(kind)
    writes: list[tuple[str, dict[str, Any]]] = [
        ("attendance/data/keyring", {"data": {}, "options": {"cas": 1}}),
        ("attendance-transit/sign/signing", {"input": ""}),
        ("attendance-transit/keys/pin/rotate", {}),
        (f"attendance/data/erasures/{EMPLOYEE}@0", {"data": {}}),
    ]
    for path, data in writes:
        with pytest.raises(VaultFault):
            await vault.session.ask(functools.partial(_write, path, data))


async def test_vault_holds_no_key_in_the_clear(vault: Vault) -> None:
    await vault.rotate(KeyKind.REDIS, login=Login("hub", "a-planted-password"))
    text = str(vault.root.read("attendance/data/keyring"))
    ring = vault.hub._keys.ring
    plain = [version.secret for of in ring.keys.values() for version in of if version.secret]
    assert "a-planted-password" in plain
    assert len(plain) > 8
    assert not [secret for secret in plain if secret in text]


async def test_a_document_that_was_changed_or_put_back_is_refused(vault: Vault) -> None:
    kept = vault.root.read("attendance/data/keyring")["data"]["data"]

    def put(document: dict[str, str], version: int) -> None:
        vault.root.write_data("attendance/data/keyring", data={"data": document, "options": {"cas": version}})

    put({**kept, "document": kept["document"].replace("hash", "token", 1)}, 1)
    with pytest.raises(SecretsUnavailable, match="not what was signed"):
        await vault.hub.renew()
    put(kept, 2)
    with pytest.raises(SecretsUnavailable, match="older than"):
        await vault.hub.renew()
    with pytest.raises(SecretsUnavailable, match="older than"):
        await vault.open_hub()


async def test_keys_serve_on_while_vault_is_sealed_and_no_longer_than_they_may(
    bao: EmbeddedOpenBao, vault: Vault
) -> None:
    badge = vault.hub.badge_hash("0A12B34C")
    vault.seconds += 60
    await vault.hub.renew()
    await bao.seal()
    try:
        with pytest.raises(SecretsUnavailable, match="sealed"):
            await vault.hub.renew()
        assert await vault.hub.state() == "sealed"
        assert not vault.hub.is_reachable
        with pytest.raises(SecretsUnavailable):
            await vault.hub.pin_material(EMPLOYEE, "246810", vault.hub.pin_pepper)
        vault.seconds += CACHE_MINUTES * 60
        assert vault.hub.badge_hash("0A12B34C") == badge
        vault.seconds += 1
        with pytest.raises(SecretsUnavailable, match="longer than its keys may be used"):
            vault.hub.badge_hash("0A12B34C")
        with pytest.raises(SecretsUnavailable):
            vault.hub.token_key("any")
    finally:
        await bao.unseal()
    await vault.hub.renew()
    assert vault.hub.badge_hash("0A12B34C") == badge
    assert vault.session.state is VaultState.OK


async def test_a_hub_makes_no_keys_where_there_are_none(vault: Vault) -> None:
    vault.root.delete("attendance/metadata/keyring")
    with pytest.raises(SecretsUnavailable, match="secrets init"):
        await vault.open_hub()
    with pytest.raises(SecretsUnavailable, match="gone"):
        await vault.hub.renew()
