"""The hub's routes, and how often one address may ask for each."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from server.api import devices, operations, page, sessions
from server.api.headers import add_security_headers
from server.api.problems import problems
from server.api.throttle import AsyncHandler, add_rate_limit_headers, per_minute
from server.api.websocket import websocket
from server.settings import Settings

MIDDLEWARES: Final = (problems,)
"""For the application's constructor: every route of a hub is behind them."""


def setup_http(app: web.Application, settings: Settings) -> None:
    """Add the routes. The application then needs what `server.keys` names before it starts."""
    tokens, probes, files = settings.tokens_per_minute, settings.probes_per_minute, settings.page_files_per_minute

    def limited(handler: AsyncHandler, limit: int, name: str) -> AsyncHandler:
        return per_minute(settings, handler, limit=limit, name=name)

    router = app.router
    router.add_post("/api/login", limited(sessions.login, settings.logins_per_minute, "login"))
    router.add_post("/api/token/refresh", limited(sessions.refresh, tokens, "refresh"))
    router.add_post("/api/token/logout", limited(sessions.logout, tokens, "logout"))
    router.add_post("/api/devices/enrol", limited(devices.enrol, settings.enrolments_per_minute, "enrol"))
    router.add_get("/ws", limited(websocket, settings.upgrades_per_minute, "ws"))
    # Each has a count of its own: nothing that else is asked for makes a healthy hub look dead.
    router.add_get("/health", limited(operations.health, probes, "health"))
    router.add_get("/ready", limited(operations.ready, probes, "ready"))
    router.add_get("/metrics", limited(operations.metrics, probes, "metrics"))
    router.add_get("/.well-known/jwks.json", limited(operations.jwks, probes, "jwks"))
    router.add_get("/", limited(page.index, files, "page"))
    router.add_get("/static/{path:[A-Za-z0-9_./-]+}", limited(page.static, files, "static"))
    app.on_response_prepare.append(add_security_headers)
    app.on_response_prepare.append(add_rate_limit_headers)
