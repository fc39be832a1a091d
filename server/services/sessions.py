"""Live sessions: one's own, and for administrators those of accounts that they may see."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from protocol.accounts import SessionRevoke, SessionRevoked
from protocol.errors import ErrorCode
from server.errors import Refused
from server.services.account_admin import account_not_found, seen_by
from server.services.acts import Act, Actor, Acts
from storage.postgres import Connection, Database
from storage.repositories import accounts, sessions
from storage.repositories.sessions import LiveSession, SessionPosition


class Ended(NamedTuple):
    """A session that was ended, and whose it was."""

    reply: SessionRevoked
    account_id: UUID | None


class Sessions:
    """Every method may raise StorageError."""

    def __init__(self, database: Database, acts: Acts) -> None:
        self._database = database
        self._acts = acts

    async def list_live(
        self, actor: Actor, account_id: UUID | None, *, of_others: bool, after: SessionPosition | None, limit: int
    ) -> list[LiveSession]:
        """Live sessions, newest first, of oneself or (`of_others`) of an account that one may see.

        Raises Refused(not_found) for another's account otherwise.
        """
        whose = actor.account_id if account_id is None else account_id
        async with self._database.connection() as connection:
            if whose is None or not await _may_see(connection, actor, whose, of_others=of_others):
                raise account_not_found()
            return await sessions.list_sessions(connection, whose, after=after, limit=limit)

    async def revoke(self, actor: Actor, command: SessionRevoke, *, of_others: bool) -> Ended:
        """End a live session. Raises Refused(not_found) for one that isn't live, or isn't theirs to see."""
        whose: UUID | None = None

        async def perform(act: Act) -> SessionRevoked:
            nonlocal whose
            family = await sessions.lock_family(act.connection, command.session_id)
            if family is None or not family.is_live:
                raise _session_not_found()
            if not await _may_see(act.connection, actor, family.account_id, of_others=of_others):
                raise _session_not_found()
            await sessions.end_family(act.connection, family.family_id, "revoked")
            whose = family.account_id
            # Named by the account, which outlives the session's row.
            await act.note("session.revoke", f"account:{family.account_id}", after={"session_id": command.session_id})
            return SessionRevoked(re=command.id)

        reply = await self._acts.do(actor, command, SessionRevoked, perform)
        return Ended(reply, whose)


async def _may_see(connection: Connection, actor: Actor, account_id: UUID, *, of_others: bool) -> bool:
    if account_id == actor.account_id:
        return True
    return of_others and await accounts.is_seen(connection, account_id, seen_by(actor))


def _session_not_found() -> Refused:
    return Refused(ErrorCode.NOT_FOUND, "session")


def position(session: LiveSession) -> tuple[datetime, UUID]:
    """Where a page ends that ends with this session."""
    return session.created_at, session.family_id
