"""Section 2: each way to forge a token is refused on its own, over a real socket.

Most are signed with the hub's very own key, taken from its key file as a thief would: so each is refused for what it
says, and would be let in without the one thing that is wrong.
"""

import asyncio
import base64
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.contract.connection import Connection, connect, connect_person
from tests.contract.demo_file import DeviceKey
from tests.contract.primitives import Message, b64, unb64, uuid7
from tests.contract.staff import OnTwoHubs, a_person, on_two_hubs, refreshed
from tests.contract.test_handshake import turned_out
from tests.contract.tokens import SignIns, assertion_claims, compact, hs256, signed_assertion, unverified
from tests.running_hub import RunningDemo, ServingHub

pytestmark = pytest.mark.e2e


@dataclass
class Forger:
    """A real token taken apart, and the key that signed it."""

    header: Message
    claims: Message
    key: Ed25519PrivateKey
    other_session: str
    """Of somebody else, and live."""

    def sign(self, header: Message, claims: Message, key: Ed25519PrivateKey | None = None) -> str:
        unsigned = compact(header, claims, b"").rstrip(".")
        return f"{unsigned}.{b64((key or self.key).sign(unsigned.encode()))}"

    def saying(self, **changes: object) -> str:
        return self.sign(self.header, self.claims | changes)

    def without(self, name: str) -> str:
        return self.sign(self.header, {key: value for key, value in self.claims.items() if key != name})

    def headed(self, **changes: object) -> str:
        return self.sign({**self.header, **changes}, self.claims)

    def symmetric(self, secret: bytes) -> str:
        return hs256({**self.header, "alg": "HS256"}, self.claims, secret)

    @property
    def pem(self) -> bytes:
        return self.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@pytest.fixture
async def forger(demo: RunningDemo, sign_ins: SignIns) -> Forger:
    header, claims = unverified(await sign_ins.token(demo.file.account("admin")))
    _, others = unverified(await sign_ins.token(demo.file.account("inspector")))
    kept = json.loads((demo.data / "keys.json").read_text())["keys"]["token"]
    private = next(item["secret"] for item in kept if item["id"] == header["kid"])
    return Forger(header, claims, Ed25519PrivateKey.from_private_bytes(unb64(private)), others["sid"])


def lacking(name: str) -> Callable[[Forger], str]:
    return lambda forger: forger.without(name)


NOW = int(time.time())
STRANGER = Ed25519PrivateKey.generate()
FORGED: dict[str, Callable[[Forger], str]] = {
    "alg none": lambda forger: compact({**forger.header, "alg": "none"}, forger.claims, b""),
    "alg None": lambda forger: compact({**forger.header, "alg": "None"}, forger.claims, b""),
    "alg none and a good signature": lambda forger: forger.headed(alg="none"),
    "HS256 over the raw public key": lambda forger: forger.symmetric(forger.key.public_key().public_bytes_raw()),
    "HS256 over the public key as PEM": lambda forger: forger.symmetric(forger.pem),
    "HS256 over the public key as JWKS has it": lambda forger: forger.symmetric(
        b64(forger.key.public_key().public_bytes_raw()).encode()
    ),
    "HS256 over nothing": lambda forger: forger.symmetric(b""),
    "a kid that nobody has": lambda forger: forger.headed(kid="0123456789abcdef"),
    "a stranger's key under its own kid": lambda forger: forger.sign(
        {**forger.header, "kid": "0123456789abcdef"}, forger.claims, STRANGER
    ),
    "a stranger's key under the hub's kid": lambda forger: forger.sign(forger.header, forger.claims, STRANGER),
    "a stranger's key in its own header": lambda forger: forger.sign(
        {**forger.header, "jwk": {"kty": "OKP", "crv": "Ed25519", "x": b64(STRANGER.public_key().public_bytes_raw())}},
        forger.claims,
        STRANGER,
    ),
    "no kid": lambda forger: forger.sign(
        {key: value for key, value in forger.header.items() if key != "kid"}, forger.claims
    ),
    **{f"no {name}": lacking(name) for name in ("iss", "aud", "sub", "sid", "iat", "exp")},
    "typ JWT": lambda forger: forger.headed(typ="JWT"),
    "no typ": lambda forger: forger.sign(
        {key: value for key, value in forger.header.items() if key != "typ"}, forger.claims
    ),
    "a kiosk's typ": lambda forger: forger.headed(typ="device+jwt"),
    "a kiosk's audience": lambda forger: forger.saying(aud="attendance-device"),
    "a list of audiences": lambda forger: forger.saying(aud=["attendance"]),
    "another issuer": lambda forger: forger.saying(iss="someone"),
    "expired": lambda forger: forger.saying(iat=NOW - 900, exp=NOW - 1),
    "issued in the future": lambda forger: forger.saying(iat=NOW + 3_600, exp=NOW + 4_500),
    "nobody's session": lambda forger: forger.saying(sid=uuid7()),
    "somebody else's session": lambda forger: forger.saying(sid=forger.other_session),
    "somebody else": lambda forger: forger.saying(sub=uuid7()),
}


