"""Kiosks as light as picows makes them: they send what was signed and sealed beforehand, and count the answers.

    python -m tests.benchmarks.clients.kiosks PLAN_FILE

Commands: `prepare {each, turn}`, `welcomes`, `run` (16 in flight at each), `pace {per_second}`. The plan says where the
server is, whether it is the hub or the naive peer, which devices there are, and whose badges they read.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Final
from uuid import UUID, uuid4

import msgspec
import uvloop
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from protocol.commands import Clock, Punch, PunchRecord
from protocol.sealing import PLAINTEXT_BYTES, BadgeCredential, seal
from protocol.signing import device_assertion, punch_digest, punch_text, sealed_digest, sign_punch
from protocol.values import Captured, Kind, format_time, from_binary, parse_time, to_binary
from tests.benchmarks.clients.lines import commands, say

IN_FLIGHT: Final = 16
AT_ONCE: Final = 50
CONNECT_SECONDS: Final = 120.0
LAP: Final = timedelta(hours=4)
"""Between two punches of a person: six a day, so that a day's history is what it is in life."""
OUTCOME: Final = b'"type":"punch.outcome"'
GOOD: Final = b'"outcome":"recorded","reason":null'
ACCEPTED: Final = b'"ok":true'


class Device(msgspec.Struct, frozen=True):
    device_id: UUID
    site: int
    """Index of its site in `Plan.badges`."""
    private_key: str


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """`crypto` false leaves signatures and seals out, for a hub that looks at neither."""

    urls: list[str]
    """Kiosks go to these by turns."""
    naive: bool = False
    crypto: bool = True
    devices: list[Device]
    badges: list[list[str]]
    begin: str


class Journal:
    """A device's next punches, as frames."""

    def __init__(self, device: Device, plan: Plan, sealing_key_id: str, sealing_key: X25519PublicKey | None) -> None:
        self._device = device
        self._plan = plan
        self._key = Ed25519PrivateKey.from_private_bytes(from_binary(device.private_key, length=32))
        self._sealing_key_id = sealing_key_id
        self._sealing_key = sealing_key
        self._log_id, self._boot_id = uuid4(), uuid4()
        self._seq = 0
        self._id = 1
        self._previous: str | None = None

    def next(self, turn: int) -> tuple[bytes, str]:
        """The frame, and when it says that it happened."""
        badges = self._plan.badges[self._device.site]
        lap, place = divmod(turn, len(badges))
        at = format_time(
            parse_time(self._plan.begin) + lap * LAP + timedelta(milliseconds=place, microseconds=self._device.site)
        )
        self._id += 1
        make = self._naive if self._plan.naive else self._punch
        return make(badges[place], at), at

    def _naive(self, badge: str, at: str) -> bytes:
        return msgspec.json.encode(
            {
                "id": self._id,
                "punch_id": uuid4(),
                "device_id": self._device.device_id,
                "badge": badge,
                "kind": "auto",
                "device_time": at,
            }
        )

    def _punch(self, badge: str, at: str) -> bytes:
        self._seq += 1
        sealed = self._sealed(badge)
        punch = Punch(
            punch_id=uuid4(),
            device_id=self._device.device_id,
            log_id=self._log_id,
            seq=self._seq,
            kind=Kind.AUTO,
            device_time=at,
            boot_id=self._boot_id,
            monotonic_ms=1_000_000,
            captured=Captured.ONLINE,
            sealing_key_id=self._sealing_key_id,
            sealed_sha256=sealed_digest(sealed),
            previous=self._previous,
            clock=Clock(hub_time=at, monotonic_ms=1_000_000, uncertainty_ms=4),
        )
        text = punch_text(punch)
        self._previous = punch_digest(text)
        signature = sign_punch(self._key, text) if self._plan.crypto else to_binary(bytes(64))
        record = PunchRecord(id=self._id, punch=text, signature=signature, sealed=to_binary(sealed))
        return msgspec.json.encode(record)

    def _sealed(self, badge: str) -> bytes:
        credential = BadgeCredential(badge=badge)
        if not self._plan.crypto or self._sealing_key is None:
            return msgspec.json.encode(credential).ljust(PLAINTEXT_BYTES)
        return seal(credential, self._sealing_key, device_id=self._device.device_id, log_id=self._log_id, seq=self._seq)


