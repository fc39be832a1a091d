"""What can go wrong, each with the exit code by which a script tells it."""

from __future__ import annotations

from enum import IntEnum
from typing import Final
from uuid import UUID

from kiosk.admin.words import ENGLISH, Words
from protocol.errors import ErrorCode
from protocol.replies import Error


class Exit(IntEnum):
    OK = 0
    REFUSED = 1
    """The hub understood and said no (forbidden, invalid), a file has faults, or a question was answered with no."""
    USAGE = 2
    """The command line can't be understood, or lacks what no terminal can be asked for."""
    SIGN_IN = 3
    """Not signed in, wrong password or code, or the session has ended: `login` is needed."""
    UNREACHABLE = 4
    """No connection to the hub, or it was lost before the answer."""
    TRY_LATER = 5
    """The hub can't do it now: overloaded, rate limited, unavailable."""
    LOCAL = 6
    """A file, or the session, can't be kept or read here."""
    NOT_FOUND = 7
    """Nothing in scope has this id, number or name, or more than one thing has the name."""
    CONFLICT = 8
    """Something is taken, or isn't in the state that this needs."""
    SECRET_LOST = 9
    """It was done, but the answer with the secret that is shown once was lost on the way."""
    INTERRUPTED = 130


_BY_CODE: Final = {ErrorCode.NOT_FOUND: Exit.NOT_FOUND, ErrorCode.CONFLICT: Exit.CONFLICT}
_BY_FIELD: Final = {
    (ErrorCode.INVALID, "badge"): "{code}: this is no badge of this company's",
    (ErrorCode.INVALID, "display_name"): "{code}: a name has no space at either end and no invisible characters",
    (ErrorCode.INVALID, "employee_number"): "{code}: an employee number has digits only",
    (ErrorCode.INVALID, "name"): "{code}: a name has no space at either end and no invisible characters",
    (ErrorCode.INVALID, "pin"): "{code}: a PIN has 6 to 12 digits and must not be easy to guess",
    (ErrorCode.INVALID, "time_zone"): "{code}: there is no such time zone; one is called Europe/Madrid",
    (ErrorCode.INVALID, "username"): "{code}: a user name has 1 to 100 characters and no space",
    (ErrorCode.INVALID, "valid_until"): "{code}: that time is over already",
    (ErrorCode.CONFLICT, "badge"): "{code}: this badge is someone else's",
    (ErrorCode.CONFLICT, "employee_number"): "{code}: someone has this employee number",
    (ErrorCode.CONFLICT, "name"): "{code}: there is another one with this name",
    (ErrorCode.CONFLICT, "username"): "{code}: there is an account with this user name",
}
"""What is wrong with a field, where one can say more than the hub's sentence for every field."""


class AdminFault(Exception):
    """Ends the program with `exit_code`; the sentence is one plain line, with gaps in braces."""

    exit_code = Exit.REFUSED

    def __init__(self, sentence: str, **gaps: object) -> None:
        super().__init__(ENGLISH(sentence, **gaps))
        self._sentence = sentence
        self._gaps = gaps

    def said(self, say: Words) -> str:
        """The line in the reader's language."""
        return say(self._sentence, **self._gaps)


class CommandRefused(AdminFault):
    """The hub's error, in the hub's words or better ones. `retry` ones are told apart: they may succeed later."""

    def __init__(self, error: Error) -> None:
        named = (error.details or {}).get("field")
        place = f" ({named})" if isinstance(named, str) and named not in error.message else ""
        known = _BY_FIELD.get((error.code, named)) if isinstance(named, str) else None
        super().__init__(known or "{code}: {message}", code=error.code.value, message=f"{error.message}{place}")
        self.error = error
        self.exit_code = Exit.TRY_LATER if error.retry else _BY_CODE.get(error.code, Exit.REFUSED)


class NotFound(AdminFault):
    """Nothing in scope is called so, or more than one thing is."""

    exit_code = Exit.NOT_FOUND


class SignInNeeded(AdminFault):
    exit_code = Exit.SIGN_IN


class CodeNeeded(SignInNeeded):
    """The account wants a one-time code beside the password."""


class HubUnreachable(AdminFault):
    exit_code = Exit.UNREACHABLE


class AnswerLost(HubUnreachable):
    """A write was sent and no answer came, however often it was asked."""

    def __init__(self, request_key: UUID, why: str) -> None:
        super().__init__(
            "{why}; whether it was done isn't known: the same command with --request-key {key} never does it twice",
            why=why,
            key=request_key,
        )


class HubBusy(AdminFault):
    exit_code = Exit.TRY_LATER


class StateUnusable(AdminFault):
    exit_code = Exit.LOCAL


class FileUnusable(AdminFault):
    exit_code = Exit.LOCAL


class SecretLost(AdminFault):
    exit_code = Exit.SECRET_LOST


class FaultsInFile(AdminFault):
    """The hub's report has named them."""


class UsageFault(AdminFault):
    exit_code = Exit.USAGE
