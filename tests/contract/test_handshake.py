"""Section 2: hello, auth, welcome, and everyone who isn't let in."""

import asyncio
import json
import time
from collections.abc import Callable

import aiohttp
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.contract.connection import Connection, an_error, connect, connect_device, connect_person
from tests.contract.demo_file import DeviceKey
from tests.contract.journal import Journal, badge
from tests.contract.primitives import Message, moment, now, unb64, uuid7
from tests.contract.punching import recorded
from tests.contract.tokens import (
    SignIns,
    assertion,
    assertion_claims,
    compact,
    hs256,
    login,
    signed_assertion,
    unverified,
)
from tests.running_hub import RunningDemo

pytestmark = pytest.mark.e2e

AUTH_SECONDS = 5


async def test_hello_says_what_a_client_needs(demo: RunningDemo) -> None:
    async with connect(demo.ws_url) as first, connect(demo.ws_url) as second:
        for connection in (first, second):
            assert connection.hello["protocol"] == "attendance.v1"
            assert connection.hello["auth_timeout_seconds"] == AUTH_SECONDS
            assert len(unb64(connection.hello["nonce"])) == 32
            assert abs((moment(connection.hello["server_time"]) - now()).total_seconds()) < 5
        assert first.hello["hub_id"] == second.hello["hub_id"]
        assert first.hello["nonce"] != second.hello["nonce"]


async def test_a_kiosk_is_welcome(demo: RunningDemo, spare: DeviceKey, kiosk: Connection) -> None:
    welcome = kiosk.welcome
    assert welcome["role"] == "kiosk"
    assert welcome["subject"] == spare.device_id
    assert welcome["expires_at"] is None
    assert welcome["limits"]["max_in_flight"] >= 32
    assert welcome["limits"]["commands_per_second"] == 20
    moment(welcome["server_time"])
    device = welcome["device"]
    assert device["status"] == "active"
    assert device["site_id"] == spare.site_id
    assert device["site_name"] == demo.file.site(spare.site_id).name
    assert device["sealing_keys"]
    for key in device["sealing_keys"]:
        assert len(unb64(key["public_key"])) == 32
        assert moment(key["not_after"]) > now()
        assert isinstance(key["id"], str)


@pytest.mark.parametrize("role", ["admin", "supervisor", "inspector"])
async def test_a_person_is_welcome(demo: RunningDemo, sign_ins: SignIns, role: str) -> None:
    account = demo.file.one_site_supervisor if role == "supervisor" else demo.file.account(role)
    async with connect_person(demo.ws_url, await sign_ins.token(account)) as connection:
        welcome = connection.welcome
        assert welcome["role"] == role
        assert welcome["device"] is None
        assert 0 < (moment(welcome["expires_at"]) - now()).total_seconds() <= 3600
        assert set(welcome["scope"]) >= {"site_ids", "department_ids"}
        expected = None if account.site_ids is None else list(account.site_ids)
        assert welcome["scope"]["site_ids"] == expected


async def test_welcome_resumes_a_journal(
    demo: RunningDemo, spare: DeviceKey, kiosk: Connection, journal: Journal
) -> None:
    employee = demo.take_employee()
    await recorded(kiosk, journal.punch(badge(employee)))
    last = journal.punch(badge(employee))
    await kiosk.ask("punch.record", **last.fields())
    async with connect_device(demo.ws_url, spare) as again:
        device = again.welcome["device"]
        assert (device["log_id"], device["last_seq"]) == (journal.log_id, 2)
        assert device["last_digest"] == last.digest
        assert again.welcome["session_id"] != kiosk.welcome["session_id"]


Forge = Callable[[DeviceKey, Message, DeviceKey], str]


def claims_with(**changes: object) -> Forge:
    def forge(device: DeviceKey, hello: Message, _: DeviceKey) -> str:
        return signed_assertion({**assertion_claims(device.device_id, hello), **changes}, device.private_key)

    return forge


def claims_without(name: str) -> Forge:
    def forge(device: DeviceKey, hello: Message, _: DeviceKey) -> str:
        claims = assertion_claims(device.device_id, hello)
        del claims[name]
        return signed_assertion(claims, device.private_key)

    return forge


def moved(issued_seconds: int, lifetime_seconds: int) -> Forge:
    def forge(device: DeviceKey, hello: Message, _: DeviceKey) -> str:
        claims = assertion_claims(
            device.device_id, hello, issued_seconds=issued_seconds, lifetime_seconds=lifetime_seconds
        )
        return signed_assertion(claims, device.private_key)

    return forge


