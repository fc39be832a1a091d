"""A hub's session at Vault: how it logs in, stays logged in, and logs in again.

AppRole with a secret id that serves once and comes wrapped: the file holds a wrapping token, which can be opened once.
Whoever opens it first has the secret id, so a token that doesn't open is an alarm. After each login the hub asks for
the next secret id, wrapped as well, and puts it into the file: for its next login, and for its next start.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import structlog

from server.secrets.private_files import read_private, replace_private
from server.secrets.provider import SecretsUnavailable
from server.secrets.vault_client import Ask, VaultClient, VaultFault, VaultRejected, VaultState, part, read, text_part

APPROLE: Final = "approle"
"""Where the login method is mounted."""
_FIRST_PAUSE_SECONDS: Final = 0.5
_LONGEST_PAUSE_SECONDS: Final = 30.0
_WHOLE: Final = 0.75
"""A renewal that gives less than this part of a lease has met the end of the token's life."""
_JITTER: Final = 0.1
"""Hubs that started together don't renew together: a tenth earlier or later."""

_log = structlog.get_logger()


class UnwrapFailed(VaultFault):
    """The wrapping token didn't open: it has ended, or somebody else has opened it and has our secret id."""

    def __init__(self) -> None:
        super().__init__(
            VaultState.DENIED,
            "the wrapped secret id does not open: it has ended, or somebody else opened it. Find out who, revoke the "
            "role's secret ids, then make a new one with `attendance-hub secrets init`",
        )


@dataclass(frozen=True, slots=True)
class VaultLogin:
    """With what a hub logs in: its role and where its wrapped secret id lies (mode 0600, its own alone)."""

    role: str
    role_id: str
    wrapped_file: Path
    wrap_hours: float = 168.0
    """A wrapped secret id that nobody opens lives; longer than a hub, or Vault, is ever away."""


