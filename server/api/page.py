"""The supervisors' page and its files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from aiohttp import hdrs, web

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


async def index(_request: web.Request) -> web.StreamResponse:
    """GET /"""
    return _file(DASHBOARD / "index.html")


async def static(request: web.Request) -> web.StreamResponse:
    """GET /static/…: one of the page's files. Raises HTTPNotFound."""
    return _file(DASHBOARD / request.match_info["path"])


def _file(path: Path) -> web.FileResponse:
    kind = _TYPES.get(path.suffix)
    whole = path.resolve()
    # `os.path` answers False where a name is too long for any file; pathlib raises.
    if kind is None or not whole.is_relative_to(DASHBOARD.resolve()) or not os.path.isfile(whole):  # noqa: PTH113
        raise web.HTTPNotFound
    # Asked about each time, and answered 304 by its ETag: a new release is there at once.
    return web.FileResponse(whole, headers={hdrs.CONTENT_TYPE: kind, hdrs.CACHE_CONTROL: "no-cache"})
