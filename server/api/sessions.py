"""Signing in, renewing and signing out over HTTP.

A page keeps its refresh token in a cookie that scripts can't read and only `/api/token` gets; a native client asks
for it in the body and sends it there.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, TypedDict

import msgspec
from aiohttp import hdrs, web
from msgspec import UNSET, Meta, Struct, UnsetType

from protocol.errors import ErrorCode
from server import keys
from server.api.requests import came_over_tls, check_origin, client_address, read_json
from server.errors import Refused
from server.services.accounts import From, SignedIn

COOKIE: Final = "attendance_refresh"
COOKIE_PATH: Final = "/api/token"
MAX_CLIENT_CHARACTERS: Final = 200
"""Of a client's name for itself, as sessions show it."""


class LoginRequest(Struct, frozen=True, kw_only=True):
    username: Annotated[str, Meta(max_length=200)]
    password: Annotated[str, Meta(max_length=1_000)]
    totp: Annotated[str, Meta(max_length=12)] | None = None
    client: Literal["native", "page"] | None = None


class TokenRequest(Struct, frozen=True, kw_only=True):
    refresh_token: Annotated[str, Meta(max_length=8_192)] | None = None


class TokenAnswer(Struct, frozen=True, kw_only=True):
    """`expires_in` is in seconds (RFC 6749, section 5.1); `refresh_token` is for native clients alone."""

    access_token: str
    expires_in: int
    token_type: str = "Bearer"  # noqa: S105 - the scheme's name
    refresh_token: str | UnsetType = UNSET


async def login(request: web.Request) -> web.StreamResponse:
    """POST /api/login"""
    check_origin(request, request.app[keys.SETTINGS])
    asked = await read_json(request, LoginRequest, request.app[keys.SETTINGS])
    pair = await request.app[keys.ACCOUNTS].login(asked.username, asked.password, asked.totp, _came(request))
    return _answer(request, pair, native=asked.client == "native")


async def refresh(request: web.Request) -> web.StreamResponse:
    """POST /api/token/refresh"""
    token, native = await _shown_token(request)
    if token is None:
        raise Refused(ErrorCode.UNAUTHENTICATED, "no refresh token")
    return _answer(request, await request.app[keys.ACCOUNTS].refresh(token, _came(request)), native=native)


async def logout(request: web.Request) -> web.StreamResponse:
    """POST /api/token/logout"""
    token, _ = await _shown_token(request)
    if token is not None:
        await request.app[keys.ACCOUNTS].logout(token, _came(request))
    response = web.Response(status=204, headers={hdrs.CACHE_CONTROL: "no-store"})
    response.set_cookie(COOKIE, "", max_age=0, **_attributes(request))
    return response


def _came(request: web.Request) -> From:
    """Where a request comes from; what its client calls itself is made harmless and short."""
    named = request.headers.get(hdrs.USER_AGENT, "")
    client = "".join(sign for sign in named if sign.isprintable())[:MAX_CLIENT_CHARACTERS].strip()
    return From(client_address(request, request.app[keys.SETTINGS].trusted_proxies), client or None)


async def _shown_token(request: web.Request) -> tuple[str | None, bool]:
    """The refresh token of the body, else of the cookie; and whether it came natively."""
    settings = request.app[keys.SETTINGS]
    # Strict beside SameSite: the cookie is what another page would want to use.
    check_origin(request, settings)
    if request.body_exists:
        asked = await read_json(request, TokenRequest, settings)
        if asked.refresh_token is not None:
            return asked.refresh_token, True
    return request.cookies.get(COOKIE), False


def _answer(request: web.Request, pair: SignedIn, *, native: bool) -> web.Response:
    answer = TokenAnswer(
        access_token=pair.access_token,
        expires_in=pair.expires_in_seconds,
        refresh_token=pair.refresh_token if native else UNSET,
    )
    response = web.Response(
        body=msgspec.json.encode(answer), content_type="application/json", headers={hdrs.CACHE_CONTROL: "no-store"}
    )
    if not native:
        response.set_cookie(COOKIE, pair.refresh_token, max_age=pair.session_seconds, **_attributes(request))
    return response


class _Attributes(TypedDict):
    path: str
    httponly: bool
    samesite: str
    secure: bool


def _attributes(request: web.Request) -> _Attributes:
    # Over plain HTTP a Secure cookie would never come back.
    secure = came_over_tls(request, request.app[keys.SETTINGS].trusted_proxies)
    return {"path": COOKIE_PATH, "httponly": True, "samesite": "Strict", "secure": secure}
