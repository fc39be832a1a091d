"""Keys kept in Vault (or OpenBao): a document in KV, each key in it wrapped by Transit, the whole signed by Transit.

A hub reads it and keeps the keys in memory, for a limited time. PINs are hashed by Vault itself: that key never leaves
it. Only a rotator may write; where two do at once, KV's check-and-set refuses the later one, which tries again.
"""

from __future__ import annotations

import base64
import contextlib
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self
from uuid import UUID

from server.secrets import vault_document
from server.secrets.keyring import DEFAULT_ROTATION, Keyring, Rotation, due, new_keyring, renewed, retired, rotated
from server.secrets.memory import KeyringSecrets, Unlocked
from server.secrets.provider import KeyEnded, KeyInfo, KeyKind, Login, SecretsUnavailable
from server.secrets.vault_client import VaultFault, VaultRejected, VaultState, listing, part, read, text_part
from server.secrets.vault_document import Document
from server.secrets.vault_session import VaultSession
from server.secrets.vault_setup import KV, PIN, TRANSIT

_TRIES: Final = 5
"""At writing: as often may another rotator be quicker."""
_AT: Final = "@"


class VaultSecrets(KeyringSecrets):
    """A SecretsProvider over Vault. Make it with `open`, from a session that has started.

    Args:
        cache_minutes: the keys are used so long after Vault last gave them; then every use is refused.
        may_rotate: whether the session's policy lets it write (a rotator's).
    """

    def __init__(
        self,
        session: VaultSession,
        document: Document,
        ring: Keyring,
        *,
        clock: Callable[[], datetime],
        rotation: Rotation,
        cache_minutes: float,
        may_rotate: bool,
        monotonic: Callable[[], float],
        asked_at: float,
    ) -> None:
        self._session = session
        self._document = document
        self._cache_seconds = cache_minutes * 60
        self._may_rotate = may_rotate
        self._monotonic = monotonic
        self._given_at = asked_at
        super().__init__(ring, clock=clock, rotation=rotation)

    @classmethod
    async def open(
        cls,
        session: VaultSession,
        *,
        clock: Callable[[], datetime],
        rotation: Rotation = DEFAULT_ROTATION,
        cache_minutes: float = 60.0,
        may_rotate: bool = False,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> Self:
        """The keys as they are in Vault; a rotator makes them where there are none.

        Raises:
            SecretsUnavailable: Vault is away or denies it, there are no keys yet, or they aren't what was signed.
        """
        asked_at = monotonic()
        document = await vault_document.read_document(session)
        if document is None:
            if not may_rotate:
                raise SecretsUnavailable("Vault holds no keys yet; make them with `attendance-hub secrets init`")
            ring = new_keyring(clock(), rotation, kept_elsewhere={KeyKind.PIN: _pepper(1)})
            with contextlib.suppress(VaultRejected):  # another rotator was quicker
                await vault_document.write_document(session, ring, after=0)
            document = await vault_document.read_document(session)
            if document is None:
                raise SecretsUnavailable("Vault does not show the keys that were written into it")
        return cls(
            session,
            document,
            await vault_document.unwrapped(session, document),
            clock=clock,
            rotation=rotation,
            cache_minutes=cache_minutes,
            may_rotate=may_rotate,
            monotonic=monotonic,
            asked_at=asked_at,
        )

    @property
    def _keys(self) -> Unlocked:
        if self._monotonic() - self._given_at > self._cache_seconds:
            raise SecretsUnavailable("Vault has been away for longer than its keys may be used without it")
        return self._unlocked

    async def pin_material(self, employee_id: UUID, pin: str, pepper: str) -> bytes:
        if self._serving(KeyKind.PIN, pepper) is None:
            raise KeyEnded("the key of this PIN has served its time")
        message = base64.b64encode(employee_id.bytes + pin.encode()).decode()
        data = {"input": message, "key_version": int(pepper, 16)}
        answer = await self._session.ask(lambda vault: vault.write_data(f"{TRANSIT}/hmac/{PIN}/sha2-256", data=data))
        version, _, mac = text_part(answer, "data", "hmac").removeprefix("vault:v").partition(":")
        material = base64.b64decode(mac)
        if version != str(int(pepper, 16)) or len(material) != 32:
            raise VaultFault(VaultState.UNREACHABLE, "Vault hashed with another key than it was asked for")
        return material

    async def rotate(self, kind: KeyKind, *, emergency: bool = False, login: Login | None = None) -> KeyInfo:
        pepper: str | None = None
        if kind is KeyKind.PIN:
            await self._session.ask(lambda vault: vault.write_data(f"{TRANSIT}/keys/{PIN}/rotate"))
            answer = await self._session.ask(read(f"{TRANSIT}/keys/{PIN}"))
            pepper = _pepper(part(answer, "data", "latest_version"))
        made: list[KeyInfo] = []

        def change(ring: Keyring) -> Keyring:
            if taken := next((v for v in ring.of(kind) if v.id == pepper), None):
                made.append(taken.info)  # two rotated at once, and the other wrote the later of both
                return ring
            after, new = rotated(
                ring, kind, self._clock(), self._rotation, at_once=emergency, login=login, kept_elsewhere=pepper
            )
            made.append(new.info)
            return after

        await self._change(change)
        return made[-1]

    async def retire(self, kind: KeyKind, key_id: str) -> None:
        await self._change(lambda ring: retired(ring, kind, key_id, self._clock(), self._rotation))

    async def note_erasure(self, employee_id: UUID, at: datetime) -> None:
        if employee_id in await self.erasures():
            return
        # Everything is in the name, so that one list shows all; two hubs at once leave two, of which the first counts.
        name = f"{employee_id}{_AT}{int(at.timestamp() * 1_000_000)}"
        try:
            await self._session.ask(
                lambda vault: vault.write_data(f"{KV}/data/erasures/{name}", data={"data": {}, "options": {"cas": 0}})
            )
        except VaultRejected:
            if employee_id not in await self.erasures():
                raise

    async def erasures(self) -> Mapping[UUID, datetime]:
        answer = await self._session.ask(listing(f"{KV}/metadata/erasures"))
        names = part(answer, "data", "keys") if answer else []
        found: dict[UUID, datetime] = {}
        for name in names:
            employee, _, at = str(name).partition(_AT)
            try:
                employee_id = UUID(employee)
                moment = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=int(at))
            except (ValueError, OverflowError):
                raise SecretsUnavailable("Vault's list of erasures holds something else") from None
            found[employee_id] = min(moment, found.get(employee_id, moment))
        return found

    async def renew(self) -> bool:
        await self._load()
        if self._may_rotate:
            if KeyKind.PIN in due(self._document_ring, self._clock(), self._rotation):
                await self.rotate(KeyKind.PIN)
            ring = self._document_ring
            if self._renewed(ring) != ring:
                await self._change(self._renewed)
        return self._announce()

    @property
    def is_reachable(self) -> bool:
        return self._session.state is VaultState.OK

    async def state(self) -> str:
        return self._session.state

    @property
    def _document_ring(self) -> Keyring:
        return self._unlocked.ring

    def _renewed(self, ring: Keyring) -> Keyring:
        # A PIN key is made by Vault first (`rotate`).
        return renewed(ring, self._clock(), self._rotation, but=frozenset({KeyKind.PIN}))

    async def _change(self, change: Callable[[Keyring], Keyring]) -> None:
        for last in (*[False] * (_TRIES - 1), True):
            await self._load()
            ring = self._document_ring
            if (after := change(ring)) == ring:
                return
            try:
                await vault_document.write_document(self._session, after, after=self._document.serial)
            except VaultRejected:
                if last:
                    raise
            else:
                await self._load()
                return

    async def _load(self) -> None:
        asked_at = self._monotonic()
        document = await vault_document.read_document(self._session)
        if document is None:
            raise SecretsUnavailable("Vault's keys are gone")
        if document.serial < self._document.serial:
            raise SecretsUnavailable("Vault's keys are older than those it gave before: somebody put old ones back")
        # Unwrapped each time, also when nothing changed: keys that Vault gives no more are not kept.
        self._take(await vault_document.unwrapped(self._session, document))
        self._document, self._given_at = document, asked_at


def _pepper(version: Any) -> str:  # noqa: ANN401 - JSON
    if not isinstance(version, int) or version < 1:
        raise VaultFault(VaultState.UNREACHABLE, "Vault names no version of its PIN key")
    return f"{version:016x}"
