"""The punches of this terminal on its disk: a journal per `log_id`, kept until answered, and a while longer.

SQLite with a write-ahead log and an fsync per commit. What is stored is what is sent: the signed text, its signature
and the sealed credential, never a credential in the clear. Every method blocks on the disk: call them from one
thread that is not the event loop's. An OutboxUnwritable leaves the outbox as it was; the next call tries again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from uuid import UUID

from kiosk.outbox_file import OutboxDamaged, open_outbox_file, put_aside
from kiosk.outbox_rows import KeptPunch, Place, Settled, SignedPunch, Waiting, kept_punch
from protocol.signing import punch_digest
from protocol.values import format_time, parse_time

_KEPT = """
    SELECT p.place, p.log_id, p.seq, p.punch_id, p.text, p.signature, p.sealed,
           p.after_loss OR EXISTS (
               SELECT 1 FROM punch before WHERE before.log_id = p.log_id AND before.seq = p.seq - 1 AND before.state = 2
           ) AS after_loss
    FROM punch p
"""


class OutboxUnwritable(Exception):
    """The disk refused; nothing of the call was kept."""


class Outbox:
    """One device's outbox. The caller holds the folder's lock (`kiosk.outbox_file.FolderLock`)."""

    def __init__(self, folder: Path, device_id: UUID, *, new_id: Callable[[], UUID]) -> None:
        self._path = folder / f"outbox-{device_id}.sqlite3"
        self._new_id = new_id
        self._database: sqlite3.Connection | None = None
        self.set_aside_files: list[Path] = []
        """Damaged files that were put aside since the start."""

    def open(self) -> None:
        """Open or make the file, putting a damaged one aside. Raises OutboxUnwritable."""
        with self._transaction():
            pass

    def close(self) -> None:
        if self._database is not None:
            database, self._database = self._database, None
            database.close()

    def append(self, punch_id: UUID, sign: Callable[[Place], SignedPunch]) -> KeptPunch:
        """Keep a punch at the journal's next place; it is on the disk when this returns.

        `sign` makes the punch of that id for its place; it runs inside the transaction and its errors undo it.
        Tried twice, since a file that turns out to be damaged is put aside on the way. Raises OutboxUnwritable.
        """
        try:
            return self._append(punch_id, sign)
        except OutboxUnwritable:
            return self._append(punch_id, sign)

    def _append(self, punch_id: UUID, sign: Callable[[Place], SignedPunch]) -> KeptPunch:
        with self._transaction() as database:
            log_id, last_seq, last_digest = self._head(database)
            written = database.execute(f"{_KEPT} WHERE p.punch_id = ?", (str(punch_id),)).fetchone()
            if written is not None:
                # A commit that failed had reached the file after all; this one flushes it.
                database.execute("UPDATE journal SET last_seq = last_seq WHERE log_id = ?", (str(log_id),))
                return kept_punch(written)
            place = Place(log_id=log_id, seq=last_seq + 1, previous=last_digest)
            signed = sign(place)
            digest = punch_digest(signed.text)
            row = database.execute(
                "INSERT INTO punch (log_id, seq, punch_id, digest, text, signature, sealed, made_at, boot_id,"
                " monotonic_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    str(place.log_id),
                    place.seq,
                    str(punch_id),
                    digest,
                    signed.text,
                    signed.signature,
                    signed.sealed,
                    format_time(signed.made_at),
                    str(signed.boot_id),
                    signed.monotonic_ms,
                ),
            ).lastrowid
            database.execute(
                "UPDATE journal SET last_seq = ?, last_digest = ? WHERE log_id = ?",
                (place.seq, digest, str(place.log_id)),
            )
            return kept_punch(database.execute(f"{_KEPT} WHERE p.place = ?", (row,)).fetchone())

    def unsent(self, *, after: int = 0, limit: int) -> list[KeptPunch]:
        """Punches without an answer, in the order they were made, whose `place` is above `after`."""
        with self._transaction() as database:
            rows = database.execute(
                f"{_KEPT} WHERE p.state = 0 AND p.place > ? ORDER BY p.place LIMIT ?", (after, limit)
            ).fetchall()
        return [kept_punch(row) for row in rows]

    def waiting(self) -> Waiting:
        """How many punches have no answer, and when the oldest was made."""
        with self._transaction() as database:
            (count,) = database.execute("SELECT count(*) FROM punch WHERE state = 0").fetchone()
            oldest = database.execute(
                "SELECT made_at, boot_id, monotonic_ms FROM punch WHERE state = 0 ORDER BY place LIMIT 1"
            ).fetchone()
        if oldest is None:
            return Waiting(0, None, None, 0)
        return Waiting(count, parse_time(oldest[0]), UUID(oldest[1]), oldest[2])

    def settle(self, answers: Iterable[Settled], at: datetime) -> None:
        """Note answers; a punch that isn't here, or was answered before, is passed over."""
        with self._transaction() as database:
            database.executemany(
                "UPDATE punch SET state = ?, note = ?, settled_at = ?, after_loss = 0 WHERE place = ? AND state = 0",
                [(int(item.state), item.note, format_time(at), item.place) for item in answers],
            )

    def lacks(self, log_id: UUID, from_seq: int) -> None:
        """The hub expects `from_seq` next: what was answered from there on is to be sent again.

        Where the punch itself is gone (dropped after its answer, or set aside), the next one left goes `after_loss`.
        """
        with self._transaction() as database:
            self._reopen(database, log_id, from_seq)

    def meet(self, hub_log_id: UUID | None, last_seq: int, last_digest: str | None) -> None:
        """Compare with the journal head that the hub's welcome names, and draw the consequences.

        A hub that has less than it answered gets it again. A hub that has more than is kept here, or another punch
        at its head, means that this file is old or has a twin: a new journal begins, since no `seq` is used twice.
        """
        with self._transaction() as database:
            current, current_seq, _ = self._head(database)
            ours = None
            if hub_log_id is not None:
                ours = database.execute(
                    "SELECT number, last_seq, last_digest FROM journal WHERE log_id = ?", (str(hub_log_id),)
                ).fetchone()
            # The hub names the journal that it wrote to last: of those begun later it has nothing.
            number = 0 if ours is None else ours[0]
            for (log_id,) in database.execute("SELECT log_id FROM journal WHERE number > ?", (number,)).fetchall():
                self._reopen(database, UUID(log_id), 1)
            if hub_log_id is None:
                return
            if ours is None:
                # Written to by nobody whom this file knows: it may be an old copy, behind in its own journal as well.
                if current_seq > 0:
                    self._begin_journal(database)
                return
            _, our_seq, our_digest = ours
            self._reopen(database, hub_log_id, last_seq + 1)
            at_head = database.execute(
                "SELECT digest FROM punch WHERE log_id = ? AND seq = ?", (str(hub_log_id), last_seq)
            ).fetchone()
            known = our_digest if last_seq == our_seq else at_head[0] if at_head else last_digest
            if hub_log_id == current and (last_seq > our_seq or (last_seq > 0 and known != last_digest)):
                self._begin_journal(database)

    def prune(self, before: datetime) -> int:
        """Drop punches that were answered before a moment; the number dropped. Set-aside ones stay."""
        with self._transaction() as database:
            return database.execute(
                "DELETE FROM punch WHERE state = 1 AND settled_at < ?", (format_time(before),)
            ).rowcount

    def remember(self, name: str, value: str) -> None:
        """Keep a small value by name; it is no secret."""
        with self._transaction() as database:
            database.execute("INSERT OR REPLACE INTO memory (name, value) VALUES (?, ?)", (name, value))

    def recall(self, name: str) -> str | None:
        with self._transaction() as database:
            row = database.execute("SELECT value FROM memory WHERE name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def _head(self, database: sqlite3.Connection) -> tuple[UUID, int, str | None]:
        row = database.execute("SELECT log_id, last_seq, last_digest FROM journal ORDER BY number DESC").fetchone()
        if row is None:
            return self._begin_journal(database), 0, None
        return UUID(row[0]), row[1], row[2]

    def _begin_journal(self, database: sqlite3.Connection) -> UUID:
        log_id = self._new_id()
        database.execute("INSERT INTO journal (log_id) VALUES (?)", (str(log_id),))
        return log_id

    def _reopen(self, database: sqlite3.Connection, log_id: UUID, from_seq: int) -> None:
        database.execute(
            "UPDATE punch SET state = 0, note = NULL, settled_at = NULL WHERE log_id = ? AND seq >= ? AND state = 1",
            (str(log_id), from_seq),
        )
        database.execute(
            "UPDATE punch SET after_loss = 1 WHERE place = ("
            " SELECT place FROM punch WHERE log_id = ? AND seq >= ? AND state = 0 ORDER BY seq LIMIT 1"
            ") AND seq > ?",
            (str(log_id), from_seq, from_seq),
        )

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            if self._database is None:
                self._database = self._opened()
            with _immediate(self._database) as database:
                yield database
        except sqlite3.Error as fault:
            # What a failed commit left behind is read again from the file, not assumed.
            self.close()
            raise OutboxUnwritable(str(fault)) from fault
        except OSError as fault:
            raise OutboxUnwritable(fault.strerror or str(fault)) from fault

    def _opened(self) -> sqlite3.Connection:
        try:
            return open_outbox_file(self._path)
        except OutboxDamaged:
            self.set_aside_files.append(put_aside(self._path))
            return open_outbox_file(self._path)


@contextmanager
def _immediate(database: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    database.execute("BEGIN IMMEDIATE")
    try:
        yield database
    except BaseException:
        if database.in_transaction:
            database.execute("ROLLBACK")
        raise
    database.execute("COMMIT")
