"""The real program as child processes: the demo (hub, PostgreSQL, Valkey, simulated kiosks), further hubs beside it."""

import ctypes
import json
import os
import queue
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections import defaultdict, deque
from pathlib import Path
from typing import IO

from tests.contract.demo_file import DemoFile, Employee

DEMO_START_SECONDS = 120.0
HUB_START_SECONDS = 30.0
STOP_SECONDS = 30.0
LOG_TAIL_BYTES = 6_000
PR_SET_PDEATHSIG = 1
ONE_MACHINE = {
    "ATTENDANCE_SOCKETS_OF_ADDRESS": "50000",
    "ATTENDANCE_SOCKETS_OF_ACCOUNT": "50000",
    "ATTENDANCE_UNAUTHENTICATED_SOCKETS_OF_ADDRESS": "10000",
    "ATTENDANCE_UNAUTHENTICATED_SOCKETS": "10000",
    "ATTENDANCE_UPGRADES_PER_MINUTE": "1000000",
}
"""For hubs with crowds of clients that all come from this machine, with few accounts."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _end_with_parent() -> None:
    """The kernel ends the child when the test run dies, whatever kills it."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


class HubProcess:
    """One `attendance-hub` child. Its standard error goes to a file whose tail explains a failure."""

    program = "server"
    """The module that is run; tests put one before it that has a part exchanged."""

    def __init__(self, arguments: list[str], log: Path, environment: dict[str, str] | None = None) -> None:
        # The kernel takes the end of the thread that started a child for the end of its parent.
        assert threading.current_thread() is threading.main_thread(), "start hubs from the main thread"
        self.log = log
        self._sink: IO[bytes] = log.open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-m", self.program, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._sink,
            env={**os.environ, **(environment or {})},
            preexec_fn=_end_with_parent,  # noqa: PLW1509 (a bare prctl: no lock is taken between fork and exec)
            start_new_session=True,
        )
        self.stdout: list[str] = []
        self._lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._read_stdout, daemon=True).start()

    def _read_stdout(self) -> None:
        assert self.process.stdout is not None
        for raw in self.process.stdout:
            line = raw.decode("utf-8", "replace").rstrip("\n")
            self.stdout.append(line)
            self._lines.put(line)
        self._lines.put(None)

    def first_line(self, timeout_seconds: float) -> str:
        """Raises AssertionError with the log's tail if the program ends or stays silent."""
        try:
            line = self._lines.get(timeout=timeout_seconds)
        except queue.Empty:
            line = None
        if line is None:
            self.kill()
            raise AssertionError(f"no line on standard output within {timeout_seconds} s\n{self.tail()}")
        return line

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def tail(self) -> str:
        text = self.log.read_bytes()[-LOG_TAIL_BYTES:].decode("utf-8", "replace")
        return f"exit code {self.process.poll()}; end of {self.log.name}:\n{text}"

    def stop(self, timeout_seconds: float = STOP_SECONDS) -> int:
        """SIGTERM, then the exit code. Raises AssertionError if it doesn't end in time (it is killed then)."""
        if self.alive:
            self.process.terminate()
        try:
            return self.process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"still running {timeout_seconds} s after SIGTERM\n{self.tail()}") from None
        finally:
            self._sink.close()

    def kill(self) -> None:
        """SIGKILL: nothing gets the chance to be put in order."""
        if self.alive:
            self.process.kill()
        self.process.wait(10)


class ServingHub(HubProcess):
    """`attendance-hub serve` beside a demo. Up when `/ready` is 200."""

    def __init__(self, environment: dict[str, str], log: Path, port: int | None = None) -> None:
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.ws_url = f"ws://127.0.0.1:{self.port}/ws"
        super().__init__(["serve", "--port", str(self.port)], log, environment)

    def wait_ready(self, timeout_seconds: float = HUB_START_SECONDS) -> None:
        deadline = time.monotonic() + timeout_seconds
        last = "no answer"
        while time.monotonic() < deadline and self.alive:
            try:
                with urllib.request.urlopen(f"{self.url}/ready", timeout=2) as answer:
                    if answer.status == 200:
                        return
            except urllib.error.HTTPError as problem:
                last = f"{problem.code} {problem.read(500)!r}"
            except OSError as problem:
                last = str(problem)
            time.sleep(0.05)
        self.kill()
        raise AssertionError(f"/ready of {self.url}: {last}\n{self.tail()}")


