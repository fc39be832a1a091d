"""What can go wrong in a hub, and the one place that says it on the wire.

```
Refused        expected: the caller is told why, nothing is logged as a fault
StorageError   translated once, at the repositories' edge (storage/errors.py)
SecretsError   keys that can't be reached (server/secrets/provider.py)
ProtocolError  a message that breaks the contract (protocol/errors.py)
all else       a bug: logged with its traceback, sent as `internal`
```
"""

from __future__ import annotations

from typing import Any, Final

from protocol.errors import ErrorCode, Invalid, Malformed, UnknownCommand
from protocol.replies import Error
from protocol.values import Language
from server.secrets.provider import SecretsUnavailable
from storage.errors import StorageConflict, StorageUnavailable

_UNAVAILABLE_RETRY_MS: Final = 1_000

_MESSAGES: Final[dict[ErrorCode, dict[Language, str]]] = {
    ErrorCode.MALFORMED: {
        Language.EN: "The message could not be read.",
        Language.ES: "No se pudo leer el mensaje.",
    },
    ErrorCode.UNKNOWN_COMMAND: {
        Language.EN: "There is no such command.",
        Language.ES: "Esa orden no existe.",
    },
    ErrorCode.INVALID: {
        Language.EN: "A field is not valid.",
        Language.ES: "Un campo no es válido.",
    },
    ErrorCode.ID_REUSED: {
        Language.EN: "The id must be higher than the last one.",
        Language.ES: "El identificador debe ser mayor que el anterior.",
    },
    ErrorCode.UNAUTHENTICATED: {
        Language.EN: "Sign in first.",
        Language.ES: "Inicie sesión primero.",
    },
    ErrorCode.FORBIDDEN: {
        Language.EN: "You may not do this.",
        Language.ES: "No tiene permiso para hacer esto.",
    },
    ErrorCode.NOT_FOUND: {
        Language.EN: "Not found.",
        Language.ES: "No se encontró.",
    },
    ErrorCode.CONFLICT: {
        Language.EN: "This contradicts what is already recorded.",
        Language.ES: "Esto contradice lo que ya está registrado.",
    },
    ErrorCode.OUT_OF_ORDER: {
        Language.EN: "Earlier punches are missing.",
        Language.ES: "Faltan fichajes anteriores.",
    },
    ErrorCode.TOO_LARGE: {
        Language.EN: "This is too large.",
        Language.ES: "Esto es demasiado grande.",
    },
    ErrorCode.EXPIRED: {
        Language.EN: "This has expired.",
        Language.ES: "Esto ha caducado.",
    },
    ErrorCode.RATE_LIMITED: {
        Language.EN: "Too many requests. Try again shortly.",
        Language.ES: "Demasiadas peticiones. Inténtelo de nuevo en breve.",
    },
    ErrorCode.OVERLOADED: {
        Language.EN: "The hub is busy. Try again shortly.",
        Language.ES: "El servidor está ocupado. Inténtelo de nuevo en breve.",
    },
    ErrorCode.UNAVAILABLE: {
        Language.EN: "Not available at the moment. Try again shortly.",
        Language.ES: "No disponible por el momento. Inténtelo de nuevo en breve.",
    },
    ErrorCode.INTERNAL: {
        Language.EN: "Something went wrong on our side.",
        Language.ES: "Algo falló por nuestra parte.",
    },
}


class Refused(Exception):
    """An expected no. `reason` is for logs and tests; the caller reads `code` and `details`."""

    def __init__(
        self,
        code: ErrorCode,
        reason: str = "",
        *,
        details: dict[str, Any] | None = None,
        retry_after_ms: int | None = None,
    ) -> None:
        super().__init__(f"{code}: {reason}" if reason else str(code))
        self.code = code
        self.reason = reason
        self.details = details
        self.retry_after_ms = retry_after_ms


def message_for(code: ErrorCode, language: Language) -> str:
    """The sentence for people that goes with a code."""
    return _MESSAGES[code][language]


def as_refused(error: Exception) -> Refused | None:
    """What the caller is told of an expected error; None for a bug, which is logged and told as `internal`."""
    match error:
        case Refused():
            return error
        case Malformed():
            return Refused(ErrorCode.MALFORMED, str(error))
        case UnknownCommand():
            return Refused(ErrorCode.UNKNOWN_COMMAND, str(error))
        case Invalid(field=field, problem=problem):
            return Refused(ErrorCode.INVALID, str(error), details={"field": field, "problem": problem})
        case StorageUnavailable() | StorageConflict() | SecretsUnavailable():
            return Refused(ErrorCode.UNAVAILABLE, type(error).__name__, retry_after_ms=_UNAVAILABLE_RETRY_MS)
        case _:
            return None


def to_wire(error: Exception, *, re: int | None, language: Language) -> Error:
    """The error message for `error`, whatever it is; a malformed message's `re` is null."""
    refused = as_refused(error) or Refused(ErrorCode.INTERNAL, retry_after_ms=_UNAVAILABLE_RETRY_MS)
    return Error(
        re=None if refused.code is ErrorCode.MALFORMED else re,
        code=refused.code,
        message=message_for(refused.code, language),
        retry=refused.code.retry,
        retry_after_ms=refused.retry_after_ms,
        details=refused.details,
    )
