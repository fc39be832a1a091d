"""What administrators may do to accounts, on a real PostgreSQL."""

import asyncio
import base64
import json
from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import msgspec
import pytest

from protocol.accounts import AccountDisable, AccountEnable, AccountScope
from protocol.errors import ErrorCode, Invalid
from protocol.values import Role
from server.errors import Refused
from server.rules.permissions import Scope
from server.rules.totp import STEP_SECONDS, code_at
from server.services.accounts import SecondFactorNeeded
from server.services.acts import Actor
from server.services.second_factor import spelled
from tests.server.services.bureau import PASSWORD, Bureau, a_create, an_update

pytestmark = pytest.mark.integration


async def refused(code: ErrorCode, attempt: Awaitable[object], field: str | None = None) -> Refused:
    with pytest.raises(Refused) as caught:
        await attempt
    assert caught.value.code is code
    if field is not None:
        assert caught.value.details == {"field": field}
    return caught.value


async def invalid(field: str, attempt: Awaitable[object]) -> str:
    with pytest.raises(Invalid) as caught:
        await attempt
    assert caught.value.field == field
    return caught.value.problem


def code_of(uri: str | None, steps_ahead: int = 0) -> str:
    """The code that an authenticator shows, which read this."""
    assert uri is not None
    secret = parse_qs(urlsplit(uri).query)["secret"][0]
    padded = secret + "=" * (-len(secret) % 8)
    return code_at(base64.b32decode(padded), int(datetime.now(UTC).timestamp()) // STEP_SECONDS + steps_ahead)


def disable(account_id: Any) -> AccountDisable:  # noqa: ANN401 - an id
    return AccountDisable(id=1, request_key=uuid4(), account_id=account_id)


async def north_admin(bureau: Bureau) -> Actor:
    """Who sees the first site alone."""
    return await bureau.actor("north", Scope.of([bureau.site(0)], None))


async def test_a_new_supervisor_signs_in_with_the_password_that_was_made(bureau: Bureau) -> None:
    made = await bureau.create(bureau.chief, scope=AccountScope(site_ids=[bureau.site(0)]))
    assert made.totp_uri is None
    assert made.password is not None
    assert len(made.password) == 23
    pair = await bureau.accounts.login("INES", made.password, None)
    session = (await bureau.accounts.authenticate(pair.access_token)).session
    assert (session.role, session.scope) == (Role.SUPERVISOR, Scope.of([bureau.site(0)], None))


@pytest.mark.parametrize("role", ["admin", "inspector"])
async def test_who_needs_a_second_factor_gets_one_at_once(bureau: Bureau, role: Any) -> None:  # noqa: ANN401 - a role
    made = await bureau.create(bureau.chief, role=role, password=PASSWORD)
    assert made.password is None
    assert made.totp_uri is not None
    assert made.totp_uri.startswith("otpauth://totp/Attendance:ines?secret=")
    with pytest.raises(SecondFactorNeeded):
        await bureau.accounts.login("ines", PASSWORD, None)
    await bureau.accounts.login("ines", PASSWORD, code_of(made.totp_uri))


async def test_who_needs_a_second_factor_and_has_none_can_t_sign_in(bureau: Bureau) -> None:
    await bureau.add("old", role=Role.INSPECTOR)
    for totp in (None, "000000"):
        answer = await refused(ErrorCode.UNAUTHENTICATED, bureau.accounts.login("old", PASSWORD, totp))
        assert not isinstance(answer, SecondFactorNeeded)


async def test_a_chosen_password_must_do(bureau: Bureau) -> None:
    assert await invalid("password", bureau.create(bureau.chief, password="password1234")) == "is a common password"
    problem = await invalid("password", bureau.create(bureau.chief, username="membrillo", password="membrillo-azul"))
    assert problem == "must not contain the username"


async def test_the_same_request_again_gives_the_same_account_without_its_secrets(bureau: Bureau) -> None:
    command = a_create(role="admin")
    first = await bureau.admin.create(bureau.chief, command)
    again = await bureau.admin.create(bureau.chief, msgspec.structs.replace(command, id=9))
    assert (again.re, again.account_id, again.password, again.totp_uri) == (9, first.account_id, None, None)
    assert await bureau.owner.fetchval("SELECT count(*) FROM accounts WHERE username = 'ines'") == 1


async def test_a_username_is_taken_whatever_its_case(bureau: Bureau) -> None:
    await bureau.create(bureau.chief)
    await refused(ErrorCode.CONFLICT, bureau.create(bureau.chief, username="INES"), "username")


async def test_two_at_once_who_want_a_username_get_it_once(bureau: Bureau) -> None:
    answers = await asyncio.gather(
        *(bureau.create(actor, username="solo") for actor in (bureau.chief, bureau.deputy)), return_exceptions=True
    )
    assert sum(isinstance(answer, Refused) for answer in answers) == 1


async def test_an_employees_account_is_somebodys(bureau: Bureau) -> None:
    await invalid("employee_id", bureau.create(bureau.chief, role="employee"))
    made = await bureau.create(bureau.chief, role="employee", employee_id=bureau.person(0), password=PASSWORD)
    row = await bureau.row(made.account_id)
    assert (row["site_ids"], row["department_ids"]) == ([], [])
    await invalid("scope", bureau.admin.update(bureau.chief, an_update(made.account_id, role="supervisor")))
    await bureau.admin.update(
        bureau.chief, an_update(made.account_id, role="supervisor", scope=AccountScope(site_ids=[bureau.site(1)]))
    )
    assert (await bureau.row(made.account_id))["site_ids"] == [bureau.site(1)]


async def test_who_becomes_an_employee_keeps_no_scope(bureau: Bureau) -> None:
    account = await bureau.add("ana")
    await invalid("employee_id", bureau.admin.update(bureau.chief, an_update(account.account_id, role="employee")))
    await bureau.admin.update(
        bureau.chief, an_update(account.account_id, role="employee", employee_id=bureau.person(1))
    )
    row = await bureau.row(account.account_id)
    assert (row["role"], row["site_ids"], row["employee_id"]) == ("employee", [], bureau.person(1))


@pytest.mark.parametrize(
    ("scope", "field"),
    [
        (AccountScope(), "scope.site_ids"),
        (AccountScope(department_ids=[]), "scope.site_ids"),
    ],
)
async def test_none_can_give_away_more_than_they_have(bureau: Bureau, scope: AccountScope, field: str) -> None:
    north = await north_admin(bureau)
    await invalid(field, bureau.create(north, scope=scope))
    ana = await bureau.add("ana", site_ids=[bureau.site(0)])
    await invalid(field, bureau.admin.update(north, an_update(ana.account_id, scope=scope)))
    await invalid(field, bureau.admin.update(north, an_update(north.account_id or uuid4(), scope=scope)))


async def test_a_department_s_administrator_gives_no_more_than_the_department(bureau: Bureau) -> None:
    own = bureau.department(0)
    narrow = await bureau.actor("narrow", Scope.of([bureau.site(0)], [own]))
    await invalid("scope.department_ids", bureau.create(narrow, scope=AccountScope(site_ids=[bureau.site(0)])))
    other = AccountScope(site_ids=[bureau.site(0)], department_ids=[bureau.department(0, 1)])
    await refused(ErrorCode.NOT_FOUND, bureau.create(narrow, scope=other))
    await bureau.create(narrow, scope=AccountScope(site_ids=[bureau.site(0)], department_ids=[own]))


async def test_places_and_people_outside_are_as_unknown_ones(bureau: Bureau) -> None:
    north = await north_admin(bureau)
    inside = AccountScope(site_ids=[bureau.site(0)])
    answers = [
        await refused(ErrorCode.NOT_FOUND, bureau.create(north, scope=AccountScope(site_ids=[bureau.site(0), site_id])))
        for site_id in (bureau.site(1), uuid4())
    ]
    answers += [
        await refused(
            ErrorCode.NOT_FOUND,
            bureau.create(north, scope=AccountScope(site_ids=[bureau.site(0)], department_ids=[department_id])),
        )
        for department_id in (bureau.department(1), uuid4())
    ]
    assert len({(str(answer), str(answer.details)) for answer in answers}) == 1
    people = [
        await refused(ErrorCode.NOT_FOUND, bureau.create(north, scope=inside, employee_id=employee_id))
        for employee_id in (bureau.person(1), uuid4())
    ]
    assert len({(str(answer), str(answer.details)) for answer in people}) == 1
    assert not await bureau.owner.fetchval("SELECT count(*) FROM accounts WHERE username = 'ines'")


async def test_accounts_wider_than_one_s_own_are_as_unknown_ones(bureau: Bureau) -> None:
    north = await north_admin(bureau)
    wider = [
        await bureau.add("south", site_ids=[bureau.site(1)]),
        await bureau.add("both", site_ids=[bureau.site(0), bureau.site(1)]),
        await bureau.add("all", site_ids=None),
        await bureau.add("eva", role=Role.EMPLOYEE, site_ids=[], department_ids=[], employee_id=bureau.person(1)),
        await bureau.add("guest", site_ids=[bureau.site(0)], employee_id=bureau.person(1)),
    ]
    answers = []
    for account_id in [*(account.account_id for account in wider), uuid4()]:
        enable = AccountEnable(id=1, request_key=uuid4(), account_id=account_id)
        answers += [
            await refused(ErrorCode.NOT_FOUND, bureau.admin.update(north, an_update(account_id, reset_password=True))),
            await refused(ErrorCode.NOT_FOUND, bureau.admin.disable(north, disable(account_id))),
            await refused(ErrorCode.NOT_FOUND, bureau.admin.enable(north, enable)),
        ]
    assert len({(str(answer), str(answer.details)) for answer in answers}) == 1
    own = await bureau.add("own", site_ids=[bureau.site(0)], department_ids=[bureau.department(0)])
    await bureau.admin.disable(north, disable(own.account_id))
    assert [entry["action"] for entry in await bureau.audited()] == ["account.disable"]


async def test_the_last_who_sees_everything_stays(bureau: Bureau) -> None:
    chief, deputy = bureau.chief.account_id, bureau.deputy.account_id
    assert chief is not None
    assert deputy is not None
    await bureau.actor("north", Scope.of([bureau.site(0)], None))
    await bureau.admin.disable(bureau.chief, disable(deputy))
    await refused(ErrorCode.CONFLICT, bureau.admin.disable(bureau.chief, disable(chief)), "account_id")
    narrower = AccountScope(site_ids=[bureau.site(0)])
    await refused(ErrorCode.CONFLICT, bureau.admin.update(bureau.chief, an_update(chief, role="inspector")), "role")
    await refused(ErrorCode.CONFLICT, bureau.admin.update(bureau.chief, an_update(chief, scope=narrower)), "scope")
    await bureau.admin.enable(bureau.chief, AccountEnable(id=1, request_key=uuid4(), account_id=deputy))
    await bureau.admin.disable(bureau.chief, disable(chief))


async def test_of_two_who_disable_each_other_at_once_one_stays(bureau: Bureau) -> None:
    for _ in range(5):
        chief, deputy = bureau.chief.account_id, bureau.deputy.account_id
        answers = await asyncio.gather(
            bureau.admin.disable(bureau.chief, disable(deputy)),
            bureau.admin.disable(bureau.deputy, disable(chief)),
            return_exceptions=True,
        )
        # The second finds themself the last one, or sent away where the first was done before they began.
        (no,) = [answer for answer in answers if isinstance(answer, Refused)]
        assert no.code in {ErrorCode.CONFLICT, ErrorCode.UNAUTHENTICATED}, answers
        assert await bureau.owner.fetchval("SELECT count(*) FROM accounts WHERE disabled_at IS NULL") == 1
        await bureau.owner.execute("UPDATE accounts SET disabled_at = NULL")
        await bureau.owner.execute("UPDATE refresh_families SET ended_at = NULL, end_reason = NULL")


async def test_disabling_ends_the_sessions_and_enabling_gives_none_back(bureau: Bureau) -> None:
    account = await bureau.add("ana")
    pair = await bureau.accounts.login("ana", PASSWORD, None)
    await bureau.admin.disable(bureau.chief, disable(account.account_id))
    assert await bureau.live(account.account_id) == set()
    await bureau.admin.enable(bureau.chief, AccountEnable(id=1, request_key=uuid4(), account_id=account.account_id))
    await refused(ErrorCode.UNAUTHENTICATED, bureau.accounts.refresh(pair.refresh_token))
    await bureau.accounts.login("ana", PASSWORD, None)


async def test_what_is_reset_is_new_and_ends_the_sessions(bureau: Bureau) -> None:
    account = await bureau.add("ana")
    await bureau.accounts.login("ana", PASSWORD, None)
    told = await bureau.admin.update(bureau.chief, an_update(account.account_id, reset_password=True, reset_totp=True))
    assert await bureau.live(account.account_id) == set()
    await refused(ErrorCode.UNAUTHENTICATED, bureau.accounts.login("ana", PASSWORD, None))
    await bureau.accounts.login("ana", told.password or "", code_of(told.totp_uri))


async def test_who_comes_to_need_a_second_factor_gets_it_and_signs_in_again(bureau: Bureau) -> None:
    account = await bureau.add("ana")
    await bureau.accounts.login("ana", PASSWORD, None)
    told = await bureau.admin.update(bureau.chief, an_update(account.account_id, role="inspector"))
    assert told.password is None
    assert await bureau.live(account.account_id) == set()
    await bureau.accounts.login("ana", PASSWORD, code_of(told.totp_uri))
    again = await bureau.admin.update(bureau.chief, an_update(account.account_id, role="admin"))
    assert again.totp_uri is None
    assert len(await bureau.live(account.account_id)) == 1


async def test_one_s_own_password_and_second_factor_are_not_reset_from_a_session_alone(bureau: Bureau) -> None:
    own = bureau.chief.account_id or uuid4()
    await invalid("account_id", bureau.admin.update(bureau.chief, an_update(own, reset_password=True)))
    await invalid("account_id", bureau.admin.update(bureau.chief, an_update(own, reset_totp=True)))


async def test_audits_tell_what_changed_and_no_secret(bureau: Bureau) -> None:
    made = await bureau.create(
        bureau.chief, role="inspector", scope=AccountScope(site_ids=[bureau.site(0)]), employee_id=bureau.person(0)
    )
    told = await bureau.admin.update(
        bureau.chief, an_update(made.account_id, scope=AccountScope(), reset_password=True, reset_totp=True)
    )
    created, updated = await bureau.audited()
    assert created["action"] == "account.create"
    assert created["subject"] == updated["subject"] == f"account:{made.account_id}"
    assert created["employee_id"] == bureau.person(0)
    assert (created["actor"], created["address"], created["request_id"]) == (
        bureau.chief.name, "203.0.113.7", "request",
    )  # fmt: skip
    assert json.loads(created["after"])["username"] == "ines"
    assert json.loads(updated["before"]) == {"site_ids": [str(bureau.site(0))]}
    assert json.loads(updated["after"]) == {"site_ids": None, "reset": ["password", "totp"]}
    kept = str(await bureau.audited()) + str(await bureau.owner.fetch("SELECT answer FROM request_keys"))
    row = await bureau.row(made.account_id)
    for secret in (made.password, told.password, row["password_hash"], "secret="):
        assert str(secret) not in kept


async def test_a_secret_is_typed_as_it_is_scanned(bureau: Bureau) -> None:
    secret = bureau.second_factor.new()
    uri = bureau.second_factor.uri("ana maría", secret)
    assert f"secret={spelled(secret)}&" in uri
    assert uri.startswith("otpauth://totp/Attendance:ana%20mar%C3%ADa?")
