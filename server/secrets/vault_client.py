"""One question to Vault (or OpenBao): in a thread, within a time, and with every fault as one sentence and one word."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import hvac
import hvac.exceptions
import requests

from server.secrets.provider import SecretsUnavailable

_THREADS: Final = 4
"""As many questions at once: a Vault that hangs holds these and no thread of anybody else's."""


class VaultState(StrEnum):
    """How Vault was when it was last asked."""

    OK = "ok"
    SEALED = "sealed"
    UNREACHABLE = "unreachable"
    DENIED = "denied"


class VaultFault(SecretsUnavailable):
    """Vault didn't do it; the text says why without a secret, and `state` in a word."""

    def __init__(self, state: VaultState, sentence: str) -> None:
        super().__init__(sentence)
        self.state = state


class VaultRejected(VaultFault):
    """Vault is well and understood, and what it was given is no good: a version, a ciphertext, a wrapping token."""

    def __init__(self) -> None:
        super().__init__(VaultState.DENIED, "Vault refuses what it was given")


Ask = Callable[[Any], Any]
"""What is asked of an hvac client (untyped): its answer, decoded from JSON, is returned."""

_NOT_VAULT: Final = "what answers at Vault's address is not Vault as we know it"
_NO_CONTENT: Final = 204


def read(path: str) -> Ask:
    """Read what is at a path. (hvac's own `read` takes a strange server's 404 for an empty path.)"""
    return lambda vault: vault.adapter.get(f"/v1/{path}")


def listing(path: str) -> Ask:
    """List what is below a path; as `read`."""
    return lambda vault: vault.adapter.list(f"/v1/{path}")


class VaultClient:
    """Asks with hvac, which waits, in threads of its own.

    Args:
        url: of the server, `https://…`.
        ca_file: PEM of those who may vouch for it; None: the system's own.
        timeout_seconds: to connect, and between two bytes of an answer; a whole answer may take twice that.
    """

    def __init__(self, url: str, *, ca_file: Path | None = None, timeout_seconds: float = 5.0) -> None:
        self._url = url
        self._timeout_seconds = timeout_seconds
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="vault")
        self._connections = requests.Session()
        self._connections.trust_env = False  # no proxy and no .netrc of the environment
        self._connections.verify = True if ca_file is None else str(ca_file)

    def close(self) -> None:
        """Let the connections go; a thread that still waits ends at its own timeout."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._connections.close()

    async def ask(self, token: str, ask: Ask) -> dict[str, Any]:
        """The answer's JSON object; {} where there is none (204, or nothing at that path).

        Raises:
            VaultRejected: see there.
            VaultFault: any other reason.
        """
        # An empty token, never None: hvac would take one from the environment or the home folder.
        client = hvac.Client(
            url=self._url,
            token=token,
            timeout=self._timeout_seconds,
            session=self._connections,
            allow_redirects=False,  # a token is for this address alone
        )
        try:
            async with asyncio.timeout(2 * self._timeout_seconds):
                answer = await asyncio.get_running_loop().run_in_executor(self._threads, ask, client)
        except hvac.exceptions.InvalidPath as fault:
            if not isinstance(fault.json, dict) or "errors" not in fault.json:
                raise VaultFault(VaultState.UNREACHABLE, _NOT_VAULT) from None
            return {}
        except (hvac.exceptions.VaultError, requests.RequestException, TimeoutError, ValueError) as fault:
            # Their own text may quote what was asked; nothing of it goes on.
            raise _translated(fault) from None
        if isinstance(answer, dict):
            return answer
        if isinstance(answer, requests.Response) and answer.status_code == _NO_CONTENT:
            return {}
        # A redirect, or a page: nothing must take it for an empty list.
        raise VaultFault(VaultState.UNREACHABLE, _NOT_VAULT)


def part(answer: dict[str, Any], *names: str) -> Any:  # noqa: ANN401 - JSON, whose user checks its type
    """A member of an answer by its path; raises VaultFault where it isn't there."""
    found: Any = answer
    for name in names:
        if not isinstance(found, dict) or name not in found:
            raise VaultFault(VaultState.UNREACHABLE, _NOT_VAULT)
        found = found[name]
    return found


def text_part(answer: dict[str, Any], *names: str) -> str:
    """A text that isn't empty, as `part`."""
    found = part(answer, *names)
    if not isinstance(found, str) or not found:
        raise VaultFault(VaultState.UNREACHABLE, _NOT_VAULT)
    return found


def _translated(fault: Exception) -> VaultFault:
    match fault:
        case hvac.exceptions.InvalidRequest():
            return VaultRejected()
        case hvac.exceptions.Forbidden() | hvac.exceptions.Unauthorized():
            return VaultFault(VaultState.DENIED, "Vault denies it: the token has ended, or its policy lacks it")
        case hvac.exceptions.VaultNotInitialized():
            return VaultFault(VaultState.SEALED, "Vault is not initialised")
        case hvac.exceptions.VaultDown() if "sealed" in str(fault.errors).lower():
            return VaultFault(VaultState.SEALED, "Vault is sealed")
        case requests.exceptions.SSLError():
            return VaultFault(VaultState.UNREACHABLE, "Vault's certificate is not one that we trust")
        case requests.exceptions.Timeout() | TimeoutError():
            return VaultFault(VaultState.UNREACHABLE, "Vault does not answer in time")
        case requests.RequestException():
            return VaultFault(VaultState.UNREACHABLE, "Vault can't be reached")
        case _:
            return VaultFault(VaultState.UNREACHABLE, f"Vault can't answer now ({type(fault).__name__})")
