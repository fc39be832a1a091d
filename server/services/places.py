"""Sites and their departments, made and renamed. Every hub knows them within a second, the acting one at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any
from uuid import uuid4
from zoneinfo import available_timezones

from protocol.errors import ErrorCode, Invalid
from protocol.roster import (
    DepartmentCreate,
    DepartmentCreated,
    DepartmentUpdate,
    DepartmentUpdated,
    SiteCreate,
    SiteCreated,
    SiteUpdate,
    SiteUpdated,
)
from server.errors import Refused
from server.services.acts import Actor
from server.services.roster import differences
from server.services.roster_acts import RosterAct, RosterActs
from storage.models import Department, Site
from storage.repositories import enrolment, fleet, roster


class Places:
    """Every method may raise StorageError and SecretsUnavailable. `on_new_site` learns that there is one more board."""

    def __init__(self, acts: RosterActs, *, on_new_site: Callable[[], None]) -> None:
        self._acts = acts
        self._on_new_site = on_new_site

    async def create_site(self, actor: Actor, command: SiteCreate) -> SiteCreated:
        """With its stream. Raises Refused: invalid (time_zone), conflict (name)."""
        _check_zone(command.time_zone)

        async def perform(roster_act: RosterAct) -> SiteCreated:
            site = Site(uuid4(), command.name, command.time_zone)
            await enrolment.add_sites(roster_act.connection, [site])
            await roster_act.act.note("site.create", f"site:{site.site_id}", after=_described(site))
            return SiteCreated(re=command.id, site_id=site.site_id)

        created = await self._acts.do(actor, command, SiteCreated, perform)
        self._on_new_site()
        return created

    async def update_site(self, actor: Actor, command: SiteUpdate) -> SiteUpdated:
        """Raises Refused: not_found, invalid (time_zone), conflict (name)."""
        if command.time_zone is not None:
            _check_zone(command.time_zone)

        async def perform(roster_act: RosterAct) -> SiteUpdated:
            site = await roster.lock_site(roster_act.connection, command.site_id)
            if site is None or not actor.scope.allows_all_of(site.site_id):
                raise Refused(ErrorCode.NOT_FOUND, "site")
            changed = replace(site, name=command.name or site.name, time_zone=command.time_zone or site.time_zone)
            if changed != site:
                await roster.update_site(roster_act.connection, changed)
                before, after = differences(_described(site), _described(changed))
                await roster_act.act.note("site.update", f"site:{site.site_id}", before=before, after=after)
            return SiteUpdated(re=command.id)

        return await self._acts.do(actor, command, SiteUpdated, perform)

    async def create_department(self, actor: Actor, command: DepartmentCreate) -> DepartmentCreated:
        """Raises Refused: not_found (site), conflict (name)."""

        async def perform(roster_act: RosterAct) -> DepartmentCreated:
            known = await fleet.site_exists(roster_act.connection, command.site_id)
            if not known or not actor.scope.allows_all_of(command.site_id):
                raise Refused(ErrorCode.NOT_FOUND, "site")
            department = Department(uuid4(), command.site_id, command.name)
            await enrolment.add_departments(roster_act.connection, [department])
            await roster_act.act.note(
                "department.create",
                f"department:{department.department_id}",
                after={"site_id": str(department.site_id), "name": department.name},
            )
            return DepartmentCreated(re=command.id, department_id=department.department_id)

        return await self._acts.do(actor, command, DepartmentCreated, perform)

    async def update_department(self, actor: Actor, command: DepartmentUpdate) -> DepartmentUpdated:
        """Raises Refused: not_found, conflict (name)."""

        async def perform(roster_act: RosterAct) -> DepartmentUpdated:
            found = await roster.lock_department(roster_act.connection, command.department_id)
            if found is None or not (
                actor.scope.allows_site(found[0]) and actor.scope.allows_department(command.department_id)
            ):
                raise Refused(ErrorCode.NOT_FOUND, "department")
            _, name = found
            if name != command.name:
                await roster.rename_department(roster_act.connection, command.department_id, command.name)
                await roster_act.act.note(
                    "department.update",
                    f"department:{command.department_id}",
                    before={"name": name},
                    after={"name": command.name},
                )
            return DepartmentUpdated(re=command.id)

        return await self._acts.do(actor, command, DepartmentUpdated, perform)


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _check_zone(time_zone: str) -> None:
    if time_zone not in _zones():
        raise Invalid("time_zone", "is no time zone of the IANA's, such as Europe/Madrid")


def _described(site: Site) -> dict[str, Any]:
    return {"name": site.name, "time_zone": site.time_zone}
