"""What every answer tells a browser, so that it is strict with it."""

from __future__ import annotations

from typing import Final

from aiohttp import hdrs, web

from server import keys
from server.api.requests import came_over_tls

APP_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "base-uri 'none'",
        "connect-src 'self'",
        "font-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "img-src 'self'",
        "manifest-src 'self'",
        "script-src 'self'",
        "style-src 'self'",
    )
)
"""Of everything but the reference: what isn't a file of ours isn't loaded, run or shown, inline scripts among it."""
REFERENCE_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "base-uri 'none'",
        "connect-src 'self'",
        "font-src 'self' data:",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "img-src 'self' data:",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "worker-src 'self' blob:",
    )
)
"""Of the pages that show the reference: viewers style inline and search in a worker; no inline script runs there."""
_REFERENCE_PATHS: Final = frozenset({"/docs", "/redoc"})
_HEADERS: Final = {
    "Server": "attendance",  # and nothing about versions, which tell what to try
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_HSTS_SECONDS: Final = 31_536_000


async def add_security_headers(request: web.Request, response: web.StreamResponse) -> None:
    """On every answer, errors among them (an `on_response_prepare` signal)."""
    if isinstance(response, web.WebSocketResponse):
        return  # no browser heeds them there, and every open socket would keep them
    headers = response.headers
    for name, value in _HEADERS.items():
        headers.setdefault(name, value)
    headers.setdefault("Content-Security-Policy", REFERENCE_POLICY if _is_reference(request.path) else APP_POLICY)
    if request.path.startswith("/api/"):
        headers.setdefault(hdrs.CACHE_CONTROL, "no-store")
    # Over plain HTTP browsers ignore it, and a hub that is tried out there must not bind its host's other ports.
    if came_over_tls(request, request.app[keys.SETTINGS].trusted_proxies):
        headers.setdefault("Strict-Transport-Security", f"max-age={_HSTS_SECONDS}")


def _is_reference(path: str) -> bool:
    return path in _REFERENCE_PATHS or path.startswith(("/docs/", "/redoc/"))