class RunningDemo:
    """A demo with its own data folder, taken apart again by `close`."""

    def __init__(self, traffic: int = 0) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="attendance-demo-"))
        self.root.chmod(0o711)  # PostgreSQL may run as another user and must get through to its own folder
        self.data = self.root / "data"
        self.port = free_port()
        self._hubs: list[ServingHub] = []
        self._start(traffic)
        self._rosters: dict[str, deque[Employee]] = defaultdict(deque)
        for employee in self.file.employees:
            self._rosters[employee.site_id].append(employee)

    def _start(self, traffic: int) -> None:
        begun = time.monotonic()
        self.process = HubProcess(
            ["demo", "--headless", "--port", str(self.port), "--data", str(self.data), "--traffic", str(traffic)],
            self.root / "demo.log",
        )
        self.ready_line = json.loads(self.process.first_line(DEMO_START_SECONDS))
        self.start_seconds = time.monotonic() - begun
        self.file = DemoFile.load(self.data / "demo.json")

    def restart(self, *, kill: bool, traffic: int = 0) -> None:
        """Ends the demo (by SIGKILL or in order) and starts it again on the same folder and port."""
        if kill:
            self.process.kill()
        else:
            self.process.stop()
        self._start(traffic)

    @property
    def url(self) -> str:
        return self.file.url.rstrip("/")

    @property
    def ws_url(self) -> str:
        return self.file.ws_url

    @property
    def hub_environment(self) -> dict[str, str]:
        """`hub.env` as a shell would read it."""
        lines = (self.data / "hub.env").read_text().splitlines()
        words = [word for line in lines for word in shlex.split(line, comments=True)]
        return dict(word.split("=", 1) for word in words if word != "export")

    def start_hub(self, port: int | None = None) -> ServingHub:
        """Another hub on the demo's PostgreSQL and Valkey, ready to be used."""
        hub = self.begin_hub(port)
        hub.wait_ready()
        return hub

    def begin_hub(self, port: int | None = None) -> ServingHub:
        """Another hub that isn't ready yet: wait for it, in a thread where others go on meanwhile."""
        hub = ServingHub(self.hub_environment, self.root / f"hub-{len(self._hubs) + 2}.log", port)
        self._hubs.append(hub)
        return hub

    def take_employee(self, site_id: str | None = None) -> Employee:
        """An employee whom no other test of this run has used or will use."""
        roster = self._rosters[site_id] if site_id else max(self._rosters.values(), key=len)
        assert roster, "every employee of this site was used: take fewer or reuse them"
        return roster.popleft()

    @property
    def untouched(self) -> int:
        """How many people of the most used site no test has taken."""
        return min(len(self._rosters[site.site_id]) for site in self.file.sites)

    def leftovers(self) -> list[str]:
        """Command lines of processes that still work below the data folder: they name it or hold a file of it open."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                line = process.joinpath("cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
                files = [str(descriptor.readlink()) for descriptor in process.joinpath("fd").iterdir()]
            except OSError:
                continue
            if any(str(self.data) in name for name in (line, *files)):
                found.append(line.strip())
        return found

    def close(self) -> None:
        """SIGTERM to all; raises AssertionError unless the demo ends cleanly and leaves nothing behind."""
        for hub in self._hubs:
            hub.kill()
        try:
            code = self.process.stop()
            assert code == 0, self.process.tail()
            assert len(self.process.stdout) == 1, "standard output holds only the JSON line"
            deadline = time.monotonic() + 10
            while (rest := self.leftovers()) and time.monotonic() < deadline:
                time.sleep(0.1)
            assert not rest, f"left behind: {rest}"
        finally:
            self.process.kill()
            shutil.rmtree(self.root, ignore_errors=True)
