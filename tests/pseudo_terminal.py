"""A program on a real pseudo-terminal, and what a person would see there."""

import re
import select
import signal
import time

import ptyprocess
import pyte


def _hear_ctrl_c() -> None:
    """As at a person's terminal: tests that run in the background of a shell ignore it, and so would their children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class PseudoTerminal:
    def __init__(self, command: list[str], *, columns: int = 80, rows: int = 24) -> None:
        self.process = ptyprocess.PtyProcess.spawn(command, dimensions=(rows, columns), preexec_fn=_hear_ctrl_c)
        self.screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self.everything = b""
        """All that the program ever wrote."""

    @property
    def text(self) -> str:
        return "\n".join(self.screen.display)

    def wait_for(self, pattern: str, seconds: float) -> str:
        """What matches on the screen; AssertionError with the screen when it doesn't come in time."""
        deadline = time.monotonic() + seconds
        while (found := re.search(pattern, self.text)) is None:
            assert time.monotonic() < deadline, f"{pattern!r} did not come:\n{self.text}"
            alive = self.process.isalive()
            self.look(0.1)
            assert alive or re.search(pattern, self.text), f"it ended before {pattern!r} came:\n{self.text}"
        return found[0]

    def look(self, seconds: float) -> None:
        """Take in what comes within `seconds`, or until something came."""
        ready, _, _ = select.select([self.process.fd], [], [], seconds)
        if ready:
            try:
                chunk = self.process.read(65_536)
            except EOFError:
                time.sleep(0.05)
                return
            self.everything += chunk
            self._stream.feed(chunk)

    def watch(self, seconds: float) -> None:
        """Take in all that comes for `seconds`."""
        deadline = time.monotonic() + seconds
        while (rest := deadline - time.monotonic()) > 0:
            self.look(rest)

    def type(self, keys: str) -> None:
        self.process.write(keys.encode())

    def paste(self, text: str) -> None:
        """As a terminal pastes: between brackets. Takes in what the program writes meanwhile, lest both sides wait."""
        data = f"\x1b[200~{text}\x1b[201~".encode()
        while data:
            _, ready, _ = select.select([], [self.process.fd], [], 0.1)
            if ready:
                data = data[self.process.write(data[:1_024]) :]
            self.look(0)

    def exit_code(self, seconds: float) -> int:
        deadline = time.monotonic() + seconds
        while self.process.isalive():
            assert time.monotonic() < deadline, f"still running:\n{self.text}"
            self.look(0.1)
        code: int = self.process.exitstatus
        return code

    def close(self) -> None:
        self.process.terminate(force=True)
