"""How each command is asked about something inside or outside a scope: its fields, and what its answer would name."""

import base64
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final
from uuid import UUID, uuid4

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocol.values import DeviceStatus, Role
from tests.contract.connection import Connection
from tests.contract.demo_file import DeviceKey
from tests.contract.journal import Journal
from tests.contract.primitives import Message, b64, now, uuid7, wire_time
from tests.permissions.world import PASSWORD, Side, World, one_time_code


@dataclass
class Cell:
    """One question: `role` asks on `connection` about `side`; a kiosk with its `device`."""

    world: World
    role: Role
    side: Side
    connection: Connection
    device: DeviceKey | None = None

    async def ask(self, command: str, **fields: object) -> Message:
        return await self.connection.ask(command, **fields)

    async def write(self, command: str, **fields: object) -> Message:
        return await self.connection.ask(command, request_key=str(uuid4()), **fields)

    @property
    def mine(self) -> UUID:
        """Whom one may ask about at `side`: for an employee that is itself, or a colleague."""
        if self.role is Role.EMPLOYEE and self.side == "in":
            return self.world.me.employee_id
        return self.world.person(self.side)


Ask = Callable[[Cell], Awaitable[Message]]
QUESTIONS: Final[dict[str, Ask]] = {}
NAMED: Final[dict[str, Callable[[World, Side, Role], str]]] = {}
"""What stands in the answer of a listing for `in`, and must not for `out` (`absent`)."""


def asks(command: str) -> Callable[[Ask], Ask]:
    def keep(ask: Ask) -> Ask:
        QUESTIONS[command] = ask
        return ask

    return keep


def simply(command: str, **fields: object) -> None:
    async def ask(cell: Cell) -> Message:
        return await cell.ask(command, **fields)

    QUESTIONS[command] = ask


def about_site(command: str, **fields: object) -> None:
    async def ask(cell: Cell) -> Message:
        return await cell.ask(command, site_id=str(cell.world.site(cell.side)), **fields)

    QUESTIONS[command] = ask


def about_person(command: str, **fields: object) -> None:
    """A write about someone."""

    async def ask(cell: Cell) -> Message:
        return await cell.write(command, employee_id=str(cell.world.person(cell.side)), **fields)

    QUESTIONS[command] = ask


def about_device(command: str, **fields: object) -> None:
    async def ask(cell: Cell) -> Message:
        device = await cell.world.device(cell.side)
        return await cell.write(command, device_id=device.device_id, **fields)

    QUESTIONS[command] = ask


def about_account(command: str, **fields: object) -> None:
    async def ask(cell: Cell) -> Message:
        account_id, _ = await cell.world.account(Role.SUPERVISOR, cell.side)
        return await cell.write(command, account_id=str(account_id), **fields)

    QUESTIONS[command] = ask


simply("presence.unwatch")
simply("hub.status")
simply("site.list")
simply("department.list")
about_site("presence.history", **{"from": "2026-01-01T08:00:00.000000Z", "until": "2026-01-01T09:00:00.000000Z"})
about_site("rollcall.get")
about_site("employee.list")
about_site("device.list")
about_person("employee.update", display_name="Another Name")
about_person("employee.deactivate")
about_person("badge.assign", badge="A0NEW0BADGE")
about_person("pin.set", pin="135790")
about_person("pin.reset")
about_device("device.retire")
about_device("device.revoke")
about_account("account.update", role="inspector")
about_account("account.disable")
about_account("account.enable")


@asks("auth.refresh")
async def _(cell: Cell) -> Message:
    token = "x" if cell.role is Role.KIOSK else await cell.world.token(cell.role)
    return await cell.ask("auth.refresh", token=token)


@asks("punch.record")
async def _(cell: Cell) -> Message:
    """A kiosk's own, or one that another device signed."""
    if cell.device is None:
        return await cell.ask("punch.record", punch="{}", signature="", sealed="")
    state = cell.connection.welcome["device"]
    other = await cell.world.device("in")
    journal = Journal.of(cell.device if cell.side == "in" else other, state)
    return await cell.ask("punch.record", **journal.punch({"badge": "NOBODYS0BADGE"}).fields())


