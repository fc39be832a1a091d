"""`GET /ws`: whether a client may upgrade, and nothing of what it says then."""

from __future__ import annotations

from aiohttp import hdrs, web

from protocol import SUBPROTOCOL
from protocol.values import MAX_FRAME_BYTES
from server import keys
from server.api.requests import check_origin, client_address
from server.hub.connection import CLOSE_SECONDS, Connection


async def websocket(request: web.Request) -> web.StreamResponse:
    """Upgrade and serve until the connection ends.

    Raises Refused(forbidden) for a foreign Origin, HTTPBadRequest without our subprotocol, HTTPServiceUnavailable
    while the hub drains, and Refused(rate_limited, overloaded) where there are too many sockets.
    """
    context = request.app[keys.HUB]
    check_origin(request, context.settings)
    if context.draining:
        raise web.HTTPServiceUnavailable(headers={hdrs.RETRY_AFTER: "1"})
    offered = ",".join(request.headers.getall(hdrs.SEC_WEBSOCKET_PROTOCOL, []))
    # aiohttp upgrades whatever is offered; the contract doesn't.
    if SUBPROTOCOL not in [protocol.strip() for protocol in offered.split(",")]:
        raise web.HTTPBadRequest(text=f"the subprotocol is {SUBPROTOCOL}")
    socket = a_socket()
    if not socket.can_prepare(request):
        raise web.HTTPBadRequest(text="this is a WebSocket endpoint")
    address = client_address(request, context.settings.trusted_proxies)
    context.crowd.check(address)
    await socket.prepare(request)
    transport = request.transport
    if transport is None:
        return socket  # gone already
    if (doorstep := request.app.get(keys.DOORSTEP)) is not None:
        doorstep.passed(request.protocol)
    connection = Connection(context, socket, transport, request.app[keys.COMMANDS], address=address)
    await request.app[keys.CONNECTIONS].serve(connection)
    return socket


def a_socket(*, max_message_bytes: int = MAX_FRAME_BYTES) -> web.WebSocketResponse:
    """The frame layer of every connection, as `/ws` has it; a larger message is refused with 1009."""
    return web.WebSocketResponse(
        protocols=(SUBPROTOCOL,),
        compress=False,
        autoping=False,
        max_msg_size=max_message_bytes + 1,  # refuses this size and above
        timeout=CLOSE_SECONDS,
    )
