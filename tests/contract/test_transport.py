"""Section 1: the upgrade, frames and their limits, pings."""

import asyncio
import json
import socket
import time

import aiohttp
import pytest
from aiohappyeyeballs import AddrInfoType

from tests.contract.connection import SUBPROTOCOL, connect, connect_device, connect_person
from tests.contract.demo_file import DeviceKey
from tests.contract.tokens import SignIns, assertion
from tests.running_hub import RunningDemo, ServingHub

pytestmark = pytest.mark.e2e

PACE_SECONDS = 0.04
"""Between two commands: within 20 a second and what may come at once."""
GIVEN_UP_SECONDS = 15.0

MAX_FRAME_BYTES = 65_536
MAX_FRAME_BEFORE_AUTH_BYTES = 4_096
PING_SECONDS = 25
PONG_SECONDS = 10


async def upgrade(url: str, protocols: tuple[str, ...], origin: str | None) -> int:
    """The status of a refused upgrade, 101 for one that was let through."""
    async with aiohttp.ClientSession() as session:
        try:
            async with session.ws_connect(url, protocols=protocols, origin=origin):
                return 101
        except aiohttp.WSServerHandshakeError as refused:
            return refused.status


@pytest.mark.parametrize(
    ("protocols", "status"),
    [
        ((), 400),
        (("attendance.v2",), 400),
        (("ATTENDANCE.V1",), 400),
        (("attendance.v10",), 400),
        ((SUBPROTOCOL,), 101),
        (("other", SUBPROTOCOL), 101),
    ],
)
async def test_the_subprotocol_is_required(demo: RunningDemo, protocols: tuple[str, ...], status: int) -> None:
    assert await upgrade(demo.ws_url, protocols, None) == status


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "http://127.0.0.1",
        "http://127.0.0.1:1",
        "https://127.0.0.1:{port}",
        "http://127.0.0.1:{port}.evil.example",
        "http://localhost.evil.example:{port}",
        "http://sub.localhost:{port}",
        "http://127.0.0.1:{port}/",
    ],
)
async def test_a_foreign_origin_is_refused(demo: RunningDemo, origin: str) -> None:
    assert await upgrade(demo.ws_url, (SUBPROTOCOL,), origin.format(port=demo.port)) == 403


