"""Administrators of one department: its people are theirs, what belongs to the whole site isn't."""

import asyncio
from uuid import uuid4

import pytest

from protocol.values import DeviceStatus, Role
from tests.contract.connection import connect_person
from tests.contract.primitives import Message
from tests.permissions.conftest import Stage

pytestmark = pytest.mark.e2e


def test_a_departments_administrator_reaches_people_but_neither_terminals_nor_places(
    stage: Stage, runner: asyncio.Runner
) -> None:
    world = stage.world
    account_id, session_id = runner.run(world.account(Role.ADMIN, "in"))
    department_id = world.department("in")
    theirs = next(one for one in world.place.company.employees if one.department_id == department_id)

    async def ask() -> dict[str, Message]:
        await world.owner.execute(
            "UPDATE accounts SET site_ids = NULL, department_ids = $2 WHERE account_id = $1",
            account_id,
            [department_id],
        )
        site_id = str(world.site("in"))
        active, pending = await world.device("in"), await world.device("in", status=DeviceStatus.PENDING)
        async with connect_person(stage.hub.ws_url, await world.token_of(account_id, session_id)) as connection:
            fields: dict[str, dict[str, object]] = {
                "device.invite": {"site_id": site_id, "name": "Mine"},
                "device.confirm": {"device_id": pending.device_id, "fingerprint": "x"},
                "device.move": {"device_id": active.device_id, "site_id": site_id},
                "device.retire": {"device_id": active.device_id},
                "device.revoke": {"device_id": active.device_id},
                "site.update": {"site_id": site_id, "name": "Mine now"},
                "department.create": {"site_id": site_id, "name": "Mine too"},
            }
            said = {
                command: await connection.ask(command, request_key=str(uuid4()), **asked)
                for command, asked in fields.items()
            }
            said["badge.last_unknown"] = await connection.ask("badge.last_unknown", device_id=active.device_id)
            said["device.list"] = await connection.ask("device.list")
            said["employee.get"] = await connection.ask("employee.get", employee_id=str(theirs.employee_id))
            return said

    said = runner.run(ask())
    assert said.pop("employee.get")["type"] == "employee.get.result"
    assert said.pop("device.list")["items"] == []
    assert {command: answer.get("code") for command, answer in said.items()} == dict.fromkeys(said, "not_found")