class Kiosk(WSListener):
    def __init__(self, device: Device, plan: Plan) -> None:
        self._device = device
        self._plan = plan
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.done: asyncio.Future[None] | None = None
        self.frames: list[tuple[bytes, str]] = []
        self.sent_at: list[tuple[str, float]] = []
        self.waits: list[float] = []
        """Seconds from each paced punch to its answer."""
        self.welcome_seconds = self._asked = 0.0
        self._sent = self._answered = 0
        self._in_flight = 0

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport
        if self._plan.naive:
            self._welcomed("", None)

    def on_ws_disconnected(self, _transport: WSTransport) -> None:
        for waiting in (self.ready, self.done):
            if waiting is not None and not waiting.done():
                waiting.set_exception(ConnectionError("the server hung up"))

    def on_ws_frame(self, _transport: WSTransport, frame: WSFrame) -> None:
        payload = frame.get_payload_as_bytes()
        if not self.ready.done():
            self._greet(payload)
            return
        if self._plan.naive:
            answers = good = payload.count(ACCEPTED)
        else:
            answers, good = payload.count(OUTCOME), payload.count(GOOD)
        if self.done is None or self.done.done():
            return
        if answers != good or b'"type":"error"' in payload:
            self.done.set_exception(RuntimeError(payload[:500].decode()))
            return
        if not self._in_flight:
            now = time.monotonic()
            self.waits += [now - sent for _, sent in self.sent_at[self._answered : self._answered + answers]]
        self._answered += answers
        if self._answered == len(self.frames):
            self.done.set_result(None)
        elif self._in_flight:
            self._send(answers)

    def _greet(self, payload: bytes) -> None:
        [message] = msgspec.json.decode(payload)
        if message["type"] == "hello":
            token = device_assertion(
                Ed25519PrivateKey.from_private_bytes(from_binary(self._device.private_key, length=32)),
                device_id=self._device.device_id,
                nonce=message["nonce"],
                server_time=parse_time(message["server_time"]),
            )
            self._asked = time.monotonic()
            self._say(msgspec.json.encode({"type": "auth", "id": 1, "token": token}))
        elif message["type"] == "welcome":
            self.welcome_seconds = time.monotonic() - self._asked
            key = max(message["device"]["sealing_keys"], key=lambda one: str(one["not_after"]))
            self._welcomed(key["id"], X25519PublicKey.from_public_bytes(from_binary(key["public_key"], length=32)))
        else:
            self.ready.set_exception(RuntimeError(payload.decode()))

    def _welcomed(self, sealing_key_id: str, key: X25519PublicKey | None) -> None:
        self.journal = Journal(self._device, self._plan, sealing_key_id, key)
        self.ready.set_result(None)

    def _say(self, payload: bytes) -> None:
        self._transport.send(WSMsgType.TEXT, payload)

    def close(self) -> None:
        self._transport.disconnect()

    def begin(self, in_flight: int) -> asyncio.Future[None]:
        """Send what is prepared, so much at a time; 0: whoever paces it sends. Done when all is answered."""
        self.done = asyncio.get_running_loop().create_future()
        self._sent = self._answered = 0
        self._in_flight = in_flight
        self._send(in_flight)
        return self.done

    def _send(self, count: int) -> None:
        for frame, _ in self.frames[self._sent : self._sent + count]:
            self._say(frame)
        self._sent += count

    def send_next(self) -> None:
        frame, at = self.frames[self._sent]
        self._sent += 1
        self.sent_at.append((at, time.monotonic()))
        self._say(frame)


async def connect(plan: Plan) -> list[Kiosk]:
    room = asyncio.Semaphore(AT_ONCE)

    async def one(place: int, device: Device) -> Kiosk:
        url = plan.urls[place // 2 % len(plan.urls)]  # devices alternate between two sites: each hub gets both
        headers = [] if plan.naive else [("Sec-WebSocket-Protocol", "attendance.v1")]
        async with room, asyncio.timeout(CONNECT_SECONDS):
            _, kiosk = await ws_connect(
                lambda: Kiosk(device, plan),
                url,
                extra_headers=headers,
                websocket_handshake_timeout=CONNECT_SECONDS,
            )
            await kiosk.ready
            made: Kiosk = kiosk
            return made

    return await asyncio.gather(*(one(place, device) for place, device in enumerate(plan.devices)))


def prepare(kiosks: Sequence[Kiosk], plan: Plan, each: int, turn: int) -> int:
    """Frames for all; within a site the kiosks take its people by turns. The turn that follows."""
    pairs = list(zip(kiosks, plan.devices, strict=True))
    at_site = [[kiosk for kiosk, device in pairs if device.site == site] for site in range(len(plan.badges))]
    for mates in at_site:
        for place, kiosk in enumerate(mates):
            kiosk.frames = [kiosk.journal.next(turn + number * len(mates) + place) for number in range(each)]
            kiosk.sent_at, kiosk.waits = [], []
    return turn + each * max(map(len, at_site))


async def pace(kiosks: Sequence[Kiosk], per_second: float) -> float:
    """All that is prepared, at this rate altogether, by turns; the seconds that it took until all was answered."""
    waiting = [kiosk.begin(0) for kiosk in kiosks]
    began = time.perf_counter()
    number = 0
    for _ in range(len(kiosks[0].frames)):
        for kiosk in kiosks:
            if (early := began + number / per_second - time.perf_counter()) > 0:
                await asyncio.sleep(early)
            kiosk.send_next()
            number += 1
    await asyncio.gather(*waiting)
    return time.perf_counter() - began


async def welcomes(plan: Plan) -> list[float]:
    """How long the hub takes from each device's assertion to its journal in `welcome`, one after the other."""
    seconds = []
    for device in plan.devices:
        [kiosk] = await connect(msgspec.structs.replace(plan, devices=[device]))
        seconds.append(kiosk.welcome_seconds)
        kiosk.close()
    return seconds


async def serve(plan: Plan) -> None:
    kiosks = await connect(plan)
    say({"connected": len(kiosks)})
    async for command in commands():
        match command["do"]:
            case "prepare":
                say({"turn": prepare(kiosks, plan, command["each"], command["turn"])})
            case "welcomes":
                say({"seconds": await welcomes(plan)})
            case "run":
                began = time.perf_counter()
                await asyncio.gather(*(kiosk.begin(IN_FLIGHT) for kiosk in kiosks))
                say({"seconds": time.perf_counter() - began})
            case "pace":
                seconds = await pace(kiosks, command["per_second"])
                say(
                    {
                        "seconds": seconds,
                        "sent": [sent for kiosk in kiosks for sent in kiosk.sent_at],
                        "waits": [wait for kiosk in kiosks for wait in kiosk.waits],
                    }
                )
            case unknown:
                raise ValueError(unknown)


if __name__ == "__main__":
    uvloop.run(serve(msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Plan)))
