from datetime import UTC, datetime, timedelta

import pytest

from server.rules.totp import code_at, matching_step

SECRET = b"12345678901234567890"

# RFC 6238, appendix B (SHA-1), of which the last six of eight digits.
VECTORS = {59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037"}


@pytest.mark.parametrize(("seconds", "code"), VECTORS.items())
def test_vectors(seconds: int, code: str) -> None:
    assert code_at(SECRET, seconds // 30) == code
    assert matching_step(SECRET, code, datetime.fromtimestamp(seconds, UTC)) == seconds // 30


def test_a_clock_may_be_one_step_off_and_no_more() -> None:
    now = datetime.fromtimestamp(1111111111, UTC)
    code = code_at(SECRET, 1111111111 // 30)
    for seconds, matches in [(-60, False), (-30, True), (30, True), (60, False)]:
        assert (matching_step(SECRET, code, now + timedelta(seconds=seconds)) is not None) is matches


@pytest.mark.parametrize("code", ["", "28708", "2870820", "٢٨٧٠٨٢", "abcdef"])
def test_what_is_no_code(code: str) -> None:
    assert matching_step(SECRET, code, datetime.fromtimestamp(59, UTC)) is None
