from uuid import uuid4

import pytest

from protocol.codec import COMMANDS
from protocol.values import Role
from server.rules.permissions import EVERYTHING, NOTHING, PERMISSIONS, Reach, Scope, is_permitted, reach

K, E, S, A, I = Role.KIOSK, Role.EMPLOYEE, Role.SUPERVISOR, Role.ADMIN, Role.INSPECTOR  # noqa: E741 - a table's heads

# Written anew from the contract's table of commands, so that a slip in either is seen.
EXPECTED = {
    "auth.refresh": {E, S, A, I},
    "punch.record": {K},
    "time.sync": {K},
    "device.report": {K},
    "presence.watch": {S, A, I},
    "presence.unwatch": {S, A, I},
    "presence.history": {S, A, I},
    "rollcall.get": {S, A, I},
    "employee.list": {S, A, I},
    "employee.get": {S, A, I},
    "department.list": {S, A},
    "punch.list": {S, A, I, E},
    "hub.status": {A},
    "employee.create": {A},
    "employee.update": {A},
    "employee.deactivate": {A},
    "employee.rehire": {A},
    "employee.erase": {A},
    "employee.import": {A},
    "badge.list": {A},
    "badge.assign": {A},
    "badge.revoke": {A},
    "badge.last_unknown": {A},
    "pin.set": {A},
    "pin.reset": {A},
    "site.list": {S, A},
    "site.create": {A},
    "site.update": {A},
    "department.create": {A},
    "department.update": {A},
    "device.invite": {A},
    "device.list": {A},
    "device.confirm": {A},
    "device.move": {A},
    "device.retire": {A},
    "device.revoke": {A},
    "device.rotate_key": {K},
    "account.list": {A},
    "account.create": {A},
    "account.update": {A},
    "account.disable": {A},
    "account.enable": {A},
    "password.change": {E, S, A, I},
    "session.list": {E, S, A, I},
    "session.revoke": {E, S, A, I},
    "totp.begin": {E, S, A, I},
    "totp.confirm": {E, S, A, I},
    "totp.remove": {E, S, A, I},
    "audit.list": {A, I},
}


@pytest.mark.parametrize("command_type", EXPECTED)
def test_a_command_is_for_its_roles_alone(command_type: str) -> None:
    assert {role for role in Role if is_permitted(role, command_type)} == EXPECTED[command_type]


def test_every_command_stands_in_the_table_and_nothing_else() -> None:
    assert set(PERMISSIONS) == set(COMMANDS) - {"auth"}


@pytest.mark.parametrize("role", Role)
def test_what_is_not_listed_is_denied(role: Role) -> None:
    assert not is_permitted(role, "employee.sell")
    assert not is_permitted(role, "")
    assert reach(role, "PUNCH.RECORD") is None


def test_an_employee_reaches_only_its_own_punches() -> None:
    assert reach(Role.EMPLOYEE, "punch.list") is Reach.OWN
    assert reach(Role.SUPERVISOR, "punch.list") is Reach.SCOPE


@pytest.mark.parametrize("command_type", ["session.list", "session.revoke"])
def test_sessions_of_others_are_for_administrators(command_type: str) -> None:
    assert {role for role in Role if reach(role, command_type) is Reach.SCOPE} == {A}


def test_scopes() -> None:
    site, department = uuid4(), uuid4()
    narrow = Scope.of([site], None)
    assert narrow.allows_site(site)
    assert not narrow.allows_site(uuid4())
    assert narrow.allows_department(department)
    assert narrow != EVERYTHING
    assert not Scope.of(None, [department]).allows_department(uuid4())
    assert not Scope.of([], None).allows_site(site)
    assert EVERYTHING.allows_site(site)
    assert EVERYTHING.allows_department(department)
    assert EVERYTHING.allows_all_of(site)
    assert not Scope.of(None, [department]).allows_all_of(site)
    assert not NOTHING.allows_site(site)
    assert Scope.of(None, None) == EVERYTHING
