"""The whole database as text, and a search in it for what must not be there."""

import base64
import re
from collections.abc import Iterable
from typing import Any

import asyncpg

TABLES = """
SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
ORDER BY 1
"""
WIRE_TIMES = re.compile(rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d(:\d\d)?)?")
MONOTONIC = re.compile(rb'"monotonic_ms": ?\d+')
HEX_BYTES = re.compile(rb"\\\\x([0-9a-f]+)")


async def dump(database: "asyncpg.Connection[asyncpg.Record]") -> bytes:
    """Every table as COPY text, each line led by its table's name; binary columns as hex and as their bytes."""
    lines: list[bytes] = []

    for (table,) in await database.fetch(TABLES):
        chunks: list[bytes] = []

        async def collect(data: bytes, chunks: list[bytes] = chunks) -> None:
            chunks.append(data)

        await database.copy_from_query(f"SELECT * FROM {table}", output=collect)
        for line in b"".join(chunks).splitlines():
            binary = b" ".join(
                bytes.fromhex(found.decode()) for found in HEX_BYTES.findall(line) if len(found) % 2 == 0
            )
            lines.append(table.encode() + b"\t" + line + b"\t" + binary)
    return b"\n".join(lines)


def without_times(text: bytes) -> bytes:
    """The same without times and clock readings, whose digits look like PINs."""
    return MONOTONIC.sub(b"", WIRE_TIMES.sub(b"", text))


def spellings(secret: str | bytes) -> set[bytes]:
    """How a secret may stand in text: itself, in hex, in base64 of each kind."""
    raw = secret.encode() if isinstance(secret, str) else secret
    return {
        raw,
        raw.hex().encode(),
        base64.b64encode(raw).rstrip(b"="),
        base64.urlsafe_b64encode(raw).rstrip(b"="),
        raw.decode("latin-1").encode("utf-16-le"),
    }


def found_words(text: bytes, secrets: Iterable[str]) -> dict[str, bytes]:
    """Which secrets stand in the text as a word of their own, with the line.

    Six digits within a longer run of digits and letters are chance.
    """
    wanted = {secret.encode(): secret for secret in secrets}
    found: dict[str, bytes] = {}
    for match in re.finditer(rb"(?<![0-9A-Za-z])[0-9A-Za-z]+(?![0-9A-Za-z])", text):
        if (secret := wanted.get(match.group())) is not None:
            found[secret] = line_at(text, match.start())
    return found


def found_anywhere(text: bytes, secrets: Iterable[str | bytes]) -> dict[Any, bytes]:
    """Which secrets stand in the text in any spelling, with the line."""
    return {
        secret: line_at(text, text.index(spelling))
        for secret in secrets
        for spelling in spellings(secret)
        if spelling in text
    }


def line_at(text: bytes, position: int) -> bytes:
    begin = text.rfind(b"\n", 0, position) + 1
    return text[begin : begin + 300]
