"""Tokens that say who someone is: JWTs (RFC 7519) signed with Ed25519 (RFC 8037), and nothing else.

PyJWT verifies the signature, the audience and the issuer. What it lets through is refused here: another `typ`, a
list as `aud`, times that are text, doubled keys, text that isn't ASCII. Times go by the hub's own clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from protocol.codec import loads
from protocol.errors import ErrorCode, Malformed
from protocol.values import from_binary, to_binary
from server.errors import Refused
from server.secrets.provider import SecretsProvider

ACCESS_TYPE: Final = "at+jwt"
ACCESS_AUDIENCE: Final = "attendance"
_ALGORITHM: Final = "EdDSA"
_MAX_CHARACTERS: Final = 4_096
_CLOCK_SKEW: Final = timedelta(seconds=5)
"""Another hub's clock may run ahead of ours by this much when its token arrives."""


class AccessClaims(NamedTuple):
    """What an access token says, once it was verified."""

    account_id: UUID
    session_id: UUID
    expires_at: datetime


class Unverified(NamedTuple):
    """Header and claims of a token as they came: good for finding the key, for nothing else."""

    header: Mapping[str, Any]
    claims: Mapping[str, Any]


def refuse(reason: str) -> Refused:
    """The one answer to a token that isn't good; its reason is for the log."""
    return Refused(ErrorCode.UNAUTHENTICATED, reason)


def read_unverified(token: str) -> Unverified:
    """Take a token apart without believing it. Raises Refused(unauthenticated)."""
    if not token.isascii() or len(token) > _MAX_CHARACTERS:
        raise refuse("not a token")
    try:
        header_part, claims_part, _ = token.split(".")
        header, claims = (loads(from_binary(part).decode()) for part in (header_part, claims_part))
    except (ValueError, Malformed):
        raise refuse("not a token") from None
    if not isinstance(header, dict) or not isinstance(claims, dict):
        raise refuse("not a token")
    return Unverified(header, claims)


def verified_claims(
    token: str, key: Ed25519PublicKey, *, token_type: str, audience: str, issuer: str
) -> Mapping[str, Any]:
    """The claims of a token that `key` signed for this use; times are still to be checked.

    Raises Refused(unauthenticated).
    """
    header, claims = read_unverified(token)
    if header.get("typ") != token_type or header.get("alg") != _ALGORITHM or "crit" in header:
        raise refuse("another kind of token")
    try:
        jwt.decode(
            token,
            key,
            algorithms=[_ALGORITHM],
            audience=audience,
            issuer=issuer,
            options={
                "require": ["exp", "iat", "aud", "iss", "sub"],
                "strict_aud": True,
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
            },
        )
    except (jwt.InvalidTokenError, UnicodeError) as fault:
        raise refuse(type(fault).__name__) from None
    return claims


def numeric_date(claims: Mapping[str, Any], name: str) -> float:
    """A claim that is a time, in seconds since 1970 (RFC 7519, section 2). Raises Refused(unauthenticated)."""
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise refuse(f"{name} is no number")
    return value


def uuid_claim(claims: Mapping[str, Any], name: str) -> UUID:
    """A claim that is a UUID in its usual spelling. Raises Refused(unauthenticated)."""
    value = claims.get(name)
    try:
        found = UUID(value if isinstance(value, str) else "")
    except ValueError:
        raise refuse(f"{name} is no UUID") from None
    if str(found) != value:
        raise refuse(f"{name} is no UUID")
    return found


class AccessTokens:
    """Makes and verifies people's access tokens."""

    def __init__(self, secrets: SecretsProvider, *, issuer: str) -> None:
        self._secrets = secrets
        self._issuer = issuer

    async def issue(self, *, account_id: UUID, session_id: UUID, now: datetime, expires_at: datetime) -> str:
        """A token for one session, good until `expires_at` (whole seconds)."""
        kid = self._secrets.token_kid
        header = {"alg": _ALGORITHM, "typ": ACCESS_TYPE, "kid": kid}
        claims = {
            "iss": self._issuer,
            "aud": ACCESS_AUDIENCE,
            "sub": str(account_id),
            "sid": str(session_id),
            "iat": int(now.timestamp()),
            "exp": int(expires_at.timestamp()),
        }
        unsigned = ".".join(to_binary(msgspec.json.encode(part)) for part in (header, claims))
        return f"{unsigned}.{to_binary(await self._secrets.sign_token(kid, unsigned.encode()))}"

    def verify(self, token: str, *, now: datetime) -> AccessClaims:
        """What a good token says. Raises Refused(unauthenticated); whether its session lives is another question."""
        header, _ = read_unverified(token)
        kid = header.get("kid")
        key = self._secrets.token_key(kid) if isinstance(kid, str) else None
        if key is None:
            raise refuse("unknown kid")
        claims = verified_claims(token, key, token_type=ACCESS_TYPE, audience=ACCESS_AUDIENCE, issuer=self._issuer)
        issued, expires = numeric_date(claims, "iat"), numeric_date(claims, "exp")
        if issued > (now + _CLOCK_SKEW).timestamp():
            raise refuse("issued in the future")
        if not now.timestamp() < expires:
            raise refuse("expired")
        return AccessClaims(
            account_id=uuid_claim(claims, "sub"),
            session_id=uuid_claim(claims, "sid"),
            expires_at=_moment(expires, now),
        )


def _moment(seconds: float, now: datetime) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, now.tzinfo)
    except (OverflowError, ValueError, OSError):
        raise refuse("exp is no time") from None