@asks("time.sync")
async def _(cell: Cell) -> Message:
    return await cell.ask("time.sync", t0=0, boot_id=uuid7(), monotonic_ms=1)


@asks("device.report")
async def _(cell: Cell) -> Message:
    return await cell.ask("device.report", outbox_depth=0, version="1")


@asks("device.rotate_key")
async def _(cell: Cell) -> Message:
    key = Ed25519PrivateKey.generate()
    public_key = b64(key.public_key().public_bytes_raw())
    device_id = "" if cell.device is None else cell.device.device_id
    proof = key.sign(f"attendance.v1|key|{device_id}|{public_key}".encode())
    return await cell.write("device.rotate_key", public_key=public_key, proof=b64(proof))


@asks("presence.watch")
async def _(cell: Cell) -> Message:
    return await cell.ask("presence.watch", site_ids=[str(cell.world.site(cell.side))])


@asks("employee.get")
async def _(cell: Cell) -> Message:
    return await cell.ask("employee.get", employee_id=str(cell.mine))


@asks("employee.create")
async def _(cell: Cell) -> Message:
    return await cell.write(
        "employee.create",
        employee_number=str(uuid4().int)[:9],
        display_name="Someone New",
        site_id=str(cell.world.site(cell.side)),
        department_id=str(cell.world.department(cell.side)),
    )


@asks("employee.rehire")
async def _(cell: Cell) -> Message:
    gone = cell.world.person("in") if cell.role is not Role.ADMIN else await cell.world.deactivated(cell.side)
    return await cell.write("employee.rehire", employee_id=str(gone))


@asks("employee.erase")
async def _(cell: Cell) -> Message:
    gone = cell.world.person("in") if cell.role is not Role.ADMIN else await cell.world.deactivated(cell.side)
    return await cell.write("employee.erase", employee_id=str(gone))


@asks("employee.import")
async def _(cell: Cell) -> Message:
    site = cell.world.place.company.sites[0]
    department = next(one for one in cell.world.place.company.departments if one.site_id == site.site_id)
    line = f"{str(uuid4().int)[:9]},Someone Listed,{site.name},{department.name}"
    csv = f"employee_number,display_name,site,department\n{line}\n"
    return await cell.write("employee.import", part=0, last=True, csv=csv)


@asks("badge.list")
async def _(cell: Cell) -> Message:
    return await cell.ask("badge.list", employee_id=str(cell.mine))


@asks("badge.revoke")
async def _(cell: Cell) -> Message:
    badge_id = await cell.world.badge(cell.world.person(cell.side))
    return await cell.write("badge.revoke", badge_id=str(badge_id), reason="lost")


@asks("badge.last_unknown")
async def _(cell: Cell) -> Message:
    return await cell.ask("badge.last_unknown", device_id=(await cell.world.device(cell.side)).device_id)


@asks("site.create")
async def _(cell: Cell) -> Message:
    return await cell.write("site.create", name=f"Site {uuid4()}", time_zone="Europe/Madrid")


@asks("site.update")
async def _(cell: Cell) -> Message:
    return await cell.write("site.update", site_id=str(cell.world.site(cell.side)), time_zone="Europe/Madrid")


@asks("department.create")
async def _(cell: Cell) -> Message:
    return await cell.write("department.create", site_id=str(cell.world.site(cell.side)), name=f"New {uuid4()}")


@asks("department.update")
async def _(cell: Cell) -> Message:
    department_id = str(cell.world.department(cell.side))
    return await cell.write("department.update", department_id=department_id, name=f"Renamed {uuid4()}")


@asks("device.invite")
async def _(cell: Cell) -> Message:
    return await cell.write("device.invite", site_id=str(cell.world.site(cell.side)), name="A new terminal")


