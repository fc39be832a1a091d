"""The supervisors' page and its files, and the headers that keep a browser strict."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from aiohttp import hdrs, web

from server import keys
from server.api.requests import came_over_tls

DASHBOARD: Final = Path(__file__).parent.parent / "dashboard"
_TYPES: Final = {
    # By hand: the system's own table may call a module text/plain, which a browser then refuses to run.
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}
_SECURITY_HEADERS: Final = {
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'self'",
            "base-uri 'none'",
            "connect-src 'self'",
            "form-action 'self'",
            "frame-ancestors 'none'",
            "img-src 'self' data:",
            "object-src 'none'",
        )
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_HSTS_SECONDS: Final = 31_536_000


async def index(_request: web.Request) -> web.StreamResponse:
    """GET /"""
    return _file(DASHBOARD / "index.html")


async def static(request: web.Request) -> web.StreamResponse:
    """GET /static/…: one of the page's files. Raises HTTPNotFound."""
    return _file(DASHBOARD / request.match_info["path"])


async def add_security_headers(request: web.Request, response: web.StreamResponse) -> None:
    """What every answer tells a browser (an `on_response_prepare` signal)."""
    for name, value in _SECURITY_HEADERS.items():
        response.headers.setdefault(name, value)
    if came_over_tls(request, request.app[keys.SETTINGS].trusted_proxies):
        response.headers.setdefault("Strict-Transport-Security", f"max-age={_HSTS_SECONDS}")


def _file(path: Path) -> web.FileResponse:
    kind = _TYPES.get(path.suffix)
    whole = path.resolve()
    # `os.path` answers False where a name is too long for any file; pathlib raises.
    if kind is None or not whole.is_relative_to(DASHBOARD.resolve()) or not os.path.isfile(whole):  # noqa: PTH113
        raise web.HTTPNotFound
    # Asked about each time, and answered 304 by its ETag: a new release is there at once.
    return web.FileResponse(whole, headers={hdrs.CONTENT_TYPE: kind, hdrs.CACHE_CONTROL: "no-cache"})
