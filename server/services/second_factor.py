"""Second factors: secrets for one-time codes, how an authenticator is told them, and codes that are spent once."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Collection
from datetime import datetime
from typing import Final, Self
from urllib.parse import quote, urlencode
from uuid import UUID

from protocol.values import Role
from server.rules.totp import STEP_SECONDS, matching_step
from server.secrets.provider import SecretsProvider
from server.settings import Settings
from storage.postgres import Connection
from storage.repositories import accounts as repository

_SECRET_BYTES: Final = 20
"""As long as HMAC-SHA-1's output (RFC 4226, section 4, R6)."""


class SecondFactor:
    """Every method may raise SecretsUnavailable.

    Args:
        issuer: what an authenticator calls this hub.
        required_of: roles that can't sign in without.
    """

    def __init__(
        self, secrets: SecretsProvider, clock: Callable[[], datetime], *, issuer: str, required_of: Collection[str]
    ) -> None:
        self._secrets = secrets
        self._clock = clock
        self._issuer = issuer
        self._required_of = frozenset(required_of)

    @classmethod
    def from_settings(cls, secrets: SecretsProvider, clock: Callable[[], datetime], settings: Settings) -> Self:
        return cls(secrets, clock, issuer=settings.totp_issuer, required_of=settings.totp_required_roles)

    def is_required_of(self, role: Role) -> bool:
        return role.value in self._required_of

    def new(self) -> bytes:
        """A fresh secret."""
        return os.urandom(_SECRET_BYTES)

    def encrypted(self, account_id: UUID, secret: bytes) -> bytes:
        """The secret as it is kept, bound to its account."""
        return self._secrets.encrypt(secret, totp_binding(account_id))

    def uri(self, username: str, secret: bytes) -> str:
        """What an authenticator reads (otpauth://, as Google's Key URI Format has it), as text or as a QR code."""
        label = quote(f"{self._issuer}:{username}", safe=":")
        parameters = {
            "secret": spelled(secret),
            "issuer": self._issuer,
            "algorithm": "SHA1",
            "digits": "6",
            "period": str(STEP_SECONDS),
        }
        return f"otpauth://totp/{label}?{urlencode(parameters, quote_via=quote)}"

    def step_of(self, secret: bytes, code: str) -> int | None:
        """The step whose code this is now, spaces aside; None when there is none."""
        return matching_step(secret, "".join(code.split()), self._clock())

    async def spend(self, connection: Connection, account_id: UUID, encrypted: bytes, code: str | None) -> bool:
        """Whether this code is good now; it never is again."""
        secret = self._secrets.decrypt(encrypted, totp_binding(account_id))
        step = None if code is None else self.step_of(secret, code)
        return step is not None and await repository.use_totp_step(connection, account_id, step)


def spelled(secret: bytes) -> str:
    """A secret as people type it into an authenticator: base32."""
    return base64.b32encode(secret).decode().rstrip("=")


def totp_binding(account_id: UUID) -> bytes:
    """What an account's one-time secret is bound to where it is kept encrypted."""
    return b"attendance|totp|" + account_id.bytes
