"""What the product takes from its surroundings, given by the world instead: threads, clocks, ids, the network."""

import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final
from unittest import mock

from kiosk.clock import Boot
from tests.journey.virtual_time import AtOnce
from tests.journey.world import KioskProcess, World

_CONNECT: Final = sqlite3.connect


class WatchedConnection(sqlite3.Connection):
    """An outbox file's; its kiosk hears of each statement before it is done."""

    kiosk: KioskProcess | None = None

    def execute(self, *arguments: Any) -> sqlite3.Cursor:  # noqa: ANN401 - passed on as it is
        if self.kiosk is not None:
            self.kiosk.statement()
        return super().execute(*arguments)

    def executemany(self, *arguments: Any) -> sqlite3.Cursor:  # noqa: ANN401 - likewise
        if self.kiosk is not None:
            self.kiosk.statement()
        return super().executemany(*arguments)


@contextmanager
def substituted(world: World) -> Iterator[None]:
    """While it lasts, kiosks and hubs live in this world."""

    def connect(path: Path, **more: Any) -> sqlite3.Connection:  # noqa: ANN401 - passed on as it is
        opened: WatchedConnection = _CONNECT(path, factory=WatchedConnection, **more)
        opened.kiosk = next(kiosk for kiosk in world.kiosks if kiosk.folder == Path(path).parent)
        return opened

    class Log:
        def error(self, what: str, *_: object, exc_info: object = None, **__: object) -> None:
            world.watcher.logged(what, exc_info)

        def exception(self, what: str, *_: object) -> None:
            world.watcher.logged(what, sys.exc_info()[1])

        def __getattr__(self, _level: str) -> Callable[..., None]:
            return lambda *_, **__: None

    class ThisBoot:
        @staticmethod
        def current() -> Boot:
            return world.booting

    with ExitStack() as stack:
        for name, instead in {
            "kiosk.outbox_file.sqlite3.connect": connect,
            "kiosk.outbox_thread.ThreadPoolExecutor": AtOnce,
            "kiosk.linked_terminal.Boot": ThisBoot,
            "kiosk.linked_terminal.new_id": world.new_id,
            "kiosk.linked_terminal.wall_clock": world.wall_clock,
            "kiosk.link.conversation.wall_clock": world.wall_clock,
            "kiosk.link.uplink.connect": world.connect,
            "server.services.ingest.ThreadPoolExecutor": AtOnce,
            "server.services.ingest._log": Log(),
            "server.hub.connection._log": Log(),
            "kiosk.link.conversation._log": Log(),
            "kiosk.link.uplink._log": Log(),
        }.items():
            stack.enter_context(mock.patch(name, instead))
        yield


def read_outbox(folder: Path) -> list[tuple[str, str, int, int]]:
    """(punch id, text, state, place) of an outbox file, read by a stranger."""
    files = list(folder.glob("outbox-*.sqlite3"))
    if not files:
        return []
    with _CONNECT(f"file:{files[0]}?mode=ro", uri=True) as database:
        rows: list[tuple[str, str, int, int]] = database.execute(
            "SELECT punch_id, text, state, place FROM punch ORDER BY place"
        ).fetchall()
    database.close()
    return rows
