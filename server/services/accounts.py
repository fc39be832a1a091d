"""People's sessions: signing in, renewing, signing out, and what a live session may do at this moment.

A refresh token is good while its generation is its family's newest; the one before it gets the same successor for a
short grace (two tabs, a lost answer); an older one was copied, so its whole family ends. All of it is judged under
the family's row lock.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

import structlog

from protocol.errors import ErrorCode
from protocol.values import Role
from server.errors import Refused
from server.rules.permissions import Scope
from server.secrets.provider import SecretsProvider
from server.services.hashing import SlowHashes
from server.services.login_attempts import LoginAttempts
from server.services.refresh_tokens import RefreshToken, make_refresh_token, read_refresh_token
from server.services.second_factor import SecondFactor
from server.services.together import Together
from server.services.tokens import AccessTokens
from server.telemetry.metrics import LoginResult, Metrics, RefreshResult
from storage.postgres import Connection, Database
from storage.repositories import accounts, audit, sessions
from storage.repositories.sessions import Family, Standing

_log = structlog.get_logger()


class SecondFactorNeeded(Refused):
    """The password was right; a one-time code is missing or wrong."""

    def __init__(self) -> None:
        super().__init__(ErrorCode.UNAUTHENTICATED, "a one-time code is needed")


@dataclass(frozen=True, slots=True)
class Session:
    """A live session and what its account may do now."""

    session_id: UUID
    account_id: UUID
    role: Role
    scope: Scope
    employee_id: UUID | None


@dataclass(frozen=True, slots=True)
class Principal:
    """A person who showed a good access token: their session, and until when the token serves."""

    session: Session
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A pair of tokens. The access token lives `expires_in_seconds`, the session `session_seconds` at most."""

    access_token: str = field(repr=False)
    expires_in_seconds: int
    refresh_token: str = field(repr=False)
    session_seconds: int


@dataclass(frozen=True, slots=True)
class From:
    """Where a request came from: its address, and what its client called itself (harmless text, bounded)."""

    address: str | None = None
    client: str | None = None


NOWHERE: Final = From()


