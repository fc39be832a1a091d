"""The hub's routes."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from server import keys
from server.api import devices, operations, page, sessions
from server.api.problems import problems
from server.api.throttle import per_minute
from server.api.websocket import websocket
from server.settings import Settings
from server.telemetry.metrics import LoginResult

MIDDLEWARES: Final = (problems,)
"""For the application's constructor: every route of a hub is behind them."""


def setup_http(app: web.Application, settings: Settings) -> None:
    """Add the routes. The application then needs what `server.keys` names before it starts."""

    def count_throttled(request: web.Request) -> None:
        request.app[keys.METRICS].login(LoginResult.THROTTLED)

    login = per_minute(
        settings,
        sessions.login,
        limit=settings.logins_per_minute,
        name="login",
        on_refusal=count_throttled,
    )
    app.router.add_post("/api/login", login)
    app.router.add_post("/api/token/refresh", sessions.refresh)
    app.router.add_post("/api/token/logout", sessions.logout)
    app.router.add_post("/api/devices/enrol", devices.enrol)
    app.router.add_get("/.well-known/jwks.json", operations.jwks)
    app.router.add_get("/ws", websocket)
    app.router.add_get("/health", operations.health)
    app.router.add_get("/ready", operations.ready)
    app.router.add_get("/metrics", operations.metrics)
    app.router.add_get("/", page.index)
    app.router.add_get("/static/{path:[A-Za-z0-9_./-]+}", page.static)
    app.on_response_prepare.append(page.add_security_headers)
