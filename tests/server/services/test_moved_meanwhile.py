"""A person is moved or let go between a punch's first look at them and its locks."""

from collections.abc import Sequence
from uuid import UUID

import pytest

from protocol.values import Outcome, Reason
from storage.postgres import Connection
from storage.repositories import presence
from tests.server.services.desk import Desk, said

pytestmark = pytest.mark.integration


def meanwhile(monkeypatch: pytest.MonkeyPatch, desk: Desk, act: str, *values: object) -> None:
    """What another hub commits before the first stream is locked."""
    lock_streams, done = presence.lock_streams, list[str]()

    async def locked(connection: Connection, site_ids: Sequence[UUID]) -> tuple[UUID, dict[UUID, int]]:
        if not done:
            done.append(act)
            await desk.owner.execute(act, *values)
        return await lock_streams(connection, site_ids)

    monkeypatch.setattr(presence, "lock_streams", locked)


async def test_a_punch_shows_on_the_board_of_the_home_that_a_person_has_by_then(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = desk.company.sites
    department = next(one for one in desk.company.departments if one.site_id == new.site_id)
    move = "UPDATE employees SET site_id = $2, department_id = $3 WHERE employee_id = $1"
    ana = desk.ana.employee_id
    terminal = next(device for device in desk.devices if device.site_id == new.site_id)
    meanwhile(monkeypatch, desk, move, ana, new.site_id, department.department_id)
    settled = await desk.settle(desk.punch(device=terminal), device=terminal)
    assert settled.punch.outcome is Outcome.RECORDED
    boards = {batch.site_id: [change.on_board for change in batch.changes] for batch in desk.changes}
    assert boards == {new.site_id: [True]}
    async with desk.database.connection() as connection:
        assert ana in {person.employee_id for person in await presence.board(connection, new.site_id)}
        assert ana not in {person.employee_id for person in await presence.board(connection, old.site_id)}


async def test_a_punch_is_refused_to_who_was_let_go_by_then(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = "UPDATE employees SET deactivated_at = $2 WHERE employee_id = $1"
    meanwhile(monkeypatch, desk, gone, desk.ana.employee_id, desk.now)
    settled = await desk.settle(desk.punch(minutes=1))
    assert said(settled.punch) == (Outcome.REFUSED, Reason.EMPLOYEE_INACTIVE, None)
