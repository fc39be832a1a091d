"""One typed sample of everything that is said about people, badges, PINs and places."""

from typing import Final
from uuid import UUID

from protocol import roster
from protocol.base import Command, Message
from protocol.roster import BadgeItem, ImportLine, SiteItem
from protocol.values import BadgeEnd

SITE: Final = UUID("0190b7a0-0000-7000-8000-000000000001")
DEPARTMENT: Final = UUID("0190b7a0-0000-7000-8000-000000000011")
EMPLOYEE: Final = UUID("0190b7a0-0000-7000-8000-000000000021")
DEVICE: Final = UUID("0190b7a0-0000-7000-8000-000000000031")
PUNCH: Final = UUID("0190b7a0-0000-7000-8000-000000000061")
BADGE: Final = UUID("0190b7a0-0000-7000-8000-0000000000d1")
FORMER_BADGE: Final = UUID("0190b7a0-0000-7000-8000-0000000000d2")
KEY: Final = UUID("7f3c1a9e-0000-4000-8000-0000000000c1")
NOON: Final = "2026-11-24T12:00:00.000000Z"
LATER: Final = "2026-11-24T12:00:01.250000Z"
CSV: Final = '\ufeffnúmero;nombre;centro\r\n41;"Núñez; Íñigo";Las Palmas\r\n'

COMMANDS: Final[dict[str, Command]] = {
    "employee.create": roster.EmployeeCreate(
        id=70,
        request_key=KEY,
        employee_number="41",
        display_name='Íñigo "Nacho" Núñez',
        site_id=SITE,
        department_id=DEPARTMENT,
        national_id="12345678Z",
        contact="+34 600 000 000",
        notes="Turno de mañana.\nLleva gafas.",
    ),
    "employee.update": roster.EmployeeUpdate(
        id=71,
        request_key=KEY,
        employee_id=EMPLOYEE,
        employee_number="0041",
        display_name="Íñigo Núñez",
        site_id=SITE,
        department_id=DEPARTMENT,
        national_id="",
        contact=None,
        notes="Turno de tarde.",
    ),
    "employee.deactivate": roster.EmployeeDeactivate(id=72, request_key=KEY, employee_id=EMPLOYEE),
    "employee.rehire": roster.EmployeeRehire(id=73, request_key=KEY, employee_id=EMPLOYEE),
    "employee.erase": roster.EmployeeErase(id=90, request_key=KEY, employee_id=EMPLOYEE),
    "employee.import": roster.EmployeeImport(
        id=74,
        request_key=KEY,
        part=3,
        last=True,
        csv=CSV,
        mapping={"centro": "site", "notas": "ignore"},
        dry_run=True,
    ),
    "badge.list": roster.BadgeList(id=75, limit=20, cursor="aW5lcw", employee_id=EMPLOYEE),
    "badge.assign": roster.BadgeAssign(
        id=76, request_key=KEY, employee_id=EMPLOYEE, badge="04A1B2C3D4", valid_until=LATER, reassign=True
    ),
    "badge.revoke": roster.BadgeRevoke(id=77, request_key=KEY, badge_id=BADGE, reason="returned"),
    "badge.last_unknown": roster.BadgeLastUnknown(id=78, device_id=DEVICE),
    "pin.set": roster.PinSet(id=79, request_key=KEY, employee_id=EMPLOYEE, pin="271828"),
    "pin.reset": roster.PinReset(id=80, request_key=KEY, employee_id=EMPLOYEE),
    "site.list": roster.SiteList(id=81, limit=1, cursor="aW5lcw"),
    "site.create": roster.SiteCreate(id=82, request_key=KEY, name="Las Palmas", time_zone="Atlantic/Canary"),
    "site.update": roster.SiteUpdate(id=83, request_key=KEY, site_id=SITE, name="Telde", time_zone="Atlantic/Canary"),
    "department.create": roster.DepartmentCreate(id=84, request_key=KEY, site_id=SITE, name="Almacén"),
    "department.update": roster.DepartmentUpdate(id=85, request_key=KEY, department_id=DEPARTMENT, name="Taller"),
}

MESSAGES: Final[dict[str, Message]] = {
    "employee.create.result": roster.EmployeeCreated(re=70, employee_id=EMPLOYEE),
    "employee.update.result": roster.EmployeeUpdated(re=71),
    "employee.deactivate.result": roster.EmployeeDeactivated(re=72),
    "employee.rehire.result": roster.EmployeeRehired(re=73),
    "employee.erase.result": roster.EmployeeErased(re=90, state="requested"),
    "employee.import.result": roster.EmployeeImported(
        re=74,
        done=False,
        created=1,
        updated=0,
        unchanged=0,
        faults=1,
        lines=[
            ImportLine(line=2, employee_number="41", outcome="create"),
            ImportLine(
                line=3, employee_number="41", outcome="fault", field="employee_number", problem="is on line 2 too"
            ),
        ],
        last=False,
    ),
    "badge.list.result": roster.BadgeListResult(
        re=75,
        items=[
            BadgeItem(badge_id=BADGE, assigned_at=LATER, valid_until=LATER, revoked_at=None, revoked_reason=None),
            BadgeItem(
                badge_id=FORMER_BADGE,
                assigned_at=NOON,
                valid_until=None,
                revoked_at=LATER,
                revoked_reason=BadgeEnd.LOST,
            ),
        ],
        next_cursor=None,
    ),
    "badge.assign.result": roster.BadgeAssigned(re=76, badge_id=BADGE),
    "badge.revoke.result": roster.BadgeRevoked(re=77),
    "badge.last_unknown.result": roster.BadgeLastUnknownResult(re=78, badge="04A1B2C3D4", punch_id=PUNCH, seen_at=NOON),
    "pin.set.result": roster.PinIsSet(re=79, pin=None),
    "pin.reset.result": roster.PinIsReset(re=80),
    "site.list.result": roster.SiteListResult(
        re=81,
        items=[SiteItem(site_id=SITE, name="Las Palmas", time_zone="Atlantic/Canary")],
        next_cursor="bGFzdA",
    ),
    "site.create.result": roster.SiteCreated(re=82, site_id=SITE),
    "site.update.result": roster.SiteUpdated(re=83),
    "department.create.result": roster.DepartmentCreated(re=84, department_id=DEPARTMENT),
    "department.update.result": roster.DepartmentUpdated(re=85),
}
