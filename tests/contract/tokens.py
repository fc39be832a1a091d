"""Who a client says it is: a kiosk's own assertion, a person's access token."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache

import aiohttp
import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.contract.demo_file import Account, DemoFile, DeviceKey
from tests.contract.primitives import Message, b64, moment

TOKEN_MARGIN_SECONDS = 60


def assertion_claims(device_id: str, hello: Message, *, issued_seconds: int = 0, lifetime_seconds: int = 60) -> Message:
    """The claims of a kiosk's assertion; `iat` is the hello's `server_time` moved by `issued_seconds`."""
    issued = moment(hello["server_time"]) + timedelta(seconds=issued_seconds)
    return {
        "iss": device_id,
        "sub": device_id,
        "aud": "attendance-device",
        "nonce": hello["nonce"],
        "iat": int(issued.timestamp()),
        "exp": int(issued.timestamp()) + lifetime_seconds,
    }


def signed_assertion(claims: Message, private_key: bytes, *, typ: str | None = "device+jwt") -> str:
    key = Ed25519PrivateKey.from_private_bytes(private_key)
    return jwt.encode(claims, key, algorithm="EdDSA", headers={"typ": typ})


def assertion(device: DeviceKey, hello: Message) -> str:
    return signed_assertion(assertion_claims(device.device_id, hello), device.private_key)


def compact(header: Message, claims: Message, signature: bytes) -> str:
    """A token put together by hand, for what no honest library makes."""
    parts = [json.dumps(header).encode(), json.dumps(claims).encode(), signature]
    return ".".join(b64(part) for part in parts)


def hs256(header: Message, claims: Message, secret: bytes) -> str:
    unsigned = compact(header, claims, b"").rstrip(".")
    return f"{unsigned}.{b64(hmac.digest(secret, unsigned.encode(), hashlib.sha256))}"


def unverified(token: str) -> tuple[Message, Message]:
    """Header and claims, whatever the signature."""
    header, claims, _ = token.split(".")
    padded = (base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in (header, claims))
    first, second = (json.loads(part) for part in padded)
    return first, second


def login_request(account: Account) -> Message:
    return {"username": account.username, "password": account.password, "client": "native"}


async def login(url: str, account: Account) -> Message:
    """The body of a native `POST /api/login`. Waits where the hub asks to (30 logins a minute by address)."""
    async with aiohttp.ClientSession() as session:
        while True:
            async with session.post(f"{url}/api/login", json=login_request(account)) as answer:
                if answer.status == 429:
                    await asyncio.sleep(min(float(answer.headers.get("Retry-After", "5")), 61.0))
                    continue
                body: Message = await answer.json()
                assert answer.status == 200, body
                return body


@dataclass
class SignIns:
    """Access tokens by person, each fetched once and again before it expires."""

    url: str
    _tokens: dict[str, tuple[str, float]] = field(default_factory=dict)

    async def token(self, account: Account) -> str:
        token, until = self._tokens.get(account.username, ("", 0.0))
        if time.monotonic() + TOKEN_MARGIN_SECONDS > until:
            body = await login(self.url, account)
            token, until = body["access_token"], time.monotonic() + body["expires_in"]
            self._tokens[account.username] = (token, until)
        return token


@cache
def sign_ins_of(demo: DemoFile) -> SignIns:
    """One for each demo, since an address may sign in thirty times a minute only."""
    return SignIns(demo.url)
