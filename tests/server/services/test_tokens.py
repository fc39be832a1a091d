import asyncio
import hmac
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from protocol.errors import ErrorCode
from protocol.values import to_binary
from server.errors import Refused
from server.secrets.keyring import DEFAULT_ROTATION
from server.secrets.local import LocalSecrets, open_key_file
from server.secrets.provider import KeyKind
from server.services.tokens import AccessTokens

NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)
ACCOUNT, SESSION = uuid4(), uuid4()


@pytest.fixture
def secrets(tmp_path: Path) -> LocalSecrets:
    return open_key_file(tmp_path / "keys.json")


@pytest.fixture
def tokens(secrets: LocalSecrets) -> AccessTokens:
    return AccessTokens(secrets, issuer="attendance-hub")


def claims(**changes: object) -> dict[str, object]:
    return {
        "iss": "attendance-hub",
        "aud": "attendance",
        "sub": str(ACCOUNT),
        "sid": str(SESSION),
        "iat": int(NOW.timestamp()),
        "exp": int(NOW.timestamp()) + 900,
    } | changes


def without(name: str) -> dict[str, object]:
    return {key: value for key, value in claims().items() if key != name}


def compact(secrets: LocalSecrets, header: Mapping[str, object], payload: str) -> str:
    """Signed with the hub's own key: only what is said can be wrong."""
    unsigned = f"{to_binary(json.dumps(header).encode())}.{to_binary(payload.encode())}"
    return f"{unsigned}.{to_binary(asyncio.run(secrets.sign_token(secrets.token_kid, unsigned.encode())))}"


def header(secrets: LocalSecrets, **changes: object) -> dict[str, object]:
    return {"alg": "EdDSA", "typ": "at+jwt", "kid": secrets.token_kid} | changes


async def issue(tokens: AccessTokens) -> str:
    return await tokens.issue(account_id=ACCOUNT, session_id=SESSION, now=NOW, expires_at=NOW + timedelta(minutes=15))


async def test_a_token_says_who_and_until_when(tokens: AccessTokens) -> None:
    verified = tokens.verify(await issue(tokens), now=NOW + timedelta(minutes=14))
    assert verified == (ACCOUNT, SESSION, NOW + timedelta(minutes=15))


async def test_an_independent_library_verifies_it_with_the_published_keys(
    tokens: AccessTokens, secrets: LocalSecrets
) -> None:
    token = await issue(tokens)
    published = jwt.PyJWKSet.from_dict(secrets.jwks())
    key = published[jwt.get_unverified_header(token)["kid"]]
    verified = jwt.decode(
        token,
        key,
        algorithms=["EdDSA"],
        audience="attendance",
        issuer="attendance-hub",
        options={"verify_exp": False, "verify_iat": False},  # NOW is not the library's
    )
    assert verified == claims()
    assert jwt.get_unverified_header(token)["typ"] == "at+jwt"


def test_the_hand_made_token_of_these_tests_is_good(tokens: AccessTokens, secrets: LocalSecrets) -> None:
    assert tokens.verify(compact(secrets, header(secrets), json.dumps(claims())), now=NOW).account_id == ACCOUNT


BAD_CLAIMS: dict[str, dict[str, object]] = {
    **{f"no {name}": without(name) for name in claims()},
    "another issuer": claims(iss="someone"),
    "another audience": claims(aud="attendance-device"),
    "a list of audiences": claims(aud=["attendance", "other"]),
    "exp is text": claims(exp=str(int(NOW.timestamp()) + 900)),
    "exp is true": claims(exp=True),
    "exp is null": claims(exp=None),
    "exp is beyond every calendar": claims(exp=2**53 - 1),
    "iat is text": claims(iat="1"),
    "expired": claims(exp=int(NOW.timestamp())),
    "issued in the future": claims(iat=int(NOW.timestamp()) + 60),
    "sub is no uuid": claims(sub="ana"),
    "sub in braces": claims(sub="{" + str(ACCOUNT) + "}"),
    "sub is a number": claims(sub=7),
    "sid is null": claims(sid=None),
}


@pytest.mark.parametrize("bad", BAD_CLAIMS.values(), ids=BAD_CLAIMS)
def test_bad_claims_are_refused(tokens: AccessTokens, secrets: LocalSecrets, bad: dict[str, object]) -> None:
    refused(tokens, compact(secrets, header(secrets), json.dumps(bad)))


BAD_HEADERS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "no typ": lambda good: {key: value for key, value in good.items() if key != "typ"},
    "a kiosk's typ": lambda good: good | {"typ": "device+jwt"},
    "JWT": lambda good: good | {"typ": "JWT"},
    "no kid": lambda good: {key: value for key, value in good.items() if key != "kid"},
    "unknown kid": lambda good: good | {"kid": "0" * 16},
    "kid is a list": lambda good: good | {"kid": [good["kid"]]},
    "alg none": lambda good: good | {"alg": "none"},
    "alg HS256": lambda good: good | {"alg": "HS256"},
    "crit": lambda good: good | {"crit": ["exp"]},
}


