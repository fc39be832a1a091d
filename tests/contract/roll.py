"""People on the roll of a site of the tests' own: taken on, given badges, let go."""

import random
from dataclasses import dataclass

from tests.contract.connection import Connection
from tests.contract.primitives import Message, uuid7
from tests.contract.staff import write


@dataclass(frozen=True)
class Place:
    """A site with two departments."""

    site_id: str
    name: str
    north: str
    south: str


async def a_place(admin: Connection) -> Place:
    name = f"Sede {uuid7()[-12:]}"
    site_id = (await write(admin, "site.create", name=name, time_zone="Europe/Madrid"))["site_id"]
    north, south = [
        (await write(admin, "department.create", site_id=site_id, name=part))["department_id"]
        for part in ("Almacén", "Taller")
    ]
    return Place(site_id, name, north, south)


def a_number() -> str:
    return str(random.randrange(10**8, 10**9))


def a_badge() -> str:
    return f"T{uuid7()[-12:].upper()}"


async def hire(admin: Connection, place: Place, **fields: object) -> str:
    """A new person's id."""
    fields = {
        "employee_number": a_number(),
        "display_name": f"Eulalia {uuid7()[-12:]}",
        "site_id": place.site_id,
        "department_id": place.north,
        **fields,
    }
    made = await write(admin, "employee.create", **fields)
    return str(made["employee_id"])


async def give_badge(
    admin: Connection, employee_id: str, badge: str | None = None, **fields: object
) -> tuple[str, str]:
    """A badge, and the id under which it is this person's."""
    badge = badge or a_badge()
    answer = await write(admin, "badge.assign", employee_id=employee_id, badge=badge, **fields)
    return badge, str(answer["badge_id"])


async def refusal(admin: Connection, type_: str, **fields: object) -> tuple[str, Message | None]:
    """Code and details of a write that must be refused."""
    answer = await admin.refusal(type_, request_key=uuid7(), **fields)
    return answer["code"], answer["details"]
