"""What can go wrong, each with the exit code by which a script tells it."""

from __future__ import annotations

from enum import IntEnum

from protocol.replies import Error


class Exit(IntEnum):
    OK = 0
    REFUSED = 1
    """The hub understood and said no: forbidden, not found, invalid."""
    USAGE = 2
    """The command line can't be understood."""
    SIGN_IN = 3
    """Not signed in, wrong password or code, or the session has ended: `login` is needed."""
    UNREACHABLE = 4
    """No connection to the hub, or it was lost before the answer."""
    TRY_LATER = 5
    """The hub can't do it now: overloaded, rate limited, unavailable."""
    LOCAL = 6
    """The session can't be kept or read here."""
    INTERRUPTED = 130


class AdminFault(Exception):
    """Ends the program with `exit_code`; the message is one plain line."""

    exit_code = Exit.REFUSED


class CommandRefused(AdminFault):
    """The hub's error. `retry` ones are told apart, since they may succeed later."""

    def __init__(self, error: Error) -> None:
        super().__init__(f"{error.code.value}: {error.message}")
        self.error = error
        self.exit_code = Exit.TRY_LATER if error.retry else Exit.REFUSED


class NotFound(AdminFault):
    """Nothing in scope is called so."""


class SignInNeeded(AdminFault):
    exit_code = Exit.SIGN_IN


class CodeNeeded(SignInNeeded):
    """The account wants a one-time code beside the password."""


class HubUnreachable(AdminFault):
    exit_code = Exit.UNREACHABLE


class HubBusy(AdminFault):
    exit_code = Exit.TRY_LATER


class StateUnusable(AdminFault):
    exit_code = Exit.LOCAL


class UsageFault(AdminFault):
    exit_code = Exit.USAGE