def typed(typ: str | None) -> Forge:
    return lambda device, hello, _: signed_assertion(
        assertion_claims(device.device_id, hello), device.private_key, typ=typ
    )


def public_key(device: DeviceKey) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(device.private_key).public_key().public_bytes_raw()


def tampered(token: str) -> str:
    head, _, signature = token.rpartition(".")
    return f"{head}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}"


FORGED_ASSERTIONS: dict[str, Forge] = {
    "another nonce": claims_with(nonce="A" * 43),
    "nonce null": claims_with(nonce=None),
    "no nonce": claims_without("nonce"),
    "no exp": claims_without("exp"),
    "no iat": claims_without("iat"),
    "no iss": claims_without("iss"),
    "no sub": claims_without("sub"),
    "no aud": claims_without("aud"),
    "expired": moved(-120, 60),
    "just expired": moved(-62, 60),
    "lives 61 s": moved(0, 61),
    "lives a day": moved(0, 86_400),
    "issued an hour ahead": moved(3_600, 60),
    "ends before it begins": moved(10, -5),
    "aud of persons": claims_with(aud="attendance"),
    "aud a list": claims_with(aud=["attendance-device"]),
    "iss another": claims_with(iss=uuid7()),
    "sub another": claims_with(sub=uuid7()),
    "a device that nobody knows": claims_with(iss="018f0000-0000-7000-8000-00000000dead"),
    "sub not an id": claims_with(iss="x", sub="x"),
    "exp a string": claims_with(exp=str(int(time.time()) + 30)),
    "exp a float beyond": claims_with(exp=1e300),
    "typ missing": typed(None),
    "typ JWT": typed("JWT"),
    "typ of persons": typed("at+jwt"),
    "key of another device": lambda device, hello, other: signed_assertion(
        assertion_claims(device.device_id, hello), other.private_key
    ),
    "a fresh key": lambda device, hello, _: signed_assertion(
        assertion_claims(device.device_id, hello), Ed25519PrivateKey.generate().private_bytes_raw()
    ),
    "signature changed": lambda device, hello, _: tampered(assertion(device, hello)),
    "alg none": lambda device, hello, _: compact(
        {"typ": "device+jwt", "alg": "none"}, assertion_claims(device.device_id, hello), b""
    ),
    "alg None": lambda device, hello, _: compact(
        {"typ": "device+jwt", "alg": "None"}, assertion_claims(device.device_id, hello), b""
    ),
    "HS256 over the public key": lambda device, hello, _: hs256(
        {"typ": "device+jwt", "alg": "HS256"}, assertion_claims(device.device_id, hello), public_key(device)
    ),
    "not a token": lambda *_: "x.y.z",
    "empty": lambda *_: "",
    "beyond ASCII": lambda *_: "é.ñ.👋",
    "header a list": lambda *_: "W10.W10.AA",
}


async def turned_out(connection: Connection, token: str) -> None:
    error = an_error(await connection.ask("auth", token=token, lang="en"))
    assert error["code"] == "unauthenticated"
    assert error["re"] == 1
    assert await connection.closed() == 3500


@pytest.mark.parametrize("name", FORGED_ASSERTIONS)
async def test_a_forged_assertion_is_not_let_in(
    demo: RunningDemo, spare: DeviceKey, other_spare: DeviceKey, name: str
) -> None:
    async with connect(demo.ws_url) as connection:
        await turned_out(connection, FORGED_ASSERTIONS[name](spare, connection.hello, other_spare))


async def test_an_assertion_serves_one_connection(demo: RunningDemo, spare: DeviceKey) -> None:
    async with connect(demo.ws_url) as first, connect(demo.ws_url) as second:
        token = assertion(spare, first.hello)
        await first.authenticate(token)
        await turned_out(second, token)


async def test_a_forged_access_token_is_not_let_in(demo: RunningDemo, sign_ins: SignIns) -> None:
    token = await sign_ins.token(demo.file.account("admin"))
    header, claims = unverified(token)
    async with aiohttp.ClientSession() as session, session.get(f"{demo.url}/.well-known/jwks.json") as answer:
        keys = (await answer.json())["keys"]
    public = unb64(next(key for key in keys if key["kid"] == header["kid"])["x"])
    stranger = Ed25519PrivateKey.generate()
    unsigned = compact(header, {**claims, "exp": claims["exp"] + 3600}, b"").rstrip(".")
    forged = [
        tampered(token),
        compact({**header, "alg": "none"}, claims, b""),
        hs256({**header, "alg": "HS256"}, claims, public),
        f"{unsigned}.{token.rpartition('.')[2]}",
        compact(header, claims, stranger.sign(compact(header, claims, b"").rstrip(".").encode())),
        compact({**header, "kid": "../../etc/passwd"}, claims, b"x" * 64),
    ]
    for index, fake in enumerate(forged):
        async with connect(demo.ws_url) as connection:
            error = await connection.refusal("auth", token=fake, lang="en")
            assert error["code"] == "unauthenticated", index
            assert await connection.closed() == 3500


