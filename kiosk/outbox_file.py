"""The outbox's file: opened, checked, put aside when it is damaged; and the lock that one process has on its folder."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from pathlib import Path
from typing import Final
from uuid import uuid4

_SCHEMA_VERSION: Final = 1
_SCHEMA: Final = """
CREATE TABLE journal (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    log_id TEXT NOT NULL UNIQUE,
    last_seq INTEGER NOT NULL DEFAULT 0 CHECK (last_seq >= 0),
    last_digest TEXT CHECK ((last_digest IS NULL) = (last_seq = 0))
) STRICT;
CREATE TABLE punch (
    place INTEGER PRIMARY KEY AUTOINCREMENT,
    log_id TEXT NOT NULL REFERENCES journal (log_id),
    seq INTEGER NOT NULL CHECK (seq >= 1),
    punch_id TEXT NOT NULL UNIQUE,
    digest TEXT NOT NULL,
    text TEXT NOT NULL,
    signature TEXT NOT NULL,
    sealed TEXT NOT NULL,
    made_at TEXT NOT NULL,
    boot_id TEXT NOT NULL,
    monotonic_ms INTEGER NOT NULL,
    state INTEGER NOT NULL DEFAULT 0 CHECK (state IN (0, 1, 2)),
    after_loss INTEGER NOT NULL DEFAULT 0,
    note TEXT,
    settled_at TEXT,
    UNIQUE (log_id, seq)
) STRICT;
CREATE INDEX punch_by_state ON punch (state, place);
CREATE TABLE memory (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
"""
BUSY_SECONDS: Final = 5.0
"""How long to wait for whoever else has the file open, a backup say."""
_BESIDE: Final = ("", "-wal", "-shm")
LOCK_NAME: Final = "lock"


class OutboxDamaged(Exception):
    """The file is not an outbox that can be read."""


class FolderInUse(Exception):
    """Another process has this data folder."""


class FolderLock:
    """Held for as long as a process uses a data folder; the kernel drops it when the process dies."""

    def __init__(self, folder: Path) -> None:
        """Takes the lock, making the folder (0700). Raises FolderInUse; OSError where the folder can't be used."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._handle = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._handle)
            raise FolderInUse(f"the data folder {folder} is in use by another kiosk: stop it or use another") from None

    def release(self) -> None:
        os.close(self._handle)


def open_outbox_file(path: Path) -> sqlite3.Connection:
    """Open the file, making it where there is none; whole and of our schema when this returns.

    Raises OutboxDamaged, sqlite3.OperationalError (full, locked, unwritable disk) and OSError.
    """
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    database = sqlite3.connect(path, isolation_level=None, timeout=BUSY_SECONDS, check_same_thread=False)
    try:
        _prepare(database)
    except sqlite3.OperationalError:
        database.close()
        raise
    except (sqlite3.DatabaseError, OutboxDamaged) as fault:
        database.close()
        raise OutboxDamaged(str(fault)) from fault
    return database


def _prepare(database: sqlite3.Connection) -> None:
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version == 0 and database.execute("SELECT 1 FROM sqlite_master").fetchone() is None:
        database.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version = {_SCHEMA_VERSION}; COMMIT;")
    elif version != _SCHEMA_VERSION:
        raise OutboxDamaged(f"schema version {version} instead of {_SCHEMA_VERSION}")
    found = [row[0] for row in database.execute("PRAGMA integrity_check(1)")]
    if found != ["ok"]:
        raise OutboxDamaged("; ".join(found))


def put_aside(path: Path) -> Path:
    """Rename a damaged file, with what SQLite keeps beside it, so that a person can look at it. Raises OSError."""
    aside = path.with_name(f"{path.name}.damaged-{uuid4().hex[:12]}")
    for suffix in reversed(_BESIDE):
        beside = path.with_name(path.name + suffix)
        if beside.exists():
            beside.rename(aside.with_name(aside.name + suffix))
    return aside
