"""A small real server that speaks the contract to kiosks: enough of sections 1 to 4 to judge a client by.

It keeps each journal as the page says and can be told to misbehave. It trusts no code of the kiosk.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from aiohttp import WSMsgType, web
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
Json = dict[str, Any]


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def wire_time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@dataclass
class Journal:
    last_seq: int = 0
    last_digest: str | None = None
    texts: dict[int, str] = field(default_factory=dict)
    answers: dict[int, Json] = field(default_factory=dict)


@dataclass
class PageHub:
    """One device's hub. Give `refuse` to answer a punch with an error: it gets the punch and how often it came."""

    device_id: str
    public_key: Ed25519PublicKey
    max_in_flight: int = 8
    clock_offset: timedelta = timedelta(0)
    status: str = "active"
    """Also `unknown`, and `unavailable` while the hub can't look anyone up."""
    refuse: Callable[[Json, int], Json | None] = lambda _punch, _times: None
    sealing: X25519PrivateKey = field(default_factory=X25519PrivateKey.generate)
    journals: dict[str, Journal] = field(default_factory=dict)
    log_id: str | None = None
    punches: list[Json] = field(default_factory=list)
    """Accepted ones, in order: the punch string's members with `credential`, `outcome` and `after_loss`."""
    commands: list[Json] = field(default_factory=list)
    """Everything heard after the welcome."""
    connections: int = 0
    sockets: list[web.WebSocketResponse] = field(default_factory=list)
    silent: bool = False
    """Answers nothing more."""
    faults: list[str] = field(default_factory=list)
    """What a client did that the page forbids."""
    times: dict[str, int] = field(default_factory=dict)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.clock_offset

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/ws", self._serve)
        return app

    def device(self) -> Json:
        journal = self.journals[self.log_id] if self.log_id else Journal()
        return {
            "status": self.status,
            "site_id": str(uuid4()),
            "site_name": "Planta Norte",
            "log_id": self.log_id,
            "last_seq": journal.last_seq,
            "last_digest": journal.last_digest,
            "sealing_keys": [
                {"id": "old", "public_key": b64(b"\x09" + bytes(31)), "not_after": "2026-01-01T00:00:00.000000Z"},
                {
                    "id": "new",
                    "public_key": b64(self.sealing.public_key().public_bytes_raw()),
                    "not_after": "2027-01-01T00:00:00.000000Z",
                },
            ],
        }

    async def push(self, message: Json) -> None:
        await self.sockets[-1].send_str(json.dumps([message]))

    async def _serve(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(protocols=("attendance.v1",), compress=False)
        await socket.prepare(request)
        self.connections += 1
        self.sockets.append(socket)
        nonce = b64(secrets.token_bytes(32))
        hello: Json = {"type": "hello", "protocol": "attendance.v1", "hub_id": str(uuid4()), "nonce": nonce}
        hello |= {"server_time": wire_time(self.now()), "auth_timeout_seconds": 5}
        await socket.send_str(json.dumps([hello]))
        last_id = 0
        async for frame in socket:
            assert frame.type is WSMsgType.TEXT
            message = json.loads(frame.data)
            if message["id"] <= last_id:
                self.faults.append(f"id {message['id']} after {last_id}")
            last_id = message["id"]
            if last_id == 1:
                if not await self._admit(socket, message, nonce):
                    break
                continue
            self.commands.append(message)
            if not self.silent and (answer := self._answer(message)) is not None:
                await socket.send_str(json.dumps([answer | {"re": last_id}]))
        return socket

    async def _admit(self, socket: web.WebSocketResponse, auth: Json, nonce: str) -> bool:
        head, claims, signature = auth["token"].split(".")
        self.public_key.verify(unb64(signature), f"{head}.{claims}".encode())
        said = json.loads(unb64(claims))
        good = (
            json.loads(unb64(head)) == {"alg": "EdDSA", "typ": "device+jwt"}
            and said["iss"] == said["sub"] == self.device_id
            and said["aud"] == "attendance-device"
            and said["nonce"] == nonce
            and 0 < said["exp"] - said["iat"] <= 60
            and abs(said["iat"] - self.now().timestamp()) < 5
        )
        if not good or self.status == "unknown":
            await socket.send_str(json.dumps([error("unauthenticated") | {"re": 1}]))
            await socket.close(code=3500)
            return False
        if self.status == "unavailable":
            await socket.send_str(json.dumps([error("unavailable") | {"re": 1}]))
            await socket.close(code=3001)
            return False
        welcome: Json = {"type": "welcome", "re": 1, "session_id": str(uuid4()), "role": "kiosk"}
        welcome |= {"subject": self.device_id, "scope": {"site_ids": [], "department_ids": None}, "expires_at": None}
        welcome |= {
            "limits": {"max_frame_bytes": 65535, "max_in_flight": self.max_in_flight, "commands_per_second": 20}
        }
        welcome |= {"server_time": wire_time(self.now()), "device": self.device()}
        await socket.send_str(json.dumps([welcome]))
        return True

    def _answer(self, message: Json) -> Json | None:
        match message["type"]:
            case "time.sync":
                now = wire_time(self.now())
                return {"type": "time.sync.result", "t0": message["t0"], "t1": now, "t2": now}
            case "device.report":
                return {"type": "device.report.result"}
            case "punch.record":
                return self._punch(message)
            case _:
                return error("unknown_command")

    def _punch(self, message: Json) -> Json:
        text = message["punch"]
        punch = json.loads(text)
        self.times[text] = times = self.times.get(text, 0) + 1
        if not any(command["type"] == "time.sync" for command in self.commands):
            self.faults.append("a punch before time.sync")
        try:
            self.public_key.verify(unb64(message["signature"]), b"attendance.v1|punch|" + text.encode())
        except InvalidSignature:
            return error("invalid")
        if (refusal := self.refuse(punch, times)) is not None:
            return refusal
        sealed = unb64(message["sealed"])
        if b64(hashlib.sha256(sealed).digest()) != punch["sealed_sha256"]:
            return error("invalid")
        log_id, seq = punch["log_id"], punch["seq"]
        journal = self.journals.setdefault(log_id, Journal())
        if seq in journal.texts:
            if journal.texts[seq] != text:
                return error("conflict")
            return journal.answers[seq] | {"duplicate": True}
        fits = seq == journal.last_seq + 1
        follows = punch["previous"] == journal.last_digest
        if not fits and not (message.get("after_loss") and seq > journal.last_seq):
            return error("out_of_order", details={"expected_seq": journal.last_seq + 1})
        forked = not (fits and follows)
        place = f"attendance.v1|sealed|{punch['device_id']}|{log_id}|{seq}".encode()
        credential = json.loads(SUITE.decrypt(sealed, self.sealing, info=place))
        journal.texts[seq] = text
        journal.last_seq = seq
        journal.last_digest = b64(hashlib.sha256(b"attendance.v1|punch|" + text.encode()).digest())
        self.log_id = log_id
        journal.answers[seq] = {
            "type": "punch.outcome",
            "punch_id": punch["punch_id"],
            "outcome": "held" if forked else "recorded",
            "reason": "device_forked" if forked else None,
            "kind": None if forked else "in",
            "occurred_at": wire_time(self.now()),
            "recorded_at": wire_time(self.now()),
            "duplicate": False,
            "same_as": None,
            "employee": None if forked else {"display_name": "Ana García", "worked_today_minutes": 12},
        }
        self.punches.append(punch | {"credential": credential, "forked": forked, "after_loss": message["after_loss"]})
        return journal.answers[seq]


def error(code: str, *, retry_after_ms: int | None = None, details: Json | None = None) -> Json:
    return {
        "type": "error",
        "code": code,
        "message": f"{code}, for people",
        "retry": code in {"overloaded", "unavailable", "internal", "rate_limited"},
        "retry_after_ms": retry_after_ms,
        "details": details,
    }


def a_device() -> tuple[str, Ed25519PrivateKey]:
    return str(uuid4()), Ed25519PrivateKey.generate()
