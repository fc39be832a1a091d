"""What machines ask of a hub: its public keys, whether it lives, whether it can work, and its figures."""

from __future__ import annotations

import hmac

import msgspec
from aiohttp import hdrs, web

from protocol.errors import ErrorCode
from server import keys
from server.errors import Refused
from server.telemetry.metrics import CONTENT_TYPE


async def jwks(request: web.Request) -> web.Response:
    """GET /.well-known/jwks.json: the public keys of access tokens (RFC 7517)."""
    return web.Response(
        body=msgspec.json.encode(request.app[keys.SECRETS].jwks()),
        content_type="application/jwk-set+json",
        headers={hdrs.CACHE_CONTROL: "public, max-age=300"},
    )


async def health(_request: web.Request) -> web.Response:
    """GET /health: alive, whatever else is."""
    return _json({"status": "ok"}, status=200)


async def ready(request: web.Request) -> web.Response:
    """GET /ready: 200 when punches are recorded here, else 503; with the state of each dependency."""
    report = await request.app[keys.HEALTH].check()
    return _json(
        {"status": "ready" if report.can_record else "not_ready", **msgspec.structs.asdict(report)},
        status=200 if report.can_record else 503,
    )


async def metrics(request: web.Request) -> web.Response:
    """GET /metrics, for the bearer of the metrics token. Raises Refused(unauthenticated)."""
    scheme, _, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    is_set = request.app[keys.SETTINGS].metrics_token
    expected = [is_set] if is_set else request.app[keys.SECRETS].metrics_tokens()
    said = token.encode("utf-8", "surrogateescape")
    right = any(hmac.compare_digest(said, one.encode()) for one in expected)
    if scheme.lower() != "bearer" or not right:
        raise Refused(ErrorCode.UNAUTHENTICATED, "metrics")
    return web.Response(
        body=request.app[keys.METRICS].render(),
        headers={hdrs.CONTENT_TYPE: CONTENT_TYPE, hdrs.CACHE_CONTROL: "no-store"},
    )


def _json(body: object, *, status: int) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(body),
        status=status,
        content_type="application/json",
        headers={hdrs.CACHE_CONTROL: "no-store"},
    )
