"""Keyrings as pure documents, whatever is done to them in whatever order."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from server.secrets.keyring import (
    DEFAULT_ROTATION,
    ENDED_AT_ONCE,
    LOGINS,
    UNCHANGING,
    Keyring,
    Rotation,
    current,
    due,
    is_whole,
    new_keyring,
    renewed,
    retired,
    rotated,
)
from server.secrets.provider import KeyKind
from server.settings import Settings

NOW: Final = datetime(2026, 11, 24, 8, tzinfo=UTC)
ROTATABLE: Final = sorted(set(KeyKind) - LOGINS - UNCHANGING)


def test_the_settings_defaults_are_the_rotation_that_is_taken_without_settings() -> None:
    settings = Settings(postgres_dsn="x", redis_url="y", key_file=Path("z"))
    assert Rotation.from_settings(settings) == DEFAULT_ROTATION


def test_a_new_keyring_is_whole_and_reads_back() -> None:
    ring = new_keyring(NOW, DEFAULT_ROTATION)
    assert is_whole(ring)
    assert msgspec.json.decode(msgspec.json.encode(ring), type=Keyring) == ring
    assert due(ring, NOW, DEFAULT_ROTATION) == []
    assert renewed(ring, NOW, DEFAULT_ROTATION) == ring
    assert ring.of(KeyKind.TOKEN)[0].secret not in repr(ring)


class Rotating(RuleBasedStateMachine):
    """Two hubs: one changes the keyring, the other reads it as it was up to `lead` ago, and both must get on."""

    @initialize()
    def begin(self) -> None:
        self.now = NOW
        self.ring = self.other = new_keyring(NOW, DEFAULT_ROTATION)
        self.read_at = NOW
        self.emergency: set[KeyKind] = set()

    @rule(seconds=st.integers(1, 120))
    def moments_pass(self, seconds: int) -> None:
        self._pass(timedelta(seconds=seconds))

    @rule(days=st.integers(1, 25))
    def days_pass(self, days: int) -> None:
        """Hubs renew every few seconds: what comes due in between has come due a moment ago."""
        self._pass(timedelta(days=days))
        self.renew()

    def _pass(self, time: timedelta) -> None:
        self.now += time
        if self.now - self.read_at >= DEFAULT_ROTATION.lead:
            self.other, self.read_at = self.ring, self.now
            self.emergency.clear()

    @rule(kind=st.sampled_from(ROTATABLE), at_once=st.booleans())
    def rotate(self, kind: KeyKind, at_once: bool) -> None:
        before = current(self.ring.of(kind), self.now)
        self.ring, new = rotated(self.ring, kind, self.now, DEFAULT_ROTATION, at_once=at_once)
        assert new.secret not in [version.secret for version in self.other.of(kind)]
        if at_once:
            assert current(self.ring.of(kind), self.now) == new
            self.emergency.add(kind)
            if kind in ENDED_AT_ONCE:
                assert before not in self.ring.of(kind)
        else:
            assert current(self.ring.of(kind), self.now).id == before.id

    @rule()
    def renew(self) -> None:
        self.ring = renewed(self.ring, self.now, DEFAULT_ROTATION)
        assert due(self.ring, self.now, DEFAULT_ROTATION) == []
        assert renewed(self.ring, self.now, DEFAULT_ROTATION) == self.ring

    @rule()
    def retire_what_nothing_needs(self) -> None:
        in_use = current(self.ring.of(KeyKind.DATA), self.now)
        for version in self.ring.of(KeyKind.DATA):
            if version.id != in_use.id and version.has_begun(self.now):
                self.ring = retired(self.ring, KeyKind.DATA, version.id, self.now, DEFAULT_ROTATION)

    @invariant()
    def what_one_hub_makes_the_other_takes(self) -> None:
        """But for an emergency that the other hasn't heard of yet."""
        for kind in set(ROTATABLE) - self.emergency:
            for maker, taker in ((self.ring, self.other), (self.other, self.ring)):
                used = current(maker.of(kind), self.now)
                known = next((version for version in taker.of(kind) if version.id == used.id), None)
                assert known is not None, kind
                assert known.serves(self.now), kind

    @invariant()
    def it_is_whole(self) -> None:
        assert is_whole(self.ring)


TestRotating = Rotating.TestCase
TestRotating.settings = hypothesis_settings(max_examples=40, stateful_step_count=20, deadline=None)
