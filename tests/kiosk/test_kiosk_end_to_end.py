"""Terminals and simulated people against the real hub."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kiosk.simulation.company import LEFT_ALONE
from kiosk.terminal import (
    BadgeCredential,
    Captured,
    Enrolment,
    Kind,
    Link,
    NumberCredential,
    Outcome,
    Reason,
)
from tests.kiosk.demo_parts import WAIT_SECONDS, Admin, Watching, a_terminal, terminals_device, until
from tests.running_hub import RunningDemo, free_port

pytestmark = pytest.mark.e2e


@pytest.fixture
def admin(demo: RunningDemo, tmp_path: Path) -> Admin:
    admin = Admin(demo.url, tmp_path / "state")
    admin.login(demo)
    return admin


async def test_a_badge_and_a_number_are_recorded_and_listed(demo: RunningDemo, admin: Admin, tmp_path: Path) -> None:
    site_id = terminals_device(demo).site_id
    first, second = demo.take_employee(site_id), demo.take_employee(site_id)
    async with a_terminal(demo, tmp_path / "kiosk") as terminal:
        assert terminal.state.enrolment is Enrolment.ACTIVE
        assert terminal.state.site_name == demo.file.site(site_id).name
        began = time.monotonic()
        ticket = await terminal.punch(BadgeCredential(badge=first.badge), Kind.AUTO)
        answer = await asyncio.wait_for(ticket.answer(), WAIT_SECONDS)
        print(f"badge to answer: {(time.monotonic() - began) * 1000:.1f} ms")
        assert (answer.outcome, answer.reason, answer.kind) == (Outcome.RECORDED, None, Kind.IN)
        assert answer.employee_name == first.display_name

        again = await terminal.punch(BadgeCredential(badge=first.badge), Kind.AUTO)
        debounced = await asyncio.wait_for(again.answer(), WAIT_SECONDS)
        assert (debounced.reason, debounced.same_as) == (Reason.DEBOUNCED, ticket.punch_id)

        by_number = NumberCredential(employee_number=second.employee_number, pin=second.pin)
        answer = await asyncio.wait_for((await terminal.punch(by_number, Kind.IN)).answer(), WAIT_SECONDS)
        assert answer.employee_name == second.display_name
        wrong = NumberCredential(employee_number=second.employee_number, pin=_other_pin(second.pin))
        answer = await asyncio.wait_for((await terminal.punch(wrong, Kind.IN)).answer(), WAIT_SECONDS)
        assert (answer.outcome, answer.reason) == (Outcome.REFUSED, Reason.NOT_RECOGNISED)
        await until(lambda: terminal.state.backlog == 0)

    (listed, *_) = admin.objects("punch", "list", "--employee", second.employee_number)
    assert (listed["employee_id"], listed["kind"], listed["outcome"]) == (second.employee_id, "in", "recorded")
    (rollcall,) = admin.objects("rollcall", demo.file.site(site_id).name)
    assert {first.employee_id, second.employee_id} <= {person["employee_id"] for person in rollcall["inside"]}
    (found,) = admin.objects("employee", "get", first.employee_number)
    assert (found["display_name"], found["status"]) == (first.display_name, "in")
    shown = admin.run("rollcall", site_id).stdout
    assert first.display_name in shown


def _other_pin(pin: str) -> str:
    return f"{(int(pin) + 1) % 1_000_000:06}"


async def test_a_killed_hub_loses_nothing_that_a_terminal_kept(demo: RunningDemo, admin: Admin, tmp_path: Path) -> None:
    port = free_port()
    hub = demo.start_hub(port)
    site_id = terminals_device(demo).site_id
    people = [demo.take_employee(site_id) for _ in range(8)]
    async with a_terminal(demo, tmp_path / "kiosk", hub.url) as terminal:
        tickets = [await terminal.punch(BadgeCredential(badge=each.badge), Kind.AUTO) for each in people[:4]]
        hub.kill()
        await until(lambda: terminal.state.link is Link.OFFLINE)
        tickets += [await terminal.punch(BadgeCredential(badge=each.badge), Kind.AUTO) for each in people[4:]]
        assert tickets[-1].captured is Captured.OFFLINE
        assert terminal.state.backlog >= 4

        demo.start_hub(port)
        answers = [await asyncio.wait_for(ticket.answer(), WAIT_SECONDS) for ticket in tickets]
        await until(lambda: terminal.state.backlog == 0 and not terminal.state.syncing)

    assert [(answer.outcome, answer.reason) for answer in answers] == [(Outcome.RECORDED, None)] * len(people)
    for ticket, answer in zip(tickets, answers, strict=True):
        assert answer.occurred_at is not None
        assert abs((answer.occurred_at - ticket.made_at).total_seconds()) < 0.5
    listed = admin.objects("punch", "list", "--device", terminals_device(demo).device_id, "--limit", "8")
    assert [item["punch_id"] for item in reversed(listed)] == [str(ticket.punch_id) for ticket in tickets]


async def test_simulated_people_move_the_board_and_leave_some_alone(
    start_demo: Callable[[int], RunningDemo], tmp_path: Path
) -> None:
    busy = start_demo(300)
    admin = Admin(busy.url, tmp_path / "state")
    admin.login(busy)
    watch = Watching(admin)
    began = time.monotonic()
    try:
        for _ in range(10):
            await watch.read_until(lambda said: said["event"] == "changed")
        print(f"ten changes on the board within {time.monotonic() - began:.1f} s")
    finally:
        watch.process.kill()
        watch.process.wait(10)
    await asyncio.sleep(max(0.0, 12 - (time.monotonic() - began)))

    punches = admin.objects("punch", "list", "--limit", "5000")
    assert len(punches) > 40
    assert {(each["outcome"], each["reason"]) for each in punches} == {("recorded", None)}
    left_alone = {
        person.employee_id
        for site in busy.file.sites
        for person in [each for each in busy.file.employees if each.site_id == site.site_id][-LEFT_ALONE:]
    }
    assert {each["employee_id"] for each in punches}.isdisjoint(left_alone)
    assert {each["site_id"] for each in punches} == {site.site_id for site in busy.file.sites}
    assert terminals_device(busy).device_id not in {each["device_id"] for each in punches}
