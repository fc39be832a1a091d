"""What may be believed of a request: whose it is, how it came, and a body that is strict JSON."""

from __future__ import annotations

import asyncio
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TypeVar

import msgspec
from aiohttp import hdrs, web

from protocol.codec import loads
from protocol.errors import ErrorCode, Malformed
from server.errors import Refused
from server.settings import Network, Settings

_S = TypeVar("_S", bound=msgspec.Struct)


def client_address(request: web.Request, trusted: tuple[Network, ...]) -> str:
    """The address by which a client is counted: an IPv4 address, or the /64 of an IPv6 one.

    `X-Forwarded-For` is read from its end, and only as far as each hop is a trusted proxy.
    """
    hops = [part.strip() for part in ",".join(request.headers.getall("X-Forwarded-For", [])).split(",")]
    address = _address(request.remote or "")
    while address is not None and hops and any(address in network for network in trusted):
        further = _address(hops.pop())
        if further is None:
            break
        address = further
    match address:
        case IPv6Address():
            return str(ip_network((address, 64), strict=False))
        case IPv4Address():
            return str(address)
        case _:
            return "unknown"


def came_over_tls(request: web.Request, trusted: tuple[Network, ...]) -> bool:
    """Whether the client's own connection is encrypted, as we or a trusted proxy saw it."""
    if request.secure:
        return True
    address = _address(request.remote or "")
    from_proxy = address is not None and any(address in network for network in trusted)
    return from_proxy and request.headers.get("X-Forwarded-Proto", "").strip().lower() == "https"


def check_origin(request: web.Request, settings: Settings) -> None:
    """Refuse pages of other origins; programs send no Origin. Raises Refused(forbidden).

    Scheme, host and port must be those of one that is allowed, letter for letter, as browsers write them. Two headers
    are refused whatever they say: nobody knows by which of them a proxy went.
    """
    origins = request.headers.getall(hdrs.ORIGIN, [])
    if len(origins) > 1 or any(origin not in settings.allowed_origins for origin in origins):
        raise Refused(ErrorCode.FORBIDDEN, "origin not allowed")


async def read_json(request: web.Request, struct: type[_S], settings: Settings) -> _S:
    """The body as strict JSON of one shape.

    Raises:
        web.HTTPUnsupportedMediaType: it isn't `application/json`, which a foreign page's form can't send, or is packed.
        web.HTTPRequestTimeout: it doesn't come in time.
        web.HTTPBadRequest: the client went away before it was whole.
        Refused: malformed, invalid, too_large.
    """
    if request.content_type != "application/json" or hdrs.CONTENT_ENCODING in request.headers:
        raise web.HTTPUnsupportedMediaType
    body = await _bounded(request, settings)
    try:
        fields = loads(body.decode())
    except (UnicodeDecodeError, Malformed):
        raise Refused(ErrorCode.MALFORMED, "no strict JSON") from None
    if not isinstance(fields, dict):
        raise Refused(ErrorCode.MALFORMED, "not an object")
    try:
        return msgspec.convert(fields, struct)
    except msgspec.ValidationError as fault:
        path = str(fault).rpartition("`$.")[2].rstrip("`") if "`$." in str(fault) else "body"
        raise Refused(ErrorCode.INVALID, "another shape", details={"field": path}) from None


async def _bounded(request: web.Request, settings: Settings) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(settings.http_body_seconds):
            async for chunk in request.content.iter_any():
                body += chunk
                if len(body) > settings.http_body_max_bytes:
                    raise Refused(ErrorCode.TOO_LARGE, "body")
    except TimeoutError:
        raise web.HTTPRequestTimeout from None
    except ConnectionError:  # they hung up amid their body; nobody reads the answer
        raise web.HTTPBadRequest from None
    return bytes(body)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
