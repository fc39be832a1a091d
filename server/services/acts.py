"""Administrative acts: each one transaction that changes, audits and remembers its answer, or does nothing at all.

The same request again (its `request_key`) does nothing and gets the same answer, less the secrets in it, on any hub,
whatever became of the first answer.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from uuid import UUID

import msgspec

from protocol.base import Reply, WriteCommand
from protocol.errors import ErrorCode
from protocol.values import Role
from server.errors import Refused
from server.rules.permissions import Scope, is_permitted
from server.secrets.provider import SecretsProvider, SecretsUnavailable
from storage.errors import RowRefused
from storage.postgres import Connection, Database
from storage.repositories import audit, request_keys, sessions

_R = TypeVar("_R", bound=Reply)
OPERATOR: Final = "operator"
"""Who acts on the hub's own command line."""
_ANEW_MS: Final = 2_000
"""By then a connection has heard of another role or scope."""

_TAKEN: Final[Mapping[str, str]] = {
    "employees_employee_number_key": "employee_number",
    "badges_one_holder": "badge",
    "sites_name_key": "name",
    "departments_site_id_name_key": "name",
    "accounts_by_username": "username",
    "devices_public_key_key": "public_key",
    "device_former_keys_public_key_key": "public_key",
}
"""Constraints that two acts at once may break, and the field that tells who came second."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: `account:<id>`, `device:<id>` or `operator`; from where, by which request, and how far it reaches."""

    name: str
    scope: Scope
    role: Role | None = None
    account_id: UUID | None = None
    session_id: UUID | None = None
    address: str | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Act:
    """An act under way, in its transaction."""

    connection: Connection
    actor: Actor

    async def note(
        self,
        action: str,
        subject: str | None = None,
        *,
        employee_id: UUID | None = None,
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
    ) -> None:
        """Write into the audit, in this transaction. No secret belongs into `before` and `after`."""
        await audit.add(
            self.connection,
            actor=self.actor.name,
            action=action,
            subject=subject,
            employee_id=employee_id,
            before=before,
            after=after,
            address=self.actor.address,
            request_id=self.actor.request_id,
        )

    async def note_people(self, action: str, people: Sequence[audit.PersonNote]) -> None:
        """Write an entry for each of many people."""
        await audit.add_people(
            self.connection,
            actor=self.actor.name,
            action=action,
            people=people,
            address=self.actor.address,
            request_id=self.actor.request_id,
        )


class Acts:
    """Every method may raise StorageError and SecretsUnavailable."""

    def __init__(self, database: Database, secrets: SecretsProvider) -> None:
        self._database = database
        self._secrets = secrets

    async def do(
        self, actor: Actor, command: WriteCommand, answer: type[_R], perform: Callable[[Act], Awaitable[_R]]
    ) -> _R:
        """Perform a command once, and answer it as often as it is asked.

        What takes long (hashing) is done before. Raises Refused: what `perform` refuses, `conflict` where the key
        stands for another request or where someone else was quicker, and what comes of an actor who isn't what they
        were any more; SecretsUnavailable at once while the keys' own place doesn't answer.
        """
        if not self._secrets.is_reachable:
            # Half of what acts need may still be in memory: they all wait, rather than each for its own reason.
            raise SecretsUnavailable("administration waits for the keys' own place to answer")
        try:
            async with self._database.transaction() as connection:
                act = Act(connection, actor)
                if actor.account_id is None:  # terminals' and operators' acts are the same when done twice
                    return await perform(act)
                await _check_standing(connection, actor, command)
                digest = self._digest(command)
                earlier = await request_keys.claim(connection, actor.account_id, command.request_key, digest)
                if earlier is not None:
                    return _again(command, answer, earlier, digest)
                reply = await perform(act)
                await request_keys.keep_answer(
                    connection, actor.account_id, command.request_key, _without_secrets(reply)
                )
                return reply
        except RowRefused as refused:
            if (field := _TAKEN.get(refused.constraint or "")) is not None:
                raise Refused(ErrorCode.CONFLICT, f"{field} is taken", details={"field": field}) from None
            raise

    async def read(self, actor: Actor, action: str, subject: str | None = None, *, employee_id: UUID) -> None:
        """Audit that someone looked into a person's record."""
        async with self._database.connection() as connection:
            await Act(connection, actor).note(action, subject, employee_id=employee_id)

    def _digest(self, command: WriteCommand) -> bytes:
        # Keyed: a plain hash of a command would let a reader of the table try its six-digit PIN.
        asked = msgspec.json.encode(msgspec.structs.replace(command, id=1))
        return self._secrets.keyed_hash("request", asked)


async def _check_standing(connection: Connection, actor: Actor, command: WriteCommand) -> None:
    """Whoever was sent away, demoted or narrowed acts by that at once.

    Their connection learns of it within seconds only, where another hub did it, and a command may have waited long.
    """
    if actor.session_id is None:
        return
    standing = (await sessions.standings(connection, [actor.session_id])).get(actor.session_id)
    if standing is None:
        raise Refused(ErrorCode.UNAUTHENTICATED, "the session is over")
    type_ = str(command.__struct_config__.tag)
    if not is_permitted(standing.role, type_):
        raise Refused(ErrorCode.FORBIDDEN, type_)
    scope = Scope.of_account(standing.role, standing.site_ids, standing.department_ids)
    if (standing.role, scope) != (actor.role, actor.scope):
        # Judged by what they were; asked again, it is judged by what they are.
        raise Refused(ErrorCode.UNAVAILABLE, "another role or scope meanwhile", retry_after_ms=_ANEW_MS)


def _again(command: WriteCommand, answer: type[_R], earlier: request_keys.Asked, digest: bytes) -> _R:
    if not hmac.compare_digest(earlier.digest, digest):
        raise Refused(ErrorCode.CONFLICT, "the key stands for another request", details={"field": "request_key"})
    return msgspec.structs.replace(msgspec.json.decode(earlier.answer, type=answer), re=command.id)


def _without_secrets(reply: Reply) -> bytes:
    return msgspec.json.encode(msgspec.structs.replace(reply, **dict.fromkeys(reply.shown_once)))
