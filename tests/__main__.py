"""All tests in two halves beside each other: `python -m tests [pytest's arguments]`.

Most of them wait, for servers, browsers and clocks: two processes take little more than half the time of one. Each half
has servers and demos of its own. The first half's output is shown as it comes, the second's when it has ended.
"""

import subprocess
import sys
import tempfile
from typing import Final

FIRST: Final = ("tests/browser", "tests/end_to_end", "tests/faults", "tests/journey")
"""Folders of the first half; the second has whatever else there is, so that no test is in neither."""
NOTHING_COLLECTED: Final = 5
"""pytest's exit code where its arguments name tests of the other half alone."""


def main(arguments: list[str]) -> int:
    """Exit code: 0 where both halves pass, else that of a half that doesn't."""
    pytest = [sys.executable, "-m", "pytest"]
    with tempfile.TemporaryFile() as written:
        second = subprocess.Popen(
            [*pytest, "tests", *(f"--ignore={folder}" for folder in FIRST), *arguments],
            stdout=written,
            stderr=subprocess.STDOUT,
        )
        try:
            codes = {subprocess.run([*pytest, *FIRST, *arguments], check=False).returncode}
            codes.add(second.wait())
        finally:
            second.terminate()
            second.wait()
            written.seek(0)
            sys.stdout.flush()
            sys.stdout.buffer.write(written.read())
            sys.stdout.flush()
    if codes == {NOTHING_COLLECTED}:
        return NOTHING_COLLECTED
    return next(iter(codes - {0, NOTHING_COLLECTED}), 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