@asks("device.confirm")
async def _(cell: Cell) -> Message:
    device = await cell.world.device(cell.side, status=DeviceStatus.PENDING)
    key = Ed25519PrivateKey.from_private_bytes(device.private_key).public_key().public_bytes_raw()
    fingerprint = base64.urlsafe_b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")
    return await cell.write("device.confirm", device_id=device.device_id, fingerprint=fingerprint)


@asks("device.move")
async def _(cell: Cell) -> Message:
    device = await cell.world.device(cell.side)
    return await cell.write("device.move", device_id=device.device_id, site_id=str(cell.world.site("in")))


@asks("account.list")
async def _(cell: Cell) -> Message:
    return await cell.ask("account.list", limit=500)


@asks("account.create")
async def _(cell: Cell) -> Message:
    scope = {"site_ids": [str(cell.world.site(cell.side))], "department_ids": None}
    username = f"new-{uuid4().hex[:8]}"
    return await cell.write("account.create", username=username, role="supervisor", scope=scope)


@asks("password.change")
async def _(cell: Cell) -> Message:
    if cell.role is Role.KIOSK:
        return await cell.write("password.change", current=PASSWORD, new=PASSWORD)
    changed = await cell.write("password.change", current=PASSWORD, new=f"{PASSWORD} new")
    account_id, _ = cell.world.own[cell.role]
    await cell.world.owner.execute(
        "UPDATE accounts SET password_hash = $2 WHERE account_id = $1", account_id, cell.world.password_hash
    )
    return changed


@asks("session.list")
async def _(cell: Cell) -> Message:
    return await cell.ask("session.list", limit=500)


@asks("session.revoke")
async def _(cell: Cell) -> Message:
    """Inside: another session of one's own; outside: that of somebody of the other site."""
    _, session_id = await cell.world.account(Role.SUPERVISOR, "out" if cell.side == "in" else cell.side)
    if cell.side == "in" and cell.role is not Role.KIOSK:
        session_id = uuid4()
        await cell.world.session(cell.world.own[cell.role][0], session_id)
    return await cell.write("session.revoke", session_id=str(session_id))


@asks("totp.begin")
async def _(cell: Cell) -> Message:
    return await cell.write("totp.begin", password=PASSWORD)


@asks("totp.confirm")
async def _(cell: Cell) -> Message:
    if cell.role is not Role.KIOSK:
        await cell.world.without_second_factor(cell.role)
    begun = await cell.write("totp.begin", password=PASSWORD)
    code = "000000" if begun["type"] == "error" else one_time_code(begun["totp_uri"])
    return await cell.write("totp.confirm", code=code)


@asks("totp.remove")
async def _(cell: Cell) -> Message:
    if cell.role is not Role.KIOSK:
        await cell.world.without_second_factor(cell.role)
    begun = await cell.write("totp.begin", password=PASSWORD)
    code = "000000"
    if begun["type"] != "error":
        await cell.write("totp.confirm", code=one_time_code(begun["totp_uri"]))
        code = one_time_code(begun["totp_uri"], steps_ahead=1)  # none is good twice
    return await cell.write("totp.remove", password=PASSWORD, code=code)


@asks("audit.list")
async def _(cell: Cell) -> Message:
    return await cell.ask("audit.list", employee_id=str(cell.world.person(cell.side)))


@asks("punch.list")
async def _(cell: Cell) -> Message:
    return await cell.ask("punch.list", employee_id=str(cell.mine), until=wire_time(now()))


NAMED["site.list"] = lambda world, side, _: str(world.site(side))
NAMED["department.list"] = lambda world, side, _: str(world.department(side))
NAMED["account.list"] = lambda world, side, _: str(world.outsider[0] if side == "out" else world.own[Role.ADMIN][0])
NAMED["session.list"] = lambda world, side, role: str(world.outsider[1] if side == "out" else world.own[role][1])
