"""What can be wrong, by its word on the wire.

```
ProtocolError
├── Malformed        not a message at all: `re` is null, the id stays unused, the fifth closes with 3501
├── UnknownCommand   a message whose `type` no command bears
└── Invalid          a command with a field that breaks the contract; `field` names it
```
"""

from __future__ import annotations

from enum import IntEnum, StrEnum


class ErrorCode(StrEnum):
    MALFORMED = "malformed"
    UNKNOWN_COMMAND = "unknown_command"
    INVALID = "invalid"
    ID_REUSED = "id_reused"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    OUT_OF_ORDER = "out_of_order"
    TOO_LARGE = "too_large"
    EXPIRED = "expired"
    RATE_LIMITED = "rate_limited"
    OVERLOADED = "overloaded"
    UNAVAILABLE = "unavailable"
    INTERNAL = "internal"

    @property
    def retry(self) -> bool:
        """Whether the same command may succeed later without a change."""
        return self in _RETRY


_RETRY = frozenset({ErrorCode.RATE_LIMITED, ErrorCode.OVERLOADED, ErrorCode.UNAVAILABLE, ErrorCode.INTERNAL})


class CloseCode(IntEnum):
    """Why a hub ends a connection. Below 3500 a client reconnects with backoff, from 3500 on it doesn't."""

    INVALID_TEXT = 1007
    TOO_BIG = 1009
    DRAINING = 3001
    EXPIRED = 3005
    SLOW = 3008
    RESYNC = 3010
    NO_PONG = 3012
    FLOODING = 3013
    NOT_ALLOWED = 3500
    BAD_REQUEST = 3501
    NO_AUTH_IN_TIME = 3502


class ProtocolError(ValueError):
    """Text from the other side that the contract doesn't allow."""


class Malformed(ProtocolError):
    """Not one JSON object with a `type` and an `id`, or JSON that readers disagree about."""


class UnknownCommand(ProtocolError):
    """A well-formed message whose `type` is not a command."""


class Invalid(ProtocolError):
    """A field that breaks the contract: `field` is its path (`punch.seq`), `problem` says how."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem
