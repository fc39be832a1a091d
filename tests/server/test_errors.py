import pytest

from protocol.errors import ErrorCode, Invalid, Malformed, UnknownCommand
from protocol.values import Language
from server.errors import Refused, as_refused, message_for, to_wire
from server.secrets.provider import SecretsUnavailable
from storage.errors import RowRefused, StorageConflict, StorageUnavailable

TABLE: list[tuple[Exception, ErrorCode]] = [
    (Malformed("duplicate key"), ErrorCode.MALFORMED),
    (UnknownCommand("no.such"), ErrorCode.UNKNOWN_COMMAND),
    (Invalid("punch.seq", "Expected `int`"), ErrorCode.INVALID),
    *((Refused(code, "because"), code) for code in ErrorCode),
    (StorageUnavailable("PoolTimeout"), ErrorCode.UNAVAILABLE),
    (StorageConflict("DeadlockDetectedError"), ErrorCode.UNAVAILABLE),
    (SecretsUnavailable("sealed"), ErrorCode.UNAVAILABLE),
    (RowRefused("CheckViolationError"), ErrorCode.INTERNAL),
    (RuntimeError("secret=hunter2"), ErrorCode.INTERNAL),
    (KeyError("password"), ErrorCode.INTERNAL),
    (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "x"), ErrorCode.INTERNAL),
]


@pytest.mark.parametrize(("error", "code"), TABLE, ids=lambda value: str(value)[:40])
def test_every_error_has_its_code(error: Exception, code: ErrorCode) -> None:
    wire = to_wire(error, re=7, language=Language.EN)
    assert wire.code is code
    assert wire.re == (None if code is ErrorCode.MALFORMED else 7)
    assert wire.retry == (code in {"rate_limited", "overloaded", "unavailable", "internal"})


def test_a_bug_says_nothing_of_itself() -> None:
    wire = to_wire(RuntimeError("secret=hunter2"), re=1, language=Language.EN)
    assert "hunter2" not in repr(wire)
    assert as_refused(RuntimeError()) is None


def test_a_reason_is_for_the_log_and_details_for_the_caller() -> None:
    wire = to_wire(
        Refused(ErrorCode.OUT_OF_ORDER, "journal 1 stands at 4", details={"expected_seq": 5}, retry_after_ms=20),
        re=3,
        language=Language.EN,
    )
    assert wire.details == {"expected_seq": 5}
    assert wire.retry_after_ms == 20
    assert "journal" not in wire.message


def test_an_invalid_field_is_named() -> None:
    wire = to_wire(Invalid("punch.seq", "Expected `int`"), re=3, language=Language.EN)
    assert wire.details == {"field": "punch.seq", "problem": "Expected `int`"}


def test_every_code_has_a_sentence_in_both_languages() -> None:
    for code in ErrorCode:
        spanish, english = message_for(code, Language.ES), message_for(code, Language.EN)
        assert spanish.endswith(".")
        assert english.endswith(".")
        assert spanish != english
