"""Passwords: which ones will do, new ones, and their hashes."""

from __future__ import annotations

import gzip
import secrets
from importlib.resources import files
from typing import Final, Self

from protocol.errors import Invalid
from protocol.values import MAX_PASSWORD_CHARACTERS
from server.rules.passwords import problem_of
from server.services.hashing import SlowHashes
from server.settings import Settings

_SIGNS: Final = "23456789abcdefghjkmnpqrstuvwxyz"
"""No two of them look alike."""
_GROUPS: Final = 4
_SIGNS_OF_A_GROUP: Final = 5


class Passwords:
    """Every method that hashes may raise Refused(overloaded)."""

    def __init__(self, hashes: SlowHashes, *, min_characters: int) -> None:
        self._hashes = hashes
        self._min_characters = min_characters
        self._common = read_common_passwords()

    @classmethod
    def from_settings(cls, hashes: SlowHashes, settings: Settings) -> Self:
        return cls(hashes, min_characters=settings.password_min_characters)

    def problem_of(self, password: str, *, username: str) -> str | None:
        """Why this password won't do, as a sentence's end; None: it will."""
        return problem_of(
            password,
            username=username,
            least=self._min_characters,
            most=MAX_PASSWORD_CHARACTERS,
            common=self._common,
        )

    async def hash_chosen(self, password: str, *, username: str, field: str) -> str:
        """The hash of a password that someone chose; raises Invalid(`field`) for one that is easily guessed."""
        if (problem := self.problem_of(password, username=username)) is not None:
            raise Invalid(field, problem)
        return await self._hashes.hash(password.encode())

    async def make(self) -> tuple[str, str]:
        """A new password of 99 random bits, in groups that can be read out, and its hash."""
        password = "-".join("".join(secrets.choice(_SIGNS) for _ in range(_SIGNS_OF_A_GROUP)) for _ in range(_GROUPS))
        return password, await self._hashes.hash(password.encode())

    async def verify(self, stored: str | None, password: str) -> bool:
        """Whether `stored` is this password's hash; the same work is done for None."""
        return await self._hashes.verify(stored, password.encode())


def read_common_passwords() -> frozenset[str]:
    """What a guesser tries first, in lower case (`common_passwords.LICENSE` says whence)."""
    packed = files("server.services").joinpath("common_passwords.txt.gz").read_bytes()
    return frozenset(gzip.decompress(packed).decode().split())
