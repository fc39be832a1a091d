"""A kiosk's own token for one connection: signed by its device key over the hello's nonce, dated by the hub's clock."""

from __future__ import annotations

import hmac
from datetime import datetime
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from protocol.signing import ASSERTION_SECONDS, DEVICE_AUDIENCE, DEVICE_TOKEN_TYPE
from server.services.tokens import numeric_date, read_unverified, refuse, uuid_claim, verified_claims


def is_device_assertion(token: str) -> bool:
    """Whether a token calls itself a kiosk's assertion. Raises Refused(unauthenticated) when it is no token at all."""
    return read_unverified(token).header.get("typ") == DEVICE_TOKEN_TYPE


def claimed_device(token: str) -> UUID:
    """Whose assertion this says it is, so that its key can be looked up. Raises Refused(unauthenticated)."""
    return uuid_claim(read_unverified(token).claims, "sub")


def verify_assertion(token: str, public_key: bytes, *, nonce: str, now: datetime, leeway_seconds: float) -> UUID:
    """The device that signed this token for this connection with `public_key` (raw, 32 bytes).

    Raises Refused(unauthenticated).
    """
    device_id = claimed_device(token)
    claims = verified_claims(
        token,
        Ed25519PublicKey.from_public_bytes(public_key),
        token_type=DEVICE_TOKEN_TYPE,
        audience=DEVICE_AUDIENCE,
        issuer=str(device_id),
    )
    said_nonce = claims.get("nonce")
    if not isinstance(said_nonce, str) or not hmac.compare_digest(said_nonce.encode(), nonce.encode()):
        raise refuse("another connection's nonce")
    issued, expires = numeric_date(claims, "iat"), numeric_date(claims, "exp")
    if not 0 < expires - issued <= ASSERTION_SECONDS:
        raise refuse("lives too long")
    # Both are reckoned from this hub's own hello: only rounding may put `iat` ahead, and nothing `exp` behind.
    if not issued - leeway_seconds <= now.timestamp() < expires:
        raise refuse("not of this time")
    return device_id
