"""Live boards as the command line keeps them: state + changes = a fresh state, and no hole goes unseen."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID, uuid4

from kiosk.admin.boards import Arrived, Boards, Removed
from protocol.commands import Position
from protocol.events import PresenceChanged, PresenceHead
from protocol.replies import Person, PresenceState, SiteBoard
from protocol.values import Status

SITE, EPOCH = uuid4(), uuid4()
ANA, LUIS, EVA = uuid4(), uuid4(), uuid4()


def person(employee_id: UUID, status: Status = Status.IN) -> Person:
    return Person(
        employee_id=employee_id,
        display_name="Somebody",
        department_id=uuid4(),
        status=status,
        since=None,
        at_site_id=None,
    )


def part(
    *people: Person, offset: int = 10, resumed: bool = False, last: bool = True, site: UUID = SITE, epoch: UUID = EPOCH
) -> PresenceState:
    board = SiteBoard(
        site_id=site,
        name="Planta Norte",
        time_zone="Europe/Madrid",
        epoch=epoch,
        offset=offset,
        resumed=resumed,
        complete_to=None,
        silent_devices=[],
        people=list(people),
    )
    return PresenceState(re=2, last=last, sites=[board])


def change(
    *people: Person, after: int, to: int, removed: tuple[UUID, ...] = (), epoch: UUID = EPOCH
) -> PresenceChanged:
    return PresenceChanged(
        site_id=SITE, epoch=epoch, from_=after, offset=to, people=list(people), removed=list(removed)
    )


def head(offset: int, epoch: UUID = EPOCH) -> PresenceHead:
    return PresenceHead(site_id=SITE, epoch=epoch, offset=offset, complete_to=None, silent_devices=[])


def watching(*people: Person) -> Boards:
    boards = Boards()
    assert boards.after() is None
    boards.state(part(*people))
    return boards


def statuses(boards: Boards) -> dict[UUID, Status]:
    return {each.employee_id: each.status for each in boards.by_site[SITE].people.values()}


def test_a_site_may_span_parts() -> None:
    boards = Boards()
    boards.after()
    boards.state(part(person(ANA), last=False))
    boards.state(part(person(LUIS)))
    assert set(statuses(boards)) == {ANA, LUIS}


def test_changes_follow() -> None:
    boards = watching(person(ANA), person(LUIS))
    news = boards.changed(change(person(ANA, Status.OUT), after=10, to=12, removed=(LUIS, EVA)))
    assert [type(item) for item in news] == [Removed, Arrived]
    assert statuses(boards) == {ANA: Status.OUT}
    assert boards.by_site[SITE].offset == 12
    boards.head(head(12))
    assert not boards.must_watch_again


def test_an_old_change_is_passed_over() -> None:
    boards = watching(person(ANA))
    assert boards.changed(change(person(ANA, Status.OUT), after=8, to=10)) == []
    assert statuses(boards) == {ANA: Status.IN}
    assert not boards.must_watch_again


def test_a_change_that_overlaps_is_taken() -> None:
    boards = watching(person(ANA))
    boards.changed(change(person(ANA, Status.OUT), after=8, to=11))
    assert statuses(boards) == {ANA: Status.OUT}


def test_holes_foreign_epochs_and_later_heads_are_seen() -> None:
    misses: tuple[Callable[[Boards], object], ...] = (
        lambda boards: boards.changed(change(after=11, to=12)),
        lambda boards: boards.changed(change(after=10, to=11, epoch=uuid4())),
        lambda boards: boards.head(head(11)),
        lambda boards: boards.head(head(10, epoch=uuid4())),
    )
    for miss in misses:
        boards = watching(person(ANA))
        miss(boards)
        assert boards.must_watch_again
        assert boards.after() == {SITE: Position(epoch=EPOCH, offset=10)}
        assert not boards.must_watch_again


def test_a_resumed_site_goes_on_from_where_it_was() -> None:
    boards = watching(person(ANA))
    boards.after()
    assert boards.state(part(resumed=True)) == []
    boards.changed(change(person(LUIS), after=10, to=14))
    assert set(statuses(boards)) == {ANA, LUIS}


def test_a_fresh_state_forgets_what_was() -> None:
    boards = watching(person(ANA))
    boards.after()
    epoch = uuid4()
    boards.state(part(person(EVA), offset=3, epoch=epoch))
    assert set(statuses(boards)) == {EVA}
    assert boards.after() == {SITE: Position(epoch=epoch, offset=3)}


def test_a_site_that_left_the_scope_is_gone() -> None:
    boards = watching(person(ANA))
    boards.after()
    other = uuid4()
    boards.state(part(person(EVA), site=other))
    assert set(boards.by_site) == {other}
