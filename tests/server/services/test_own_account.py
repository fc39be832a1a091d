"""What people may do to their own account, on a real PostgreSQL: passwords, second factors, sessions."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from protocol.accounts import PasswordChange, SessionRevoke, TotpBegin, TotpConfirm, TotpRemove
from protocol.errors import ErrorCode, Invalid
from protocol.values import Role
from server.rules.permissions import Scope
from server.services.accounts import From, SecondFactorNeeded
from server.services.acts import Actor
from tests.server.services.bureau import LIMITS, PASSWORD, Bureau
from tests.server.services.test_account_admin import code_of, invalid, refused

pytestmark = pytest.mark.integration

NEW = "comían trigo en un trigal"


async def supervisor(bureau: Bureau) -> Actor:
    return await bureau.actor("ana", Scope.of([bureau.site(0)], None), role=Role.SUPERVISOR)


def change(current: str = PASSWORD, new: str = NEW) -> PasswordChange:
    return PasswordChange(id=1, request_key=uuid4(), current=current, new=new)


def begin(password: str = PASSWORD) -> TotpBegin:
    return TotpBegin(id=1, request_key=uuid4(), password=password)


def confirm(code: str) -> TotpConfirm:
    return TotpConfirm(id=1, request_key=uuid4(), code=code)


def remove(code: str, password: str = PASSWORD) -> TotpRemove:
    return TotpRemove(id=1, request_key=uuid4(), password=password, code=code)


async def with_second_factor(bureau: Bureau, actor: Actor) -> str:
    """Its URI; the code of now is spent."""
    uri = (await bureau.own.begin_totp(actor, begin())).totp_uri
    await bureau.own.confirm_totp(actor, confirm(code_of(uri)))
    assert uri is not None
    return uri


async def test_a_new_password_serves_and_ends_the_other_sessions(bureau: Bureau) -> None:
    ana = await supervisor(bureau)
    await bureau.accounts.login("ana", PASSWORD, None)
    assert ana.account_id is not None
    await bureau.own.change_password(ana, change())
    assert await bureau.live(ana.account_id) == {ana.session_id}
    await refused(ErrorCode.UNAUTHENTICATED, bureau.accounts.login("ana", PASSWORD, None))
    await bureau.accounts.login("ana", NEW, None)


async def test_a_password_is_changed_by_who_knows_it(bureau: Bureau) -> None:
    ana = await supervisor(bureau)
    assert await invalid("current", bureau.own.change_password(ana, change(current="another one"))) == "is wrong"
    assert await invalid("new", bureau.own.change_password(ana, change(new=PASSWORD))) == "is the one that you have"
    assert await invalid("new", bureau.own.change_password(ana, change(new="password1234"))) == "is a common password"
    assert await bureau.audited() == []
    await bureau.accounts.login("ana", PASSWORD, None)


async def test_the_same_change_again_is_answered_though_the_password_is_another_by_now(bureau: Bureau) -> None:
    ana = await supervisor(bureau)
    command = change()
    await bureau.own.change_password(ana, command)
    assert (await bureau.own.change_password(ana, msgspec.structs.replace(command, id=2))).re == 2
    assert [entry["action"] for entry in await bureau.audited()] == ["password.change"]


@pytest.mark.parametrize("what", ["password", "totp.begin", "totp.confirm", "totp.remove"])
async def test_wrong_ones_count_as_logins_do_and_a_login_as_they_do(bureau: Bureau, what: str) -> None:
    bureau.attempts._limits = replace(LIMITS, of_name_from_address=5)
    ana = await supervisor(bureau)
    await bureau.owner.execute(
        "UPDATE accounts SET totp_pending = $2 WHERE account_id = $1",
        ana.account_id, bureau.second_factor.encrypted(ana.account_id or uuid4(), bureau.second_factor.new()),
    )  # fmt: skip
    attempts: dict[str, Callable[[], Awaitable[object]]] = {
        "password": lambda: bureau.own.change_password(ana, change(current="wrong")),
        "totp.begin": lambda: bureau.own.begin_totp(ana, begin("wrong")),
        "totp.confirm": lambda: bureau.own.confirm_totp(ana, confirm("000000")),
        "totp.remove": lambda: bureau.own.remove_totp(ana, remove("000000", "wrong")),
    }
    await refused(ErrorCode.UNAUTHENTICATED, bureau.accounts.login("ana", "wrong", None, From(ana.address)))
    for _ in range(4):
        with pytest.raises(Invalid, match="is wrong"):
            await attempts[what]()
    throttled = await refused(ErrorCode.RATE_LIMITED, attempts[what]())
    assert (throttled.retry_after_ms or 0) > 0
    await refused(ErrorCode.RATE_LIMITED, bureau.accounts.login("ana", PASSWORD, None, From(ana.address)))


async def test_the_old_second_factor_serves_until_the_new_one_is_confirmed(bureau: Bureau) -> None:
    ana = await supervisor(bureau)
    old = await with_second_factor(bureau, ana)
    new = (await bureau.own.begin_totp(ana, begin())).totp_uri
    with pytest.raises(SecondFactorNeeded):
        await bureau.accounts.login("ana", PASSWORD, code_of(new, 1))
    await bureau.accounts.login("ana", PASSWORD, code_of(old, 1))
    await bureau.owner.execute("UPDATE accounts SET totp_last_step = NULL")
    await bureau.own.confirm_totp(ana, confirm(f" {code_of(new)[:3]} {code_of(new)[3:]} "))
    with pytest.raises(SecondFactorNeeded):
        await bureau.accounts.login("ana", PASSWORD, code_of(old, 1))
    await bureau.accounts.login("ana", PASSWORD, code_of(new, 1))


async def test_the_code_that_confirmed_it_is_spent(bureau: Bureau) -> None:
    ana = await supervisor(bureau)
    uri = (await bureau.own.begin_totp(ana, begin())).totp_uri
    code = code_of(uri)
    await bureau.own.confirm_totp(ana, confirm(code))
    with pytest.raises(SecondFactorNeeded):
        await bureau.accounts.login("ana", PASSWORD, code)


async def test_what_was_not_begun_can_t_be_confirmed(bureau: Bureau) -> None:
    ana = await supervisor(bureau)
    await refused(ErrorCode.CONFLICT, bureau.own.confirm_totp(ana, confirm("000000")), "code")
    await refused(ErrorCode.CONFLICT, bureau.own.remove_totp(ana, remove("000000")), "code")


async def test_a_second_factor_is_removed_with_password_and_code(bureau: Bureau) -> None:
    ana = await supervisor(bureau)
    uri = await with_second_factor(bureau, ana)
    await invalid("password", bureau.own.remove_totp(ana, remove(code_of(uri, 1), "wrong")))
    await invalid("code", bureau.own.remove_totp(ana, remove(code_of(uri))))
    await bureau.own.remove_totp(ana, remove(code_of(uri, 1)))
    await bureau.accounts.login("ana", PASSWORD, None)


async def test_whose_role_needs_a_second_factor_keeps_it(bureau: Bureau) -> None:
    uri = await with_second_factor(bureau, bureau.chief)
    await refused(ErrorCode.CONFLICT, bureau.own.remove_totp(bureau.chief, remove(code_of(uri, 1))), "role")


async def test_a_second_factor_opens_for_its_own_account_alone(bureau: Bureau) -> None:
    """A row's secret that is put into another's row is nothing."""
    ana = await supervisor(bureau)
    uri = await with_second_factor(bureau, ana)
    await bureau.owner.execute(
        "UPDATE accounts SET totp_secret = (SELECT totp_secret FROM accounts WHERE account_id = $1)"
        " WHERE account_id = $2",
        ana.account_id, bureau.chief.account_id,
    )  # fmt: skip
    with pytest.raises(Exception, match="does not open"):
        await bureau.accounts.login("chief", PASSWORD, code_of(uri, 1))


async def test_audits_and_kept_answers_hold_no_secret(bureau: Bureau) -> None:
    ana = await supervisor(bureau)
    uri = await with_second_factor(bureau, ana)
    await bureau.own.change_password(ana, change())
    await bureau.own.remove_totp(ana, remove(code_of(uri, 1), NEW))
    assert [entry["action"] for entry in await bureau.audited()] == [
        "totp.begin", "totp.confirm", "password.change", "totp.remove",
    ]  # fmt: skip
    kept = str(await bureau.audited()) + str(await bureau.owner.fetch("SELECT answer FROM request_keys"))
    for secret in (PASSWORD, NEW, "secret=", code_of(uri)):
        assert secret not in kept


async def test_sessions_are_listed_newest_first_page_by_page(bureau: Bureau) -> None:
    ana = await supervisor(bureau)
    for number in range(3):
        await bureau.accounts.login("ana", PASSWORD, None, From(f"198.51.100.{number}", f"Browser {number}"))
    seen: list[tuple[str | None, str | None]] = []
    after: Any = None
    while page := await bureau.sessions.list_live(ana, None, of_others=False, after=after, limit=2):
        seen += [(session.address, session.client) for session in page]
        after = (page[-1].created_at, page[-1].family_id)
    assert seen == [*[(f"198.51.100.{number}", f"Browser {number}") for number in (2, 1, 0)], (None, None)]


def revoke(session_id: Any) -> SessionRevoke:  # noqa: ANN401 - an id
    return SessionRevoke(id=1, request_key=uuid4(), session_id=session_id)


async def not_theirs(attempts: list[Awaitable[object]]) -> None:
    answers = [await refused(ErrorCode.NOT_FOUND, attempt) for attempt in attempts]
    assert len({(str(answer), str(answer.details)) for answer in answers}) == 1


async def test_sessions_of_others_are_an_administrators_as_far_as_it_sees(bureau: Bureau) -> None:
    ana = await supervisor(bureau)
    north = await bureau.actor("north", Scope.of([bureau.site(0)], None))
    listed = await bureau.sessions.list_live(north, ana.account_id, of_others=True, after=None, limit=9)
    assert [session.family_id for session in listed] == [ana.session_id]
    await not_theirs(
        [
            bureau.sessions.list_live(ana, north.account_id, of_others=False, after=None, limit=9),
            bureau.sessions.list_live(north, bureau.chief.account_id, of_others=True, after=None, limit=9),
            bureau.sessions.list_live(north, uuid4(), of_others=True, after=None, limit=9),
        ]
    )
    await not_theirs(
        [
            bureau.sessions.revoke(ana, revoke(north.session_id), of_others=False),
            bureau.sessions.revoke(north, revoke(bureau.chief.session_id), of_others=True),
            bureau.sessions.revoke(north, revoke(uuid4()), of_others=True),
        ]
    )
    ended = await bureau.sessions.revoke(north, revoke(ana.session_id), of_others=True)
    assert ended.account_id == ana.account_id
    assert await bureau.live(ana.account_id or uuid4()) == set()
    await refused(ErrorCode.NOT_FOUND, bureau.sessions.revoke(north, revoke(ana.session_id), of_others=True))
    [entry] = await bureau.audited()
    assert (entry["actor"], entry["action"]) == (north.name, "session.revoke")
    assert entry["subject"] == f"account:{ana.account_id}"


async def test_one_s_own_session_is_one_s_own_to_end(bureau: Bureau) -> None:
    ana = await supervisor(bureau)
    await bureau.sessions.revoke(ana, revoke(ana.session_id), of_others=False)
    assert await bureau.live(ana.account_id or uuid4()) == set()


async def test_a_password_that_is_changed_amid_a_login_lets_nobody_in(bureau: Bureau) -> None:
    """Whoever showed the old one a moment ago gets no session that outlives it."""
    ana = await supervisor(bureau)
    verify = bureau.accounts._hashes.verify

    async def verify_then_change(stored: str | None, secret: bytes) -> bool:
        right = await verify(stored, secret)
        bureau.accounts._hashes.verify = verify  # type: ignore[method-assign] # the change itself hashes as ever
        await bureau.own.change_password(ana, change())
        return right

    bureau.accounts._hashes.verify = verify_then_change  # type: ignore[method-assign] # amid the login
    await refused(ErrorCode.UNAUTHENTICATED, bureau.accounts.login("ana", PASSWORD, None))
    assert await bureau.live(ana.account_id or uuid4()) == {ana.session_id}
