"""The outbox against a model, whatever happens to its process and its file.

The rule that everything else stands on: a (log_id, seq) that anybody ever saw means the same punch for ever.
"""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest import mock
from uuid import UUID, uuid4

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from kiosk.outbox import Outbox, OutboxUnwritable
from kiosk.outbox_rows import KeptPunch, Place, Settled, SignedPunch, State
from protocol.signing import punch_digest
from tests.machines import machine_settings

DEVICE = uuid4()
MEMORY = Path("/dev/shm")
BEGIN = datetime(2026, 11, 24, 8, tzinfo=UTC)


def signed(punch_id: UUID, place: Place) -> SignedPunch:
    text = f"{punch_id}|{place.log_id}|{place.seq}|{place.previous}"
    return SignedPunch(text, f"signature of {text}", f"sealed for {text}", BEGIN, uuid4(), 5)


class PowerCut(BaseException):
    """The process is gone in the middle of a statement."""


class CutConnection(sqlite3.Connection):
    """Dies at the nth statement from now on."""

    statements_left: int | None = None

    def execute(self, *arguments: Any) -> sqlite3.Cursor:  # noqa: ANN401 - passed on as it is
        kind = type(self)
        if kind.statements_left is not None:
            if kind.statements_left == 0:
                raise PowerCut
            kind.statements_left -= 1
        return super().execute(*arguments)


@dataclass
class Hub:
    """The other side: for each place the one text that it took; it refuses what comes behind a gap."""

    journals: dict[UUID, dict[int, str]]
    log_id: UUID | None = None

    def has(self, log_id: UUID, seq: int) -> bool:
        return seq in self.journals.get(log_id, {})

    def head(self, log_id: UUID | None) -> tuple[int, str | None]:
        texts = self.journals.get(log_id, {}) if log_id is not None else {}
        seq = max(texts, default=0)
        return seq, punch_digest(texts[seq]) if seq else None

    def take(self, punch: KeptPunch) -> int | None:
        """None when the punch has its answer now, else the seq that is expected instead."""
        texts = self.journals.setdefault(punch.log_id, {})
        if punch.seq in texts:
            assert texts[punch.seq] == punch.text, "a place was used twice"
            return None
        head, _ = self.head(punch.log_id)
        if punch.seq == head + 1 or (punch.after_loss and punch.seq > head):
            texts[punch.seq] = punch.text
            self.log_id = punch.log_id
            return None
        return head + 1


class OutboxMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        CutConnection.statements_left = None
        self.root = Path(tempfile.mkdtemp(prefix="outbox-", dir=MEMORY if MEMORY.is_dir() else None))
        self.generation = 0
        self.backup: Path | None = None
        self.hub = Hub({})
        self.kept: list[UUID] = []
        """Punches that were told as kept and not answered, set aside or lost, in order."""
        self.patch = mock.patch("kiosk.outbox_file.sqlite3.connect", partial(sqlite3.connect, factory=CutConnection))
        self.patch.start()
        self.outbox = self._open()

    @property
    def folder(self) -> Path:
        return self.root / str(self.generation)

    def _open(self) -> Outbox:
        self.folder.mkdir(exist_ok=True)
        outbox = Outbox(self.folder, DEVICE, new_id=uuid4)
        outbox.open()
        return outbox

    def _reopen_from(self, source: Path) -> None:
        """Another process opens what lies on the disk at this moment; the old one never gets to close."""
        self.generation += 1
        shutil.copytree(source, self.folder)
        CutConnection.statements_left = None
        self.outbox.close()
        self.outbox = self._open()

    def teardown(self) -> None:
        CutConnection.statements_left = None
        self.patch.stop()
        self.outbox.close()
        shutil.rmtree(self.root)

    # What happens

    @rule(count=st.integers(1, 4))
    def punch(self, count: int) -> None:
        for _ in range(count):
            punch_id = uuid4()
            kept = self.outbox.append(punch_id, partial(signed, punch_id))
            assert kept.punch_id == punch_id
            assert not self.hub.has(kept.log_id, kept.seq), "a place that the hub has is used again"
            self.kept.append(punch_id)

    @rule(statements=st.integers(0, 6))
    def punch_while_the_power_fails(self, statements: int) -> None:
        punch_id = uuid4()
        CutConnection.statements_left = statements
        try:
            self.outbox.append(punch_id, partial(signed, punch_id))
        except PowerCut:
            self._reopen_from(self.folder)
            # Nobody was told, so it may be there or not; the commit is the last statement.
            assert punch_id not in {punch.punch_id for punch in self.outbox.unsent(limit=10_000)}
        else:
            self.kept.append(punch_id)
        finally:
            CutConnection.statements_left = None

    @rule()
    def the_process_is_killed(self) -> None:
        self._reopen_from(self.folder)

    @rule()
    def the_seal_fails(self) -> None:
        def refuse(_place: Place) -> SignedPunch:
            raise ValueError("too long")

        with pytest.raises(ValueError, match="too long"):
            self.outbox.append(uuid4(), refuse)

    @rule(count=st.integers(1, 3))
    def the_hub_answers(self, count: int) -> None:
        self._deliver(count)

    def _deliver(self, count: int) -> int:
        """How many were answered."""
        punches = self.outbox.unsent(limit=count)
        answered: list[KeptPunch] = []
        for punch in punches:
            if (expected := self.hub.take(punch)) is not None:
                self.outbox.settle([Settled(each.place, State.ANSWERED, "recorded") for each in answered], BEGIN)
                if expected > punch.seq:  # the hub is past this place, without having this punch
                    self._set_aside(punch)
                    return len(answered) + 1
                self.outbox.lacks(punch.log_id, expected)
                return len(answered)
            answered.append(punch)
            if punch.punch_id in self.kept:
                self.kept.remove(punch.punch_id)
        self.outbox.settle([Settled(punch.place, State.ANSWERED, "recorded") for punch in answered], BEGIN)
        return len(answered)

    @rule(count=st.integers(1, 3))
    def the_hub_takes_them_and_the_answers_are_lost(self, count: int) -> None:
        for punch in self.outbox.unsent(limit=count):
            if self.hub.take(punch) is not None:
                break

    @rule()
    def the_hub_refuses_one_for_good(self) -> None:
        for punch in self.outbox.unsent(limit=1):
            self._set_aside(punch)
            for following in self.outbox.unsent(limit=1):
                assert following.after_loss or following.log_id != punch.log_id

    def _set_aside(self, punch: KeptPunch) -> None:
        self.outbox.settle([Settled(punch.place, State.SET_ASIDE, "conflict: no")], BEGIN)
        if punch.punch_id in self.kept:
            self.kept.remove(punch.punch_id)

    @rule()
    def meet_the_hub(self) -> None:
        self.outbox.meet(self.hub.log_id, *self.hub.head(self.hub.log_id))

    @rule()
    def old_answers_are_dropped(self) -> None:
        self.outbox.prune(BEGIN + timedelta(seconds=1))

    @rule()
    def a_backup_is_taken(self) -> None:
        if self.backup is not None:
            shutil.rmtree(self.backup)
        self.backup = self.root / "backup"
        shutil.copytree(self.folder, self.backup)

    @precondition(lambda self: self.backup is not None)
    @rule()
    def the_backup_is_restored(self) -> None:
        assert self.backup is not None
        self._reopen_from(self.backup)
        self._forget()

    @rule(content=st.sampled_from([None, b"", b"not a database" * 400]))
    def the_file_is_lost_or_damaged(self, content: bytes | None) -> None:
        self.outbox.close()
        for file in self.folder.glob("outbox-*"):
            file.unlink()
        if content is not None:
            (self.folder / f"outbox-{DEVICE}.sqlite3").write_bytes(content)
        self.outbox = self._open()
        self._forget()

    def _forget(self) -> None:
        """After a loss only what is there counts; a kiosk meets its hub before it sends."""
        self.outbox.meet(self.hub.log_id, *self.hub.head(self.hub.log_id))
        self.kept = [punch.punch_id for punch in self.outbox.unsent(limit=10_000)]

    @precondition(lambda self: any(self.hub.journals.values()))
    @rule(count=st.integers(1, 3))
    def the_hub_is_restored_without_its_last_punches(self, count: int) -> None:
        assert self.hub.log_id is not None
        texts = self.hub.journals[self.hub.log_id]
        for seq in sorted(texts, reverse=True)[:count]:
            del texts[seq]
        if not texts:
            del self.hub.journals[self.hub.log_id]
            self.hub.log_id = next(reversed(self.hub.journals), None)
        self.meet_the_hub()

    @rule()
    def everything_can_be_delivered(self) -> None:
        """Whatever happened, the way is never blocked."""
        self.meet_the_hub()
        without_progress = 0
        while self.outbox.waiting().count:
            without_progress = 0 if self._deliver(3) else without_progress + 1
            assert without_progress < 3

    # What always holds

    @invariant()
    def what_was_told_as_kept_is_there_in_order(self) -> None:
        there = [punch.punch_id for punch in self.outbox.unsent(limit=10_000)]
        assert [punch_id for punch_id in there if punch_id in set(self.kept)] == self.kept
        assert self.outbox.waiting().count == len(there)

    @invariant()
    def journals_have_no_gap_but_for_what_was_dropped(self) -> None:
        by_log: dict[UUID, list[KeptPunch]] = {}
        for punch in self.outbox.unsent(limit=10_000):
            by_log.setdefault(punch.log_id, []).append(punch)
        for punches in by_log.values():
            seqs = [punch.seq for punch in punches]
            assert seqs == sorted(set(seqs))
            for before, after in pairwise(punches):
                if after.seq == before.seq + 1:
                    assert after.text.endswith(f"|{after.seq}|{punch_digest(before.text)}")


TestOutboxStates = OutboxMachine.TestCase
TestOutboxStates.settings = machine_settings(examples=50, steps=25)


def test_an_unwritable_file_says_so_and_keeps_nothing(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path, DEVICE, new_id=uuid4)
    outbox.open()
    outbox.close()
    with (
        mock.patch("kiosk.outbox.open_outbox_file", side_effect=sqlite3.OperationalError("disk I/O error")),
        pytest.raises(OutboxUnwritable, match="disk I/O error"),
    ):
        outbox.append(uuid4(), partial(signed, uuid4()))
    assert outbox.unsent(limit=10) == []
