"""Who may do what: one table of (command, role, reach), deny by default. Pure.

What a role never may is `forbidden`; what lies beyond its reach is `not_found`, exactly as if it didn't exist.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self
from uuid import UUID

from protocol.values import Role


class Reach(StrEnum):
    """How far a permission goes."""

    OWN = "own"
    """The caller's own record alone: a kiosk's journal, an employee's punches."""
    SCOPE = "scope"
    """The sites and departments of the caller's scope; an admin's and an inspector's is everything."""


_SIGNED_IN: Final = dict.fromkeys((Role.EMPLOYEE, Role.SUPERVISOR, Role.ADMIN, Role.INSPECTOR), Reach.OWN)
_KIOSK: Final = {Role.KIOSK: Reach.OWN}
_ADMINS: Final = {Role.ADMIN: Reach.SCOPE}
_PLACES: Final = {Role.ADMIN: Reach.SCOPE, Role.SUPERVISOR: Reach.SCOPE}
_OVERSIGHT: Final = dict.fromkeys((Role.SUPERVISOR, Role.ADMIN, Role.INSPECTOR), Reach.SCOPE)

PERMISSIONS: Final[Mapping[str, Mapping[Role, Reach]]] = {
    "auth.refresh": _SIGNED_IN,
    "punch.record": _KIOSK,
    "time.sync": _KIOSK,
    "device.report": _KIOSK,
    "presence.watch": _OVERSIGHT,
    "presence.unwatch": _OVERSIGHT,
    "presence.history": _OVERSIGHT,
    "rollcall.get": _OVERSIGHT,
    "employee.list": _OVERSIGHT,
    "employee.get": _OVERSIGHT,
    "department.list": _PLACES,
    "punch.list": {**_OVERSIGHT, Role.EMPLOYEE: Reach.OWN},
    "hub.status": _ADMINS,
    "employee.create": _ADMINS,
    "employee.update": _ADMINS,
    "employee.deactivate": _ADMINS,
    "employee.rehire": _ADMINS,
    "employee.erase": _ADMINS,
    "employee.import": _ADMINS,
    "badge.list": _ADMINS,
    "badge.assign": _ADMINS,
    "badge.revoke": _ADMINS,
    "badge.last_unknown": _ADMINS,
    "pin.set": _ADMINS,
    "pin.reset": _ADMINS,
    "site.list": _PLACES,
    "site.create": _ADMINS,
    "site.update": _ADMINS,
    "department.create": _ADMINS,
    "department.update": _ADMINS,
    "device.invite": _ADMINS,
    "device.list": _ADMINS,
    "device.confirm": _ADMINS,
    "device.move": _ADMINS,
    "device.retire": _ADMINS,
    "device.revoke": _ADMINS,
    "device.rotate_key": _KIOSK,
    "account.list": _ADMINS,
    "account.create": _ADMINS,
    "account.update": _ADMINS,
    "account.disable": _ADMINS,
    "account.enable": _ADMINS,
    "password.change": _SIGNED_IN,
    "session.list": {**_SIGNED_IN, **_ADMINS},
    "session.revoke": {**_SIGNED_IN, **_ADMINS},
    "totp.begin": _SIGNED_IN,
    "totp.confirm": _SIGNED_IN,
    "totp.remove": _SIGNED_IN,
    "audit.list": {Role.ADMIN: Reach.SCOPE, Role.INSPECTOR: Reach.SCOPE},
}
"""Every command that somebody may use, and how far; `auth` itself comes before any role."""


def reach(role: Role, command_type: str) -> Reach | None:
    """How far `role` may use a command; None: not at all (`forbidden`)."""
    return PERMISSIONS.get(command_type, {}).get(role)


def is_permitted(role: Role, command_type: str) -> bool:
    """Whether `role` may use a command at all."""
    return reach(role, command_type) is not None


@dataclass(frozen=True, slots=True)
class Scope:
    """The sites and departments that a caller may see; None means all of them."""

    site_ids: frozenset[UUID] | None = None
    department_ids: frozenset[UUID] | None = None

    @classmethod
    def of(cls, site_ids: Iterable[UUID] | None, department_ids: Iterable[UUID] | None) -> Self:
        return cls(
            None if site_ids is None else frozenset(site_ids),
            None if department_ids is None else frozenset(department_ids),
        )

    @classmethod
    def of_account(cls, role: Role, site_ids: Iterable[UUID] | None, department_ids: Iterable[UUID] | None) -> Self:
        """An account's. An employee reaches its own record, which no site and no department opens."""
        return cls.of((), ()) if role is Role.EMPLOYEE else cls.of(site_ids, department_ids)

    def allows_site(self, site_id: UUID) -> bool:
        return self.site_ids is None or site_id in self.site_ids

    def allows_all_of(self, site_id: UUID) -> bool:
        """Whether what belongs to a site as a whole is in reach: its terminals, its name. A department isn't enough."""
        return self.department_ids is None and self.allows_site(site_id)

    def allows_department(self, department_id: UUID) -> bool:
        """Whether people of this department may be seen, at a site that is allowed."""
        return self.department_ids is None or department_id in self.department_ids


EVERYTHING: Final = Scope()
NOTHING: Final = Scope(frozenset(), frozenset())
