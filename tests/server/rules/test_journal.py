"""A journal's head against kiosks that behave, crash, lose their outbox, and are copied."""

import hashlib
from dataclasses import dataclass, field

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from server.rules.punches import Place, place_in_journal

ONE, TWO, OTHER = b"1" * 32, b"2" * 32, b"x" * 32


@pytest.mark.parametrize(
    ("head", "sent", "after_loss", "place"),
    [
        ((0, None), (1, None), False, Place.NEXT),
        ((0, None), (1, OTHER), False, Place.FORKED),
        ((0, None), (2, ONE), False, Place.AHEAD),
        ((0, None), (2, ONE), True, Place.FORKED),
        ((1, ONE), (1, None), False, Place.SEEN),
        ((1, ONE), (1, OTHER), True, Place.SEEN),
        ((1, ONE), (2, ONE), False, Place.NEXT),
        ((1, ONE), (2, ONE), True, Place.NEXT),
        ((1, ONE), (2, TWO), False, Place.FORKED),
        ((1, ONE), (2, TWO), True, Place.FORKED),
        ((1, ONE), (3, TWO), False, Place.AHEAD),
        ((1, ONE), (3, ONE), True, Place.FORKED),
        ((9, ONE), (2**53 - 1, TWO), True, Place.FORKED),
    ],
)
def test_places(head: tuple[int, bytes | None], sent: tuple[int, bytes | None], after_loss: bool, place: Place) -> None:
    seq, previous = sent
    assert place_in_journal(*head, seq=seq, previous=previous, after_loss=after_loss) is place


@dataclass
class Kiosk:
    """A terminal's outbox: punches that wait, and the end of the chain that it signs on."""

    name: str
    seq: int = 0
    digest: bytes | None = None
    lost: bool = False
    waiting: list[tuple[int, bytes | None, bytes, bool]] = field(default_factory=list)
    """(seq, previous, digest, after_loss)"""

    def sign(self) -> None:
        self.seq += 1
        made = hashlib.sha256(f"{self.name}{self.seq}".encode() + (self.digest or b"")).digest()
        self.waiting.append((self.seq, self.digest, made, self.lost))
        self.digest, self.lost = made, False


class JournalMachine(RuleBasedStateMachine):
    """A hub's journal head, a kiosk, and a copy of it that somebody restored from a backup."""

    @initialize()
    def begin(self) -> None:
        self.kiosk, self.copy = Kiosk("kiosk"), Kiosk("copy")
        self.copied = False
        self.set_aside = False
        self.last_seq, self.last_digest = 0, None  # type: tuple[int, bytes | None]
        self.taken: dict[int, tuple[bytes, Place]] = {}

    def send(self, kiosk: Kiosk, number: int, *, answered: bool) -> Place:
        seq, previous, digest, after_loss = kiosk.waiting[number]
        place = place_in_journal(self.last_seq, self.last_digest, seq=seq, previous=previous, after_loss=after_loss)
        match place:
            case Place.NEXT | Place.FORKED:
                assert seq not in self.taken
                assert place is Place.NEXT or self.copied or self.set_aside
                self.taken[seq] = (digest, place)
                self.last_seq, self.last_digest = seq, digest
            case Place.SEEN:
                if not (self.copied or self.set_aside):
                    assert self.taken[seq][0] == digest, "a repeat of an honest kiosk is never a conflict"
            case Place.AHEAD:
                assert number > 0 or self.copied
                assert not after_loss
        if answered and number == 0 and place is not Place.AHEAD:
            kiosk.waiting.pop(0)
        return place

    @rule()
    def sign(self) -> None:
        self.kiosk.sign()

    @rule(answered=st.booleans())
    @precondition(lambda self: self.kiosk.waiting)
    def send_the_next(self, answered: bool) -> None:
        """An answer that is lost makes the kiosk send the same again."""
        self.send(self.kiosk, 0, answered=answered)

    @rule()
    @precondition(lambda self: len(self.kiosk.waiting) > 1 and not self.copied)
    def send_too_early(self) -> None:
        seq, _, _, after_loss = self.kiosk.waiting[-1]
        expected = Place.FORKED if after_loss else Place.AHEAD
        if seq > self.last_seq + 1:
            assert self.send(self.kiosk, len(self.kiosk.waiting) - 1, answered=False) is expected

    @rule()
    @precondition(lambda self: self.kiosk.waiting and not self.kiosk.lost)
    def set_one_aside(self) -> None:
        """A punch that can't be read any more: the next one tells of the gap."""
        self.kiosk.waiting.pop()
        self.kiosk.lost = self.set_aside = True

    @rule()
    @precondition(lambda self: not self.copied)
    def be_copied(self) -> None:
        self.copy = Kiosk("copy", self.kiosk.seq, self.kiosk.digest, self.kiosk.lost, list(self.kiosk.waiting))
        self.copied = True

    @rule(answered=st.booleans())
    @precondition(lambda self: self.copied)
    def the_copy_punches(self, answered: bool) -> None:
        self.copy.sign()
        self.send(self.copy, 0, answered=answered)

    @invariant()
    def the_head_is_the_last_that_was_taken(self) -> None:
        assert self.last_seq == max(self.taken, default=0)
        assert self.last_digest == (self.taken[self.last_seq][0] if self.taken else None)

    @invariant()
    def only_a_declared_loss_leaves_a_gap(self) -> None:
        for seq, (_, place) in self.taken.items():
            if seq > 1 and seq - 1 not in self.taken:
                assert place is Place.FORKED
                assert self.set_aside


JournalMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestJournal = JournalMachine.TestCase