async def test_a_second_auth_is_invalid(demo: RunningDemo, sign_ins: SignIns, kiosk: Connection) -> None:
    token = await sign_ins.token(demo.file.account("admin"))
    assert (await kiosk.refusal("auth", token=token, lang="en"))["code"] == "invalid"
    assert (await kiosk.ask("no.such"))["code"] == "unknown_command"


@pytest.mark.parametrize(("lang", "like"), [("en", "en"), ("es", "es"), ("tlh", "en"), ("", "en")])
async def test_messages_speak_the_connections_language(
    demo: RunningDemo, spare: DeviceKey, lang: str, like: str
) -> None:
    async with connect_device(demo.ws_url, spare, lang) as one, connect_device(demo.ws_url, spare, like) as model:
        theirs, ours = await model.refusal("no.such"), await one.refusal("no.such")
        assert ours["message"] == theirs["message"]
    if like == "es":
        async with connect_device(demo.ws_url, spare, "en") as english:
            assert (await english.refusal("no.such"))["message"] != theirs["message"]


async def test_without_auth_the_hub_closes_even_when_pinged(demo: RunningDemo) -> None:
    async with connect(demo.ws_url) as connection:
        begun = time.monotonic()
        while connection.close_code is None and time.monotonic() - begun < AUTH_SECONDS + 5:
            await connection.ws.ping(b"alive")
            await asyncio.sleep(0.25)
            if connection._reader.done():
                break
        assert await connection.closed() == 3502
        assert AUTH_SECONDS - 0.5 <= time.monotonic() - begun <= AUTH_SECONDS + 2


async def test_frames_behind_auth_wait_for_its_verdict(demo: RunningDemo, spare: DeviceKey) -> None:
    async with connect(demo.ws_url) as connection:
        auth = await connection.start("auth", token=assertion(spare, connection.hello), lang="en")
        behind = [await connection.start("no.such") for _ in range(5)]
        assert (await asyncio.wait_for(auth, 10))["type"] == "welcome"
        for answer in behind:
            assert (await asyncio.wait_for(answer, 10))["code"] == "unknown_command"
        assert [message["type"] for message in connection.received[:2]] == ["hello", "welcome"]


async def test_frames_behind_a_failed_auth_are_never_heard(demo: RunningDemo) -> None:
    async with connect(demo.ws_url) as connection:
        await connection.start("auth", token="x", lang="en")
        await connection.start("no.such")
        assert await connection.closed() == 3500
        assert [message["type"] for message in connection.received] == ["hello", "error"]


async def test_a_person_renews_on_the_live_socket(demo: RunningDemo, sign_ins: SignIns) -> None:
    account = demo.file.account("inspector")
    first = await login(demo.url, account)
    async with connect_person(demo.ws_url, first["access_token"]) as connection:
        refreshed = {"refresh_token": first["refresh_token"]}
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{demo.url}/api/token/refresh", json=refreshed) as answer,
        ):
            body = await answer.json()
            assert answer.status == 200, body
        await connection.result("auth.refresh", token=body["access_token"])
        assert (await connection.refusal("auth.refresh", token="x.y.z"))["code"] == "unauthenticated"
        assert (await connection.refusal("auth.refresh"))["code"] == "invalid"
        foreign = await sign_ins.token(demo.file.one_site_supervisor)
        assert (await connection.refusal("auth.refresh", token=foreign))["code"] in {"unauthenticated", "invalid"}
        assert (await connection.ask("no.such"))["code"] == "unknown_command"


async def test_a_kiosk_has_nothing_to_renew(spare: DeviceKey, kiosk: Connection) -> None:
    error = await kiosk.refusal("auth.refresh", token=assertion(spare, kiosk.hello))
    assert error["code"] in {"forbidden", "invalid"}


async def test_no_error_gives_anything_away(demo: RunningDemo) -> None:
    async with connect(demo.ws_url) as connection:
        await connection.send_text('{"type":"auth","id":1,"token":"' + "A" * 900 + '"}')
        await connection.closed()
        text = json.dumps(connection.received[1:])
        assert "AAAA" not in text
        assert "Traceback" not in text