@pytest.mark.parametrize("change", BAD_HEADERS.values(), ids=BAD_HEADERS)
def test_bad_headers_are_refused(
    tokens: AccessTokens, secrets: LocalSecrets, change: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    refused(tokens, compact(secrets, change(header(secrets)), json.dumps(claims())))


@pytest.mark.parametrize(
    "token",
    ["", ".", "..", "a.b.c", "a.b.c.d", "\ud800.\ud800.\ud800", "ñ.ñ.ñ", "x" * 5_000, "e30.e30.e30", "W10.W10."],
)
def test_what_is_no_token_is_refused(tokens: AccessTokens, token: str) -> None:
    refused(tokens, token)


def test_doubled_claims_are_refused(tokens: AccessTokens, secrets: LocalSecrets) -> None:
    text = json.dumps(claims())
    refused(tokens, compact(secrets, header(secrets), text[:-1] + f', "sub": "{uuid4()}"}}'))


def test_another_key_is_refused(tokens: AccessTokens, secrets: LocalSecrets) -> None:
    foreign = jwt.encode(claims(), Ed25519PrivateKey.generate(), algorithm="EdDSA", headers=header(secrets))
    refused(tokens, foreign)


SPELLINGS: dict[str, Callable[[Ed25519PublicKey], bytes]] = {
    "raw": lambda key: key.public_bytes_raw(),
    "PEM": lambda key: key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
    "DER": lambda key: key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
    "JWK": lambda key: to_binary(key.public_bytes_raw()).encode(),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_an_hmac_over_the_public_key_is_refused(tokens: AccessTokens, secrets: LocalSecrets, spelling: str) -> None:
    """By hand: an honest library refuses to make it."""
    public = secrets.token_key(secrets.token_kid)
    assert public is not None
    parts = (header(secrets, alg="HS256"), claims())
    unsigned = ".".join(to_binary(json.dumps(part).encode()) for part in parts)
    refused(tokens, f"{unsigned}.{to_binary(hmac.digest(SPELLINGS[spelling](public), unsigned.encode(), 'sha256'))}")


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


async def test_a_tokens_key_is_good_through_the_overlap_and_no_longer_on_both_hubs(tmp_path: Path) -> None:
    """Each of the two renews in its turn, the other learns of it by the first kid that it doesn't know."""
    clock = Clock()
    here, there = (open_key_file(tmp_path / "keys.json", clock=clock) for _ in range(2))
    on_here, on_there = (AccessTokens(secrets, issuer="attendance-hub") for secrets in (here, there))
    first = await issue(on_here)
    turn = DEFAULT_ROTATION.turns[KeyKind.TOKEN]
    assert turn.every is not None
    clock.now = NOW + turn.every + timedelta(seconds=1)
    await here.renew()
    assert here.token_kid == there.token_kid, "a new key is known everywhere before it is used"
    clock.now += DEFAULT_ROTATION.lead
    second = await issue(on_here)
    kids = [jwt.get_unverified_header(token)["kid"] for token in (second, first)]
    assert kids[0] != kids[1]
    for hub in (on_there, on_here):
        for token in (second, first):
            assert hub.verify(token, now=NOW).account_id == ACCOUNT
    assert [[key["kid"] for key in secrets.jwks()["keys"]] for secrets in (here, there)] == [kids, kids]
    clock.now += turn.overlap
    for hub in (on_here, on_there):
        assert hub.verify(first, now=NOW).account_id == ACCOUNT
    clock.now += timedelta(seconds=1)
    await there.rotate(KeyKind.TOKEN)
    clock.now += DEFAULT_ROTATION.lead
    third = await issue(on_there)
    for hub in (on_here, on_there):
        for token in (third, second):
            assert hub.verify(token, now=NOW).session_id == SESSION
        refused(hub, first)
    assert kids[1] not in json.dumps([here.jwks(), there.jwks()])


async def test_a_changed_signature_or_claim_is_refused(tokens: AccessTokens) -> None:
    token = await issue(tokens)
    head, body, signature = token.split(".")
    other = to_binary(json.dumps(claims(sub=str(uuid4()))).encode())
    refused(tokens, f"{head}.{other}.{signature}")
    refused(tokens, f"{head}.{body}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}")
    refused(tokens, f"{head}.{body}.")


def refused(tokens: AccessTokens, token: str) -> None:
    with pytest.raises(Refused) as caught:
        tokens.verify(token, now=NOW)
    assert caught.value.code is ErrorCode.UNAUTHENTICATED
    assert caught.value.details is None
