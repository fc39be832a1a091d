"""Signing in and out over HTTP, and tokens that are fresh when they are needed (protocol.md, section 7)."""

from __future__ import annotations

import time
from typing import Any, Final

import aiohttp

from kiosk.admin.faults import AdminFault, CodeNeeded, HubBusy, HubUnreachable, SignInNeeded
from kiosk.admin.saved_session import SavedSession, SessionFile
from kiosk.link.client import http_url
from kiosk.link.conversation import VERSION
from kiosk.plain_text import plain
from kiosk.settings import Settings

_SHORTEST_RENEWAL_SECONDS: Final = 5.0


class SignIn:
    """One person's session with a hub, renewed as needed and kept in `file`."""

    def __init__(self, hub_url: str, file: SessionFile, settings: Settings, *, lang: str) -> None:
        self._hub_url = hub_url
        self._file = file
        self._settings = settings
        self._lang = lang
        self.renewal_due_at = 0.0
        """When a connection that is kept open wants the next token, in seconds since the epoch."""

    async def login(self, username: str, password: str, totp: str | None) -> None:
        """Begin a session and keep it. Raises CodeNeeded, SignInNeeded, HubBusy, HubUnreachable, StateUnusable."""
        asked = {"username": username, "password": password, "client": "native"}
        try:
            answer = await self._post("/api/login", asked if totp is None else asked | {"totp": totp})
        except CodeNeeded:
            if totp is None:
                raise
            raise SignInNeeded("that one-time code is wrong, or was used already: wait for the next one") from None
        except SignInNeeded:
            raise SignInNeeded("wrong user name, password or code") from None
        self._file.save(self._session(username, answer))

    async def logout(self) -> bool:
        """End the session here and at the hub; False where there was none."""
        with self._file.locked():
            session = self._file.load()
            if session is None:
                return False
            self._file.remove()
        await self._post("/api/token/logout", {"refresh_token": session.refresh_token})
        return True

    async def access_token(self, *, after_refusal_of: str | None = None) -> str:
        """A token with some life left; renewed where needed, or where the hub refused the one named."""
        # Waiting for another command's renewal blocks the loop for as long as its HTTP request, which is bounded.
        with self._file.locked():
            session = self._file.load()
            if session is None:
                raise SignInNeeded("not signed in: use `login`")
            is_fresh = session.expires_at - time.time() > self._settings.token_margin_seconds
            if is_fresh and session.access_token != after_refusal_of:
                self._plan_renewal(session)
                return session.access_token
            try:
                answer = await self._post("/api/token/refresh", {"refresh_token": session.refresh_token})
            except SignInNeeded:
                self._file.remove()
                raise SignInNeeded("the session has ended: use `login`") from None
            renewed = self._session(session.username, answer)
            self._file.save(renewed)
            self._plan_renewal(renewed)
            return renewed.access_token

    def _plan_renewal(self, session: SavedSession) -> None:
        # A token that lives shorter than the margin would be renewed without a pause.
        self.renewal_due_at = max(
            session.expires_at - self._settings.token_margin_seconds, time.time() + _SHORTEST_RENEWAL_SECONDS
        )

    def _session(self, username: str, answer: dict[str, Any]) -> SavedSession:
        try:
            return SavedSession(
                hub=self._hub_url,
                username=username,
                access_token=str(answer["access_token"]),
                expires_at=time.time() + float(answer["expires_in"]),
                refresh_token=str(answer["refresh_token"]),
            )
        except (KeyError, TypeError, ValueError):
            raise HubUnreachable("the server at the hub's address doesn't answer like a hub") from None

    async def _post(self, path: str, body: dict[str, str]) -> dict[str, Any]:
        timeout = aiohttp.ClientTimeout(total=self._settings.http_timeout_seconds)
        headers = {"Accept-Language": self._lang, "User-Agent": f"attendance-admin/{VERSION}"}
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout, headers=headers) as http,
                # A redirect could carry the password elsewhere.
                http.post(http_url(self._hub_url, path), json=body, allow_redirects=False) as response,
            ):
                answer = await response.json(content_type=None) if response.content_length != 0 else {}
        except TimeoutError:
            raise HubUnreachable("the hub can't be reached: no answer in time") from None
        except (aiohttp.ClientError, OSError, ValueError) as fault:
            raise HubUnreachable("the hub can't be reached: {why}", why=fault) from None
        if not isinstance(answer, dict | None):
            raise HubUnreachable("the server at the hub's address doesn't answer like a hub")
        if response.ok:
            return answer or {}
        raise _refusal(response.status, answer or {})


def _refusal(status: int, problem: dict[str, Any]) -> AdminFault:
    words = plain(str(problem.get("detail") or problem.get("title") or f"HTTP {status}"))
    if problem.get("code") == "totp_required":
        return CodeNeeded(words)
    if status in {401, 403}:
        return SignInNeeded(words)
    if status == 429 or status >= 500:
        return HubBusy(words)
    return AdminFault(words)
