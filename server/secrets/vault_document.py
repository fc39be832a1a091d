"""The keyring as it lies in Vault: JSON whose secrets are Transit's ciphertexts, and Transit's signature over it."""

from __future__ import annotations

import base64
from typing import Any, Final

import msgspec
from msgspec import Struct

from server.secrets.keyring import Keyring, KeyVersion, is_whole
from server.secrets.provider import KeyKind, SecretsUnavailable
from server.secrets.vault_client import Ask, VaultRejected, part, read, text_part
from server.secrets.vault_session import VaultSession
from server.secrets.vault_setup import KEYRING, KV, SIGNING, TRANSIT

KEPT_ELSEWHERE: Final = frozenset({KeyKind.PIN})
"""Their secrets never leave Transit."""


class Document(Struct, frozen=True, forbid_unknown_fields=True):
    """What is signed. `serial` is its version in KV: an old document can't stand for a new one."""

    serial: int
    ring: Keyring


async def read_document(session: VaultSession) -> Document | None:
    """The document, verified, its secrets still wrapped; None when there was never one.

    Raises:
        SecretsUnavailable: Vault is away or denies it, or the document isn't what a rotator signed.
    """
    answer = await session.ask(read(f"{KV}/data/{KEYRING}"))
    if not answer:
        return None
    text = text_part(answer, "data", "data", "document")
    data = {"input": _base64(text.encode()), "signature": text_part(answer, "data", "data", "signature")}
    try:
        verified = await session.ask(lambda vault: vault.write_data(f"{TRANSIT}/verify/{SIGNING}", data=data))
        document = msgspec.json.decode(text, type=Document)
    except (VaultRejected, msgspec.MsgspecError):
        raise SecretsUnavailable("Vault's keys are not what was signed") from None
    if part(verified, "data", "valid") is not True:
        raise SecretsUnavailable("Vault's keys are not what was signed")
    if document.serial != part(answer, "data", "metadata", "version"):
        raise SecretsUnavailable("Vault's keys are older than they say: somebody put old ones back")
    return document


async def unwrapped(session: VaultSession, document: Document) -> Keyring:
    """Its keyring with every secret opened, in one call; raises SecretsUnavailable."""
    wrapped = _with_secrets(document.ring)
    answer = await session.ask(
        _batch("decrypt", [{"ciphertext": v.secret, "associated_data": _bound(kind, v)} for kind, v in wrapped])
    )
    secrets = [_plain(result) for result in _results(answer, len(wrapped))]
    ring = _replaced(document.ring, secrets)
    if not is_whole(ring, kept_elsewhere=KEPT_ELSEWHERE):
        raise SecretsUnavailable("Vault's keys are not a keyring of this version")
    return ring


async def write_document(session: VaultSession, ring: Keyring, *, after: int) -> None:
    """Wrap and sign a keyring, and put it in the place of the document with the serial `after` (0: none).

    Raises:
        VaultRejected: another document came between.
        SecretsUnavailable: any other reason.
    """
    plain = _with_secrets(ring)
    answer = await session.ask(
        _batch(
            "encrypt",
            [{"plaintext": _base64(v.secret.encode()), "associated_data": _bound(kind, v)} for kind, v in plain],
        )
    )
    wrapped = [text_part(result, "ciphertext") for result in _results(answer, len(plain))]
    text = msgspec.json.encode(Document(after + 1, _replaced(ring, wrapped))).decode()
    to_sign = {"input": _base64(text.encode())}
    signed = await session.ask(lambda vault: vault.write_data(f"{TRANSIT}/sign/{SIGNING}", data=to_sign))
    kept = {"document": text, "signature": text_part(signed, "data", "signature")}
    await session.ask(
        lambda vault: vault.write_data(f"{KV}/data/{KEYRING}", data={"data": kept, "options": {"cas": after}})
    )


def _with_secrets(ring: Keyring) -> list[tuple[KeyKind, KeyVersion]]:
    return [(kind, version) for kind, versions in ring.keys.items() for version in versions if version.secret]


def _replaced(ring: Keyring, secrets: list[str]) -> Keyring:
    """The keyring with other secrets, in the order of `_with_secrets`."""
    following = iter(secrets)
    return Keyring(
        ring.format,
        {
            kind: [msgspec.structs.replace(v, secret=next(following)) if v.secret else v for v in versions]
            for kind, versions in ring.keys.items()
        },
    )


def _bound(kind: KeyKind, version: KeyVersion) -> str:
    """What a ciphertext is bound to: it opens as this key and as no other."""
    return _base64(f"{kind}|{version.id}".encode())


def _batch(act: str, items: list[dict[str, str]]) -> Ask:
    return lambda vault: vault.write_data(f"{TRANSIT}/{act}/{KEYRING}", data={"batch_input": items})


def _results(answer: dict[str, Any], count: int) -> list[dict[str, Any]]:
    results = part(answer, "data", "batch_results")
    if not isinstance(results, list) or len(results) != count:
        raise SecretsUnavailable("Vault answered for other keys than it was asked for")
    return results


def _plain(result: dict[str, Any]) -> str:
    try:
        return base64.b64decode(text_part(result, "plaintext"), validate=True).decode("ascii")
    except ValueError:
        raise SecretsUnavailable("a key that Vault opened is none") from None


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