async def test_a_doubled_origin_is_refused(demo: RunningDemo) -> None:
    ours = f"Origin: http://127.0.0.1:{demo.port}\r\n"
    for origins, status in ((ours, 101), (ours + ours, 403), (ours + "Origin: https://evil.example\r\n", 403)):
        reader, writer = await asyncio.open_connection("127.0.0.1", demo.port)
        writer.write(
            f"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n{origins}"
            f"Sec-WebSocket-Protocol: {SUBPROTOCOL}\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        assert (await reader.readline()).startswith(f"HTTP/1.1 {status} ".encode())
        writer.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_hub_allows_the_origins_of_its_own_port(demo: RunningDemo, second_hub: ServingHub, host: str) -> None:
    assert await upgrade(demo.ws_url, (SUBPROTOCOL,), f"http://{host}:{demo.port}") == 101
    assert await upgrade(second_hub.ws_url, (SUBPROTOCOL,), f"http://{host}:{second_hub.port}") == 101
    assert await upgrade(second_hub.ws_url, (SUBPROTOCOL,), f"http://{host}:{demo.port}") == 403


async def test_compression_is_never_agreed(demo: RunningDemo) -> None:
    async with connect(demo.ws_url, compress=15) as connection:
        assert connection.ws.compress == 0


async def test_a_binary_frame_ends_the_connection(demo: RunningDemo, spare: DeviceKey) -> None:
    async with connect(demo.ws_url) as connection:
        await connection.ws.send_bytes(b"{}")
        assert await connection.closed() == 3501
    async with connect_device(demo.ws_url, spare) as connection:
        await connection.ws.send_bytes(b'{"type":"time.sync","id":2}')
        assert await connection.closed() == 3501


@pytest.mark.parametrize("payload", [b"\xff", b'{"type":"\xc3("}', b'"\xed\xa0\x80"', b"\xf8\x88\x80\x80\x80"])
async def test_invalid_utf8_ends_the_connection(demo: RunningDemo, spare: DeviceKey, payload: bytes) -> None:
    async with connect(demo.ws_url) as connection:
        await connection.send_raw(payload)
        assert await connection.closed() == 1007
    async with connect_device(demo.ws_url, spare) as connection:
        await connection.send_raw(payload)
        assert await connection.closed() == 1007


def filled(frame: dict[str, object], size: int) -> str:
    """`frame` with a field that nobody knows, exactly `size` bytes long."""
    bare = len(json.dumps({**frame, "filling": ""}))
    text = json.dumps({**frame, "filling": "x" * (size - bare)})
    assert len(text) == size
    return text


async def test_frames_before_authentication_are_under_4096_bytes(demo: RunningDemo, spare: DeviceKey) -> None:
    async with connect(demo.ws_url) as connection:
        auth = {"type": "auth", "id": 1, "token": assertion(spare, connection.hello), "lang": "en"}
        answer = connection.expect(1)
        await connection.send_text(filled(auth, MAX_FRAME_BEFORE_AUTH_BYTES - 1))
        assert (await asyncio.wait_for(answer, 10))["type"] == "welcome"
    async with connect(demo.ws_url) as connection:
        auth = {"type": "auth", "id": 1, "token": assertion(spare, connection.hello), "lang": "en"}
        await connection.send_text(filled(auth, MAX_FRAME_BEFORE_AUTH_BYTES))
        assert await connection.closed() == 1009


async def test_frames_are_under_65536_bytes(demo: RunningDemo, spare: DeviceKey) -> None:
    async with connect_device(demo.ws_url, spare) as connection:
        assert connection.welcome["limits"]["max_frame_bytes"] in (MAX_FRAME_BYTES, MAX_FRAME_BYTES - 1)
        answer = connection.expect(2)
        await connection.send_text(filled({"type": "no.such", "id": 2}, MAX_FRAME_BYTES - 1))
        assert (await asyncio.wait_for(answer, 10))["code"] == "unknown_command"
        await connection.send_text(filled({"type": "no.such", "id": 3}, MAX_FRAME_BYTES))
        assert await connection.closed() == 1009


async def test_a_message_in_fragments_is_one_frame(demo: RunningDemo, spare: DeviceKey) -> None:
    async with connect_device(demo.ws_url, spare) as connection:
        answer = connection.expect(2)
        writer = connection.ws._writer
        text = b'{"type":"no.such","id":2}'
        head, tail = text[:9], text[9:]
        mask = b"\0\0\0\0"
        assert writer.transport is not None
        writer.transport.write(bytes([0x01, 0x80 | len(head)]) + mask + head)
        writer.transport.write(bytes([0x80, 0x80 | len(tail)]) + mask + tail)
        assert (await asyncio.wait_for(answer, 10))["code"] == "unknown_command"


async def skip(
    ws: aiohttp.ClientWebSocketResponse[bool], *passed: aiohttp.WSMsgType
) -> tuple[aiohttp.WSMsgType, object]:
    """Type and data of the next frame of another type. Raises TimeoutError if the hub stays silent."""
    while (frame := await ws.receive(PING_SECONDS + 5)).type in passed:
        pass
    return frame.type, frame.data


async def test_the_hub_pings_and_gives_up_on_silence(demo: RunningDemo, sign_ins: SignIns) -> None:
    """One connection answers pings and lives; its neighbour doesn't and is closed 10 s after the first ping."""
    token = await sign_ins.token(demo.file.account("admin"))
    async with connect_person(demo.ws_url, token) as healthy, aiohttp.ClientSession() as session:
        async with session.ws_connect(demo.ws_url, protocols=(SUBPROTOCOL,), autoping=False) as deaf:
            await deaf.receive(10)
            await deaf.send_json({"type": "auth", "id": 1, "token": token, "lang": "en"})
            begun = time.monotonic()
            ping = await skip(deaf, aiohttp.WSMsgType.TEXT)
            pinged = time.monotonic()
            assert ping[0] is aiohttp.WSMsgType.PING
            assert pinged - begun <= PING_SECONDS + 1
            end = await skip(deaf, aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.PING)
            assert end == (aiohttp.WSMsgType.CLOSE, 3012)
            assert PONG_SECONDS - 1 <= time.monotonic() - pinged <= PONG_SECONDS + 3
        assert (await healthy.ask("no.such"))["code"] == "unknown_command"


def narrow_socket(address: AddrInfoType) -> socket.socket:
    """A socket whose kernel takes little for a program that reads nothing."""
    made = socket.socket(*address[:3])
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    return made


async def test_a_client_that_reads_nothing_is_let_go(demo: RunningDemo, sign_ins: SignIns) -> None:
    """It asks for megabytes, takes none and gives cause to be closed: the hub doesn't keep it until it reads."""
    token = await sign_ins.token(demo.file.account("inspector"))
    commands = [
        {"type": "auth", "id": 1, "token": token},
        *({"type": "presence.watch", "id": n} for n in range(2, 100)),
    ]
    async with (
        connect_person(demo.ws_url, await sign_ins.token(demo.file.account("admin"))) as observer,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(socket_factory=narrow_socket)) as session,
        session.ws_connect(demo.ws_url, protocols=(SUBPROTOCOL,)) as deaf,
    ):

        async def inspectors() -> int:
            status = await observer.result("hub.status")
            return int(status["connections"].get("inspector", 0))

        for command in commands:
            await deaf.send_str(json.dumps(command))
            await asyncio.sleep(PACE_SECONDS)
        assert await inspectors() == 1
        for _ in range(5):
            await deaf.send_str("no JSON")
        async with asyncio.timeout(GIVEN_UP_SECONDS):
            while await inspectors():
                await asyncio.sleep(0.5)