class VaultSession:
    """Asks Vault with a token that it keeps alive. `start` it, `stop` it."""

    def __init__(
        self,
        client: VaultClient,
        login: VaultLogin,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        random_between: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._client = client
        self._login = login
        self._monotonic = monotonic
        self._random_between = random_between
        self._token = ""
        self._lease_seconds = 0.0
        """As given at login."""
        self._secret_id = ""
        """Unwrapped, and not yet known to be spent: a lost answer doesn't lock the hub out."""
        self._opened = ""
        """The wrapping token that this session opened itself."""
        self._next_kept_at: float | None = None
        self._logging_in = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self.state = VaultState.UNREACHABLE
        self.failed_unwraps = 0
        """Alarms so far; each is also in the log as `a wrapped secret id did not open`."""

    async def start(self) -> None:
        """Log in, and stay so from now on.

        Raises:
            UnwrapFailed: an alarm; the hub must not start.
            SecretsUnavailable: no file, or Vault is away or denies it.
        """
        await self._log_in(self._token)
        self._task = asyncio.create_task(self._stay(), name="vault")

    async def stop(self) -> None:
        """End the session, and its token where Vault can be told."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        token, self._token = self._token, ""
        if token:
            with contextlib.suppress(VaultFault):
                await self._client.ask(token, lambda vault: vault.write_data("auth/token/revoke-self"))

    async def ask(self, ask: Ask) -> dict[str, Any]:
        """The answer (`VaultClient.ask`); a token that has ended is replaced, and the question asked once more."""
        token = self._token
        try:
            try:
                answer = await self._client.ask(token, ask)
            except VaultFault as fault:
                if fault.state is not VaultState.DENIED or isinstance(fault, VaultRejected):
                    raise
                if await self._is_logged_in(token):
                    raise  # the policy says no, and would to the next token too
                await self._log_in(token)
                answer = await self._client.ask(self._token, ask)
        except VaultRejected:
            self.state = VaultState.OK
            raise
        except VaultFault as fault:
            self.state = fault.state
            raise
        self.state = VaultState.OK
        return answer

    async def _is_logged_in(self, token: str) -> bool:
        try:
            await self._client.ask(token, read("auth/token/lookup-self"))
        except VaultFault as fault:
            if fault.state is VaultState.DENIED:
                return False
            raise
        return True

    async def _stay(self) -> None:
        failures = 0
        while True:
            await asyncio.sleep(self._pause(failures))
            try:
                await self._renew()
            except SecretsUnavailable as fault:
                failures += 1
                state = fault.state if isinstance(fault, VaultFault) else VaultState.DENIED
                self.state = state
                _log.warning("the session at Vault could not be renewed", state=state, attempt=failures)
            except Exception as error:  # noqa: BLE001 - a session that nobody renews would end the hub's work
                failures += 1
                _log.error("the session at Vault failed", exc_info=error)
            else:
                failures = 0
                self.state = VaultState.OK

    def _pause(self, failures: int) -> float:
        """Seconds until the next renewal: half the lease, or soon after a failure."""
        if failures:
            seconds = min(_FIRST_PAUSE_SECONDS * 2.0 ** min(failures - 1, 10), _LONGEST_PAUSE_SECONDS)
        else:
            seconds = self._lease_seconds / 2
        return seconds * self._random_between(1 - _JITTER, 1 + _JITTER)

    async def _renew(self) -> None:
        token = self._token
        try:
            answer = await self._client.ask(token, lambda vault: vault.write_data("auth/token/renew-self"))
        except VaultFault as fault:
            if fault.state is not VaultState.DENIED:
                raise
            await self._log_in(token)
            return
        if _seconds(answer) < self._lease_seconds * _WHOLE:
            await self._log_in(token)
        elif self._next_kept_at is None or self._monotonic() - self._next_kept_at > self._login.wrap_hours * 1_800:
            await self._keep_next()

    async def _log_in(self, ended: str) -> None:
        """Take a new token in the place of `ended`, unless another task was quicker."""
        async with self._logging_in:
            if self._token != ended:
                return
            try:
                answer = await self._logged_in()
            except VaultFault as fault:
                self.state = fault.state
                raise
            self._token = text_part(answer, "auth", "client_token")
            self._lease_seconds = _seconds(answer)
            self.state = VaultState.OK
            _log.info("logged in at Vault", role=self._login.role, seconds=round(self._lease_seconds))
            await self._keep_next()

    async def _logged_in(self) -> dict[str, Any]:
        self._secret_id = secret_id = self._secret_id or await self._unwrapped()
        data = {"role_id": self._login.role_id, "secret_id": secret_id}
        try:
            answer = await self._client.ask("", lambda vault: vault.write_data(f"auth/{APPROLE}/login", data=data))
        except VaultFault as fault:
            if fault.state is VaultState.DENIED:
                self._secret_id = ""
                raise VaultFault(VaultState.DENIED, "Vault takes neither this role id nor its secret id") from None
            raise
        self._secret_id = ""
        return answer

    async def _unwrapped(self) -> str:
        wrapped = read_private(self._login.wrapped_file, "the wrapped secret id")
        if wrapped == self._opened:
            raise VaultFault(VaultState.DENIED, "the secret id is spent; make a new one: `attendance-hub secrets init`")
        path = _secret_id_path(self._login.role)
        try:
            looked = await self._client.ask(
                "", lambda vault: vault.write_data("sys/wrapping/lookup", data={"token": wrapped})
            )
            # A token of another make was put there: somebody who opened ours might wrap it again.
            if part(looked, "data", "creation_path") != path:
                raise VaultRejected
            answer = await self._client.ask(wrapped, lambda vault: vault.write_data("sys/wrapping/unwrap"))
        except VaultFault as fault:
            if fault.state is not VaultState.DENIED:
                raise
            self.failed_unwraps += 1
            _log.error("a wrapped secret id did not open", role=self._login.role, count=self.failed_unwraps)
            raise UnwrapFailed from None
        self._opened = wrapped
        return text_part(answer, "data", "secret_id")

    async def _keep_next(self) -> None:
        """Put the next login's secret id, wrapped, into the file; tried again at the next renewal."""
        self._next_kept_at = None
        ttl = f"{self._login.wrap_hours * 3_600:.0f}s"
        path = _secret_id_path(self._login.role)
        try:
            answer = await self._client.ask(self._token, lambda vault: vault.write_data(path, data={}, wrap_ttl=ttl))
            wrapped = text_part(answer, "wrap_info", "token")
            await asyncio.to_thread(replace_private, self._login.wrapped_file, wrapped, "the wrapped secret id")
        except SecretsUnavailable as fault:
            _log.warning("the next secret id is not kept", reason=str(fault), role=self._login.role)
        else:
            self._next_kept_at = self._monotonic()


def _secret_id_path(role: str) -> str:
    return f"auth/{APPROLE}/role/{role}/secret-id"


def _seconds(answer: dict[str, Any]) -> float:
    lease = part(answer, "auth", "lease_duration")
    if not isinstance(lease, int) or lease <= 0:
        raise VaultFault(VaultState.DENIED, "Vault gives a token without an end, or none")
    return float(lease)