async def test_the_forger_s_own_token_is_good(demo: RunningDemo, forger: Forger) -> None:
    async with connect_person(demo.ws_url, forger.saying()) as connection:
        assert connection.welcome["role"] == "admin"


@pytest.mark.parametrize("name", FORGED)
async def test_a_forged_access_token_lets_nobody_in(demo: RunningDemo, forger: Forger, name: str) -> None:
    async with connect(demo.ws_url) as connection:
        await turned_out(connection, FORGED[name](forger))


async def test_a_forged_token_renews_nothing(demo: RunningDemo, forger: Forger) -> None:
    async with connect_person(demo.ws_url, forger.saying()) as connection:
        for forged in (FORGED["alg none"], FORGED["HS256 over the public key as PEM"], FORGED["expired"]):
            refusal = await connection.refusal("auth.refresh", token=forged(forger))
            assert refusal["code"] == "unauthenticated"
        await connection.result("auth.refresh", token=forger.saying())


async def test_a_kiosks_assertion_is_no_person(demo: RunningDemo, spare: DeviceKey, forger: Forger) -> None:
    """Neither by its typ, nor with a person's claims and the kiosk's own key."""
    key = Ed25519PrivateKey.from_private_bytes(spare.private_key)
    async with connect(demo.ws_url) as connection:
        claims = assertion_claims(spare.device_id, connection.hello)
        await turned_out(connection, signed_assertion(claims, spare.private_key, typ="at+jwt"))
    async with connect(demo.ws_url) as connection:
        await turned_out(connection, forger.sign(forger.header, forger.claims, key))


async def test_a_persons_key_is_no_kiosk(demo: RunningDemo, spare: DeviceKey, forger: Forger) -> None:
    """A whole assertion of a real kiosk, signed by the hub's own token key; and an access token under a kiosk's typ."""
    async with connect(demo.ws_url) as connection:
        claims = assertion_claims(spare.device_id, connection.hello)
        await turned_out(connection, signed_assertion(claims, forger.key.private_bytes_raw()))
    async with connect(demo.ws_url) as connection:
        await turned_out(connection, forger.headed(typ="device+jwt"))


async def test_hs256_over_a_kiosks_public_key_as_pem_is_no_kiosk(demo: RunningDemo, spare: DeviceKey) -> None:
    public = Ed25519PrivateKey.from_private_bytes(spare.private_key).public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    async with connect(demo.ws_url) as connection:
        claims = assertion_claims(spare.device_id, connection.hello)
        await turned_out(connection, hs256({"typ": "device+jwt", "alg": "HS256"}, claims, pem))


async def test_a_refresh_token_is_no_access_token(demo: RunningDemo, admin: Connection) -> None:
    person = await a_person(admin)
    await person.sign_in(demo.url)
    async with connect(demo.ws_url) as connection:
        await turned_out(connection, person.tokens["refresh_token"])
    status, _ = await refreshed(demo.url, {"refresh_token": person.tokens["access_token"]})
    assert status == 401


@asynccontextmanager
async def somebody(demo: RunningDemo, second_hub: ServingHub, admin: Connection) -> AsyncIterator[OnTwoHubs]:
    async with on_two_hubs(await a_person(admin), demo.url, (demo.ws_url, second_hub.ws_url)) as both:
        yield both


async def test_a_copied_refresh_token_ends_the_session_on_every_hub(
    demo: RunningDemo, second_hub: ServingHub, admin: Connection
) -> None:
    """Rotated twice, by turns on two hubs; whoever then shows the first has a copy."""
    async with somebody(demo, second_hub, admin) as both:
        tokens: Any = both.person.tokens
        for url in (second_hub.url, demo.url):
            status, tokens = await refreshed(url, tokens)
            assert status == 200
        assert (await refreshed(second_hub.url, both.person.tokens))[0] == 401
        assert await both.here.closed(5) == 3500
        assert await both.there.closed(5) == 3500
        assert (await refreshed(demo.url, tokens))[0] == 401


async def test_a_refresh_token_of_another_key_file_is_refused(
    demo: RunningDemo, second_hub: ServingHub, admin: Connection
) -> None:
    """The same family and generation with another checksum; the real one goes on."""
    async with somebody(demo, second_hub, admin) as both:
        token = both.person.tokens["refresh_token"]
        data = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        forged = b64(data[:24] + bytes(byte ^ 1 for byte in data[24:]))
        answers = await asyncio.gather(
            *(refreshed(url, {"refresh_token": forged}) for url in (demo.url, second_hub.url))
        )
        assert [status for status, _ in answers] == [401, 401]
        assert (await refreshed(demo.url, both.person.tokens))[0] == 200
