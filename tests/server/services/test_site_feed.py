"""One board in memory: what arrives is applied by offset, so it may come twice, late, overlapping or never."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import pytest

from protocol.values import Status
from server.services.site_feed import SiteFeed
from storage.models import Change, SiteChanges

SITE, EPOCH, OTHER = UUID(int=1), UUID(int=2), UUID(int=3)
ANA, EVA = UUID(int=4), UUID(int=5)
EIGHT: Final = datetime(2026, 11, 24, 8, tzinfo=UTC)
IN: Final = Change(ANA, True, Status.IN, EIGHT, SITE)
BREAK: Final = Change(ANA, True, Status.BREAK, EIGHT, SITE)
GONE: Final = Change(EVA, False, Status.OUT, EIGHT, None)
OUT: Final = Change(ANA, True, Status.OUT, EIGHT, None)


def batch(after: int, *changes: Change, epoch: UUID = EPOCH) -> SiteChanges:
    return SiteChanges(site_id=SITE, epoch=epoch, after=after, changes=list(changes), committed_at=EIGHT)


def a_feed(*, kept_changes: int = 3) -> SiteFeed:
    """At offset 10 with two people of whom nothing recent is known."""
    feed = SiteFeed(SITE, kept_changes=kept_changes)
    feed.replace(EPOCH, 10, [OUT, Change(EVA, True, Status.IN, EIGHT, SITE)])
    return feed


@pytest.mark.parametrize(
    ("arriving", "applied", "offset", "ana"),
    [
        ([batch(10, IN)], [True], 11, IN),
        ([batch(10, IN, BREAK)], [True], 12, BREAK),
        ([batch(10, IN), batch(10, IN)], [True, True], 11, IN),
        ([batch(10, IN), batch(11, BREAK), batch(10, IN)], [True] * 3, 12, BREAK),
        ([batch(10, IN), batch(10, IN, BREAK)], [True, True], 12, BREAK),
        ([batch(10, IN, BREAK), batch(9, OUT, IN)], [True, True], 12, BREAK),
        ([batch(11, BREAK)], [False], 10, OUT),
        ([batch(11, BREAK), batch(10, IN), batch(11, BREAK)], [False, True, True], 12, BREAK),
        ([batch(11, BREAK), batch(10, IN)], [False, True], 12, BREAK),
        ([batch(13, OUT), batch(12, IN), batch(11, BREAK), batch(10, IN)], [False] * 3 + [True], 14, OUT),
        ([batch(13, OUT), batch(11, BREAK), batch(10, IN)], [False, False, True], 12, BREAK),
        ([batch(11, BREAK), batch(10, IN, BREAK, OUT)], [False, True], 13, OUT),
        ([batch(10, IN, epoch=OTHER)], [False], 10, OUT),
        ([batch(3, IN, epoch=OTHER)], [False], 10, OUT),
    ],
)
def test_what_arrives(arriving: Sequence[SiteChanges], applied: list[bool], offset: int, ana: Change) -> None:
    feed = a_feed(kept_changes=9)
    assert [feed.apply(one) for one in arriving] == applied
    assert (feed.offset, feed.people[ANA]) == (offset, ana)
    if offset > 10:
        assert feed.since(10) == {ANA: ana}


def test_who_leaves_a_board_is_told_and_no_longer_on_it() -> None:
    feed = a_feed()
    feed.apply(batch(10, GONE))
    assert feed.people == {ANA: OUT}
    assert feed.since(10) == {EVA: GONE}


def test_only_what_is_kept_can_be_resumed_from() -> None:
    feed = a_feed()
    assert [feed.can_resume(EPOCH, offset) for offset in (9, 10, 11)] == [False, True, False]
    for after in range(10, 15):
        feed.apply(batch(after, IN if after % 2 else BREAK))
    assert [feed.can_resume(EPOCH, offset) for offset in (11, 12, 15, 16)] == [False, True, True, False]
    assert not feed.can_resume(OTHER, 15)
    assert feed.since(14) == {ANA: BREAK}
    assert feed.since(15) == {}
    feed.replace(EPOCH, 15, [IN])
    assert [feed.can_resume(EPOCH, offset) for offset in (14, 15)] == [False, True]


def test_a_board_that_was_never_read_takes_nothing() -> None:
    feed = SiteFeed(SITE, kept_changes=3)
    assert not feed.is_read
    assert not feed.apply(batch(0, IN))
    assert feed.offset == 0


def test_what_waits_for_an_earlier_bell_is_a_hole_until_that_comes() -> None:
    feed = a_feed(kept_changes=9)
    feed.apply(batch(13, OUT))
    feed.apply(batch(11, BREAK))
    assert feed.has_hole
    feed.apply(batch(10, IN))
    assert (feed.offset, feed.has_hole) == (12, True)
    feed.apply(batch(12, IN))
    assert (feed.offset, feed.has_hole, feed.people[ANA]) == (14, False, OUT)


def test_a_board_read_afresh_takes_what_waited_and_forgets_what_it_holds() -> None:
    feed = a_feed(kept_changes=9)
    for early in (batch(11, BREAK), batch(15, OUT), batch(17, IN)):
        feed.apply(early)
    feed.replace(EPOCH, 15, [IN])
    assert (feed.offset, feed.people[ANA], feed.has_hole) == (16, OUT, True)
    feed.replace(OTHER, 3, [IN])
    assert (feed.offset, feed.people[ANA], feed.has_hole) == (3, IN, False)


def test_bells_that_wait_are_bounded() -> None:
    feed = a_feed(kept_changes=1_000)
    for after in range(400, 10, -1):
        feed.apply(batch(after, IN))
    feed.apply(batch(10, BREAK))
    assert feed.offset == 11, "the earliest ones were beyond the bound: the log has them"


@pytest.mark.parametrize(
    ("arriving", "contradicts"),
    [
        (batch(10, IN), False),
        (batch(11, BREAK), False),
        (batch(10, IN, BREAK, OUT), False),
        (batch(10, BREAK), True),
        (batch(11, OUT), True),
        (batch(9, OUT, IN, OUT), True),
        (batch(10, BREAK, epoch=OTHER), False),
        (batch(4, OUT), False),
    ],
)
def test_two_changes_of_one_offset_contradict_each_other(arriving: SiteChanges, contradicts: bool) -> None:
    feed = a_feed(kept_changes=9)
    feed.apply(batch(10, IN, BREAK))
    assert feed.contradicts(arriving) is contradicts


def test_nobody_in_an_epoch_that_ended_here_knows_more() -> None:
    """Who comes with an unknown one may: another hub may have seen it begin already."""
    feed = a_feed()
    assert feed.is_behind(OTHER, 1)
    assert feed.is_behind(EPOCH, 11)
    feed.replace(OTHER, 1, [IN])
    assert not feed.is_behind(EPOCH, 11)
    assert not feed.is_behind(OTHER, 1)
    assert feed.is_behind(OTHER, 2)
    assert feed.is_behind(UUID(int=9), 0)