class Accounts:
    """The use cases around accounts. Every method may raise StorageError and SecretsUnavailable.

    Args:
        clock: the hub's own time, by which access tokens are dated; families go by PostgreSQL's.
    """

    def __init__(
        self,
        database: Database,
        secrets: SecretsProvider,
        hashes: SlowHashes,
        tokens: AccessTokens,
        metrics: Metrics,
        *,
        second_factor: SecondFactor,
        attempts: LoginAttempts,
        clock: Callable[[], datetime],
        access_token_minutes: int,
        refresh_token_days: int,
        refresh_grace_seconds: int,
    ) -> None:
        self._database = database
        self._secrets = secrets
        self._hashes = hashes
        self._tokens = tokens
        self._metrics = metrics
        self._second_factor = second_factor
        self._attempts = attempts
        self._clock = clock
        self._access_life = timedelta(minutes=access_token_minutes)
        self._refresh_token_days = refresh_token_days
        self._refresh_grace_seconds = refresh_grace_seconds
        self._sessions = Together(self.revalidate)

    async def login(self, username: str, password: str, totp: str | None, came: From = NOWHERE) -> SignedIn:
        """Begin a session. An unknown name, a wrong password and a disabled account take the same time.

        So does an account whose role needs a second factor and that has none: it can't sign in.

        Raises:
            SecondFactorNeeded: the password was right.
            Refused: unauthenticated, rate_limited, or overloaded.
        """
        try:
            attempt_id = await self._attempts.begin(username, came.address)
        except Refused:
            self._metrics.login(LoginResult.THROTTLED)
            raise
        async with self._database.connection() as connection:
            account = await accounts.find_account(connection, username)
        right = await self._hashes.verify(account.password_hash if account else None, password.encode())
        if account is None or not right or account.disabled_at is not None:
            raise self._refused_login("credentials")
        if account.totp_secret is None and self._second_factor.is_required_of(account.role):
            _log.warning("an account without its second factor can't sign in", subject_id=account.account_id)
            raise self._refused_login("no second factor")
        family_id, code_attempt_id = uuid4(), None
        if account.totp_secret is not None and totp is not None:
            try:
                code_attempt_id = await self._attempts.begin_code(account.account_id)
            except Refused:
                self._metrics.login(LoginResult.THROTTLED)
                raise
        async with self._database.transaction() as connection:
            if account.totp_secret is not None and not await self._second_factor.spend(
                connection, account.account_id, account.totp_secret, totp
            ):
                self._metrics.login(LoginResult.REFUSED)
                raise SecondFactorNeeded
            expires_at = await sessions.begin_family(
                connection,
                family_id,
                account.account_id,
                password_hash=account.password_hash,
                totp_secret=account.totp_secret,
                days=self._refresh_token_days,
                address=came.address,
                client=came.client,
            )
            if expires_at is None:
                raise self._refused_login("disabled, or with another password or second factor meanwhile")
            await self._attempts.was_right(connection, attempt_id)
            if code_attempt_id is not None:
                await self._attempts.was_right(connection, code_attempt_id)
            await _note(connection, account.account_id, "session.began", family_id, came)
        self._metrics.login(LoginResult.ACCEPTED)
        _log.info("signed in", subject_id=account.account_id, session_id=family_id, role=account.role)
        return await self._signed_in(account.account_id, family_id, 1, expires_at)

    async def refresh(self, token: str, came: From = NOWHERE) -> SignedIn:
        """Rotate a session's tokens. Raises Refused(unauthenticated), after ending the family of a copied token."""
        shown = read_refresh_token(self._secrets, token)
        if shown is None:
            raise self._refused_refresh(RefreshResult.REFUSED, "no token of ours")
        async with self._database.transaction() as connection:
            family = await sessions.lock_family(connection, shown.family_id)
            if family is None or not family.is_live:
                raise self._refused_refresh(RefreshResult.REFUSED, "the session is over")
            result, generation = self._judge(shown, family)
            match result:
                case RefreshResult.ROTATED:
                    await sessions.rotate_family(connection, family.family_id, generation)
                case RefreshResult.REUSED:
                    await sessions.end_family(connection, family.family_id, "reused")
                    await _note(connection, family.account_id, "session.reused", family.family_id, came)
                case _:
                    pass  # the same successor again changes nothing
        # Only now is the family's end committed; raised inside, it would have been rolled back.
        if result is RefreshResult.REUSED:
            _log.warning("an old refresh token was shown", subject_id=family.account_id, session_id=family.family_id)
            raise self._refused_refresh(result, "an old token: its session was ended")
        self._metrics.refresh(result)
        return await self._signed_in(family.account_id, family.family_id, generation, family.expires_at)

    async def logout(self, token: str, came: From = NOWHERE) -> None:
        """End the session of a refresh token of ours, of any generation. Idempotent, and silent about others."""
        shown = read_refresh_token(self._secrets, token)
        if shown is None:
            return
        async with self._database.transaction() as connection:
            account_id = await sessions.end_family(connection, shown.family_id, "signed_out")
            if account_id is not None:
                await _note(connection, account_id, "session.signed_out", shown.family_id, came)

    async def authenticate(self, access_token: str) -> Principal:
        """Who shows this token, and what they may do now. Raises Refused(unauthenticated)."""
        claims = self._tokens.verify(access_token, now=self._clock())
        session = await self._sessions.find(claims.session_id)
        if session is None or session.account_id != claims.account_id:
            raise Refused(ErrorCode.UNAUTHENTICATED, "the session is over")
        return Principal(session, claims.expires_at)

    async def revalidate(self, session_ids: Collection[UUID]) -> dict[UUID, Session]:
        """Those of the sessions that live, as they stand now: close what is missing, re-scope what changed."""
        if not session_ids:
            return {}
        async with self._database.connection() as connection:
            standings = await sessions.standings(connection, list(session_ids))
        return {session_id: _session(standing) for session_id, standing in standings.items()}

    def _judge(self, shown: RefreshToken, family: Family) -> tuple[RefreshResult, int]:
        """What becomes of a token of ours, and the generation that its holder gets."""
        # Ahead of the family is one whose rotation was lost with a failed-over server: we signed it, so it is good.
        if shown.generation >= family.generation:
            return RefreshResult.ROTATED, shown.generation + 1
        in_grace = family.rotated_seconds_ago <= self._refresh_grace_seconds
        if shown.generation == family.generation - 1 and in_grace:
            return RefreshResult.REPEATED, family.generation
        return RefreshResult.REUSED, family.generation

    async def _signed_in(self, account_id: UUID, family_id: UUID, generation: int, family_ends: datetime) -> SignedIn:
        now = self._clock()
        expires_at = min(now + self._access_life, family_ends)
        return SignedIn(
            access_token=await self._tokens.issue(
                account_id=account_id, session_id=family_id, now=now, expires_at=expires_at
            ),
            expires_in_seconds=max(int((expires_at - now).total_seconds()), 0),
            refresh_token=make_refresh_token(self._secrets, family_id, generation),
            session_seconds=max(int((family_ends - now).total_seconds()), 0),
        )

    def _refused_login(self, reason: str) -> Refused:
        self._metrics.login(LoginResult.REFUSED)
        return Refused(ErrorCode.UNAUTHENTICATED, reason)

    def _refused_refresh(self, result: RefreshResult, reason: str) -> Refused:
        self._metrics.refresh(result)
        return Refused(ErrorCode.UNAUTHENTICATED, reason)


async def _note(connection: Connection, account_id: UUID, action: str, family_id: UUID, came: From) -> None:
    await audit.add(
        connection,
        actor=f"account:{account_id}",
        action=action,
        subject=f"session:{family_id}",
        employee_id=None,
        before=None,
        after=None,
        address=came.address,
        request_id=structlog.contextvars.get_contextvars().get("request_id"),
    )


def _session(standing: Standing) -> Session:
    return Session(
        session_id=standing.family_id,
        account_id=standing.account_id,
        role=standing.role,
        scope=Scope.of_account(standing.role, standing.site_ids, standing.department_ids),
        employee_id=standing.employee_id,
    )
