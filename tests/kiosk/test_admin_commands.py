"""What is typed, and what the hub is asked for it."""

from __future__ import annotations

import io
from typing import Any, get_args
from uuid import UUID

import pytest

from kiosk.admin.faults import AdminFault, CommandRefused, Exit, NotFound, SecretLost, UsageFault
from kiosk.admin.words import Words
from protocol.accounts import (
    AccountCommand,
    AccountCreated,
    AccountDisabled,
    AccountEnabled,
    AccountItem,
    AccountListResult,
    AccountScope,
    AccountUpdated,
    AuditItem,
    AuditListResult,
    PasswordChanged,
    SessionItem,
    SessionListResult,
    SessionRevoke,
    SessionRevoked,
    TotpBegun,
    TotpConfirmed,
    TotpRemoved,
)
from protocol.devices import (
    DeviceCommand,
    DeviceConfirmed,
    DeviceInvited,
    DeviceItem,
    DeviceListResult,
    DeviceMoved,
    DeviceRetired,
    DeviceRevoke,
    DeviceRevoked,
)
from protocol.errors import ErrorCode
from protocol.replies import (
    EmployeeGetResult,
    EmployeeListResult,
    Error,
    Person,
    PresenceState,
    PresenceUnwatched,
    RollcallResult,
)
from protocol.roster import (
    BadgeAssign,
    BadgeAssigned,
    BadgeItem,
    BadgeLastUnknownResult,
    BadgeListResult,
    BadgeRevoke,
    BadgeRevoked,
    DepartmentCreated,
    DepartmentUpdated,
    EmployeeCreated,
    EmployeeDeactivate,
    EmployeeDeactivated,
    EmployeeErased,
    EmployeeImported,
    EmployeeRehired,
    EmployeeUpdated,
    PinIsReset,
    PinIsSet,
    RosterCommand,
    SiteCreated,
    SiteUpdated,
)
from protocol.values import DeviceStatus, Language, Role, Status
from tests.kiosk.admin_desk import ALMACEN, KEY, LUCIA, NOON, NORTE, OFICINA, SUR, Answer, ScriptedHub, Typed, lucia

DEVICE, ACCOUNT, SESSION, BADGE = (UUID(int=number) for number in (0xE1, 0xE2, 0xE3, 0xE4))
MADE = UUID(int=0xF1)
FINGERPRINT = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ"
CODE = "7K3M-Q0ZD-4VXR-9H2T"
URI = "otpauth://totp/attendance:ana?secret=JBSWY3DPEHPK3PXP&issuer=attendance"


def terminal(**changes: Any) -> DeviceItem:  # noqa: ANN401 - the fields of DeviceItem
    members: dict[str, Any] = {
        "device_id": DEVICE,
        "site_id": NORTE,
        "name": "Entrada",
        "status": DeviceStatus.PENDING,
        "retired": False,
        "fingerprint": FINGERPRINT,
        "created_at": NOON,
        "confirmed_at": None,
        "welcomed_at": None,
        "revoked_at": None,
        "forked_at": None,
        "heard_at": None,
        "silent": False,
        "complete_to": None,
        "outbox_depth": None,
        "oldest_unsent_at": None,
        "clock_offset_ms": None,
        "version": None,
    }
    return DeviceItem(**(members | changes))


def account(**changes: Any) -> AccountItem:  # noqa: ANN401 - the fields of AccountItem
    members: dict[str, Any] = {
        "account_id": ACCOUNT,
        "username": "ana",
        "role": Role.SUPERVISOR,
        "site_ids": [NORTE],
        "department_ids": None,
        "employee_id": None,
        "totp": False,
        "created_at": NOON,
        "disabled_at": None,
    }
    return AccountItem(**(members | changes))


def session(number: int, *, current: bool = False) -> SessionItem:
    return SessionItem(
        session_id=UUID(int=number),
        account_id=ACCOUNT,
        username="ana",
        began_at=NOON,
        renewed_at=NOON,
        expires_at=NOON,
        address="192.0.2.7",
        client="native",
        current=current,
    )


def badge(badge_id: UUID, revoked_at: str | None = None) -> BadgeItem:
    return BadgeItem(badge_id=badge_id, assigned_at=NOON, valid_until=None, revoked_at=revoked_at, revoked_reason=None)


SCRIPT: dict[str, Answer] = {
    "employee.create": EmployeeCreated(re=1, employee_id=MADE),
    "employee.update": EmployeeUpdated(re=1),
    "employee.deactivate": EmployeeDeactivated(re=1),
    "employee.rehire": EmployeeRehired(re=1),
    "employee.erase": EmployeeErased(re=1, state="requested"),
    "employee.import": EmployeeImported(re=1, done=True, created=1, updated=0, unchanged=0, faults=0, lines=[]),
    "employee.get": EmployeeGetResult(
        re=1,
        employee_id=LUCIA,
        employee_number="1042",
        display_name="Lucía Fernández Ortega",
        site_id=NORTE,
        department_id=ALMACEN,
        active=True,
        badges=1,
        status=Status.IN,
        since=NOON,
        at_site_id=NORTE,
    ),
    "badge.list": BadgeListResult(re=1, items=[badge(BADGE), badge(MADE, NOON)], next_cursor=None),
    "badge.assign": BadgeAssigned(re=1, badge_id=BADGE),
    "badge.revoke": BadgeRevoked(re=1),
    "badge.last_unknown": BadgeLastUnknownResult(re=1, badge="04A1B2", punch_id=MADE, seen_at=NOON),
    "pin.set": PinIsSet(re=1, pin="831207"),
    "pin.reset": PinIsReset(re=1),
    "site.create": SiteCreated(re=1, site_id=MADE),
    "site.update": SiteUpdated(re=1),
    "department.create": DepartmentCreated(re=1, department_id=MADE),
    "department.update": DepartmentUpdated(re=1),
    "device.invite": DeviceInvited(re=1, pairing_code=CODE, expires_at=NOON),
    "device.list": DeviceListResult(re=1, items=[terminal()], next_cursor=None),
    "device.confirm": DeviceConfirmed(re=1),
    "device.move": DeviceMoved(re=1),
    "device.retire": DeviceRetired(re=1),
    "device.revoke": DeviceRevoked(re=1),
    "account.list": AccountListResult(re=1, items=[account()], next_cursor=None),
    "account.create": AccountCreated(re=1, account_id=MADE, password="made by the hub", totp_uri=URI),
    "account.update": AccountUpdated(re=1, password="made by the hub", totp_uri=URI),
    "account.disable": AccountDisabled(re=1),
    "account.enable": AccountEnabled(re=1),
    "password.change": PasswordChanged(re=1),
    "session.list": SessionListResult(re=1, items=[session(1, current=True), session(2)], next_cursor=None),
    "session.revoke": SessionRevoked(re=1),
    "totp.begin": TotpBegun(re=1, totp_uri=URI),
    "totp.confirm": TotpConfirmed(re=1),
    "totp.remove": TotpRemoved(re=1),
    "audit.list": AuditListResult(re=1, items=[], next_cursor=None),
}
CASES: list[tuple[str, list[str], str, dict[str, Any]]] = [
    # what is typed, what is answered at prompts, the command that goes out, its members
    (
        "employee create 2001|Iván Ruiz|--site|planta s|--department|almacén",
        [],
        "employee.create",
        {"employee_number": "2001", "display_name": "Iván Ruiz", "site_id": SUR, "department_id": OFICINA},
    ),
    (
        "employee update 1042|--name|Lucía F.|--department|Almacén",
        [],
        "employee.update",
        {"employee_id": LUCIA, "display_name": "Lucía F.", "site_id": None, "department_id": ALMACEN},
    ),
    ("employee deactivate 1042", ["y"], "employee.deactivate", {"employee_id": LUCIA}),
    ("employee erase 1042", ["y"], "employee.erase", {"employee_id": LUCIA}),
    ("employee rehire 1042", [], "employee.rehire", {"employee_id": LUCIA}),
    ("employee import /dev/null|--map|Nº=employee_number", [], "employee.import", {"part": 0, "last": True, "csv": ""}),
    ("badge list 1042", [], "badge.list", {"employee_id": LUCIA}),
    ("badge assign 1042", ["04FF"], "badge.assign", {"employee_id": LUCIA, "badge": "04FF", "reassign": False}),
    ("badge assign 1042|--last-unknown|Entrada", [], "badge.assign", {"employee_id": LUCIA, "badge": "04A1B2"}),
    (f"badge revoke {BADGE}|--yes", [], "badge.revoke", {"badge_id": BADGE, "reason": "lost"}),
    ("badge revoke 1042|--returned|--yes", [], "badge.revoke", {"badge_id": BADGE, "reason": "returned"}),
    ("badge last-unknown entrada", [], "badge.last_unknown", {"device_id": DEVICE}),
    ("pin set 1042", ["123789", "123789"], "pin.set", {"employee_id": LUCIA, "pin": "123789"}),
    ("pin set 1042|--generate", [], "pin.set", {"employee_id": LUCIA, "pin": None}),
    ("pin reset 1042", [], "pin.reset", {"employee_id": LUCIA}),
    ("site list", [], "site.list", {}),
    (
        "site create Oeste|--time-zone|Atlantic/Canary",
        [],
        "site.create",
        {"name": "Oeste", "time_zone": "Atlantic/Canary"},
    ),
    ("site update planta n|--name|Norte", [], "site.update", {"site_id": NORTE, "name": "Norte", "time_zone": None}),
    ("department create Taller|--site|Planta Sur", [], "department.create", {"site_id": SUR, "name": "Taller"}),
    (
        "department update Almacén|--site|Planta Sur|--name|Depósito",
        [],
        "department.update",
        {"department_id": OFICINA, "name": "Depósito"},
    ),
    ("device invite Muelle|--site|Planta Sur", [], "device.invite", {"site_id": SUR, "name": "Muelle"}),
    (
        "device list --site|Planta Sur|--status|active|--query|m",
        [],
        "device.list",
        {"site_id": SUR, "status": DeviceStatus.ACTIVE, "query": "m"},
    ),
    ("device confirm Entrada", ["y"], "device.confirm", {"device_id": DEVICE, "fingerprint": FINGERPRINT}),
    ("device confirm Entrada|--fingerprint|abcd efgh", [], "device.confirm", {"fingerprint": "abcdefgh"}),
    ("device move Entrada|Planta Sur", [], "device.move", {"device_id": DEVICE, "site_id": SUR}),
    (
        "device retire Entrada|--lost-at|2026-11-24T08:00+01:00|--yes",
        [],
        "device.retire",
        {"device_id": DEVICE, "lost_at": "2026-11-24T07:00:00.000000Z"},
    ),
    (f"device revoke {DEVICE}|--yes", [], "device.revoke", {"device_id": DEVICE}),
    ("account list --role|admin", [], "account.list", {"role": "admin"}),
    (
        "account create eva|--role|supervisor|--site|Planta Sur|--department|Almacén",
        [],
        "account.create",
        {
            "username": "eva",
            "role": "supervisor",
            "scope": AccountScope(site_ids=[SUR], department_ids=[OFICINA]),
            "password": None,
        },
    ),
    (
        "account create eva|--role|employee|--employee|1042|--ask-password",
        ["correct horse", "correct horse"],
        "account.create",
        {"password": "correct horse", "employee_id": LUCIA, "scope": AccountScope()},
    ),
    ("account update ana|--everywhere", [], "account.update", {"account_id": ACCOUNT, "scope": AccountScope()}),
    ("account update ana|--reset-totp", [], "account.update", {"scope": None, "reset_totp": True}),
    ("account disable ana|--yes", [], "account.disable", {"account_id": ACCOUNT}),
    ("account enable ana", [], "account.enable", {"account_id": ACCOUNT}),
    ("password change", ["old", "new one", "new one"], "password.change", {"current": "old", "new": "new one"}),
    ("session list --account|ana", [], "session.list", {"account_id": ACCOUNT}),
    (f"session revoke {SESSION}", [], "session.revoke", {"session_id": SESSION}),
    ("totp begin", ["secret"], "totp.begin", {"password": "secret"}),
    ("totp confirm", ["123456"], "totp.confirm", {"code": "123456"}),
    ("totp remove", ["secret", "123456"], "totp.remove", {"password": "secret", "code": "123456"}),
    (
        "audit list --actor|ana|--employee|1042|--action|pin.set|--from|2026-11-24T00:00Z",
        [],
        "audit.list",
        {"actor_id": ACCOUNT, "employee_id": LUCIA, "action": "pin.set", "from_": "2026-11-24T00:00:00.000000Z"},
    ),
]


def typed(
    line: str,
    *,
    answers: list[str] | None = None,
    script: dict[str, Answer] | None = None,
    out: io.StringIO | None = None,
    lang: str = "en",
) -> Typed:
    """`noun verb argument|argument…`."""
    noun, verb, *rest = line.split(" ", 2)
    arguments = rest[0].split("|") if rest else []
    return Typed(noun, verb, *arguments, hub=a_hub(script), answers=answers or (), out=out, lang=lang)


def a_hub(script: dict[str, Answer] | None = None) -> ScriptedHub:
    return ScriptedHub(SCRIPT | (script or {}))


@pytest.mark.parametrize(("line", "answers", "command", "members"), CASES, ids=[case[0] for case in CASES])
async def test_what_is_typed_becomes_a_command(
    line: str, answers: list[str], command: str, members: dict[str, Any]
) -> None:
    run = typed(line, answers=answers)
    await run.run()
    sent = [each for each in run.hub.asked if each.__struct_config__.tag == command][-1]
    assert {name: getattr(sent, name) for name in members} == members
    assert getattr(sent, "request_key", KEY) == KEY or command == "session.revoke"
    assert run.prompts.answers == [], "every question was asked"


def test_no_command_of_administration_is_left_out() -> None:
    kiosks_own = {"device.rotate_key"}
    families = [each for union in (RosterCommand, DeviceCommand, AccountCommand) for each in get_args(union)]
    family = {str(each.__struct_config__.tag) for each in families}
    assert {command for _, _, command, _ in CASES} == family - kiosks_own


@pytest.mark.parametrize(
    "line",
    [
        "employee deactivate 1042",
        "badge assign 1042|--reassign|--badge-stdin",
        f"badge revoke {BADGE}",
        "device retire Entrada",
        "device revoke Entrada",
        "account disable ana",
        "session revoke --all",
    ],
)
async def test_what_can_not_be_undone_wants_a_yes(line: str) -> None:
    scripted = typed(line)
    with pytest.raises(UsageFault, match="--yes"):
        await scripted.run()
    assert scripted.hub.asked == [], "without a terminal nothing is even asked of the hub"

    answers = ["04FF", "no"] if line.startswith("badge assign") else ["no"]
    declined = typed(line, answers=answers)
    with pytest.raises(AdminFault, match="nothing was done") as raised:
        await declined.run()
    assert raised.value.exit_code == Exit.REFUSED
    assert not any(hasattr(command, "request_key") for command in declined.hub.asked)


async def test_a_question_names_the_person_even_where_an_id_was_typed() -> None:
    run = typed(f"employee deactivate {LUCIA}", answers=["y"])
    await run.run()
    assert "1042, Lucía Fernández Ortega" in run.prompts.asked[0]
    assert run.hub.sent(EmployeeDeactivate)


async def test_a_reassigned_badge_goes_with_a_yes() -> None:
    run = typed("badge assign 1042|--reassign|--yes|--badge-stdin", answers=["04FF"])
    await run.run()
    assert [(each.badge, each.reassign) for each in run.hub.sent(BadgeAssign)] == [("04FF", True)]


async def test_the_words_that_mean_yes_are_those_of_the_language() -> None:
    run = typed("device revoke Entrada", answers=["s"], lang="es")
    assert "revocado: Entrada" in await run.run()
    english_yes = typed("device revoke Entrada", answers=["y"], lang="es")
    with pytest.raises(AdminFault):
        await english_yes.run()
    assert not english_yes.hub.sent(DeviceRevoke)


async def test_two_entries_that_differ_set_nothing() -> None:
    run = typed("pin set 1042", answers=["123789", "123788"])
    with pytest.raises(UsageFault, match="differ"):
        await run.run()
    assert run.hub.asked == []


async def test_all_sessions_end_but_the_one_that_asks_each_by_a_key_of_its_own() -> None:
    script: dict[str, Answer] = {
        "session.list": SessionListResult(
            re=1, items=[session(1, current=True), session(2), session(3)], next_cursor=None
        )
    }
    first, again = (typed("session revoke --all|--yes", script=script) for _ in range(2))
    for run in (first, again):
        await run.run()
        assert [each.session_id.int for each in run.hub.sent(SessionRevoke)] == [2, 3]
    keys, keys_again = ([each.request_key for each in run.hub.sent(SessionRevoke)] for run in (first, again))
    assert keys == keys_again, "the same command line asks for the same acts"
    assert len(set(keys)) == 2


async def test_the_request_key_can_be_given() -> None:
    given = UUID(int=77)
    run = typed(f"employee rehire 1042|--request-key|{given}")
    await run.run()
    assert run.hub.asked[-1].request_key == given


@pytest.mark.parametrize(
    ("line", "missing"),
    [
        ("badge revoke 9999|--yes", "9999"),
        ("employee rehire 104", "104"),
        ("device move Salida|Planta Sur", "Salida"),
        ("device move Entrada|Planta", "Planta"),
        ("department update Almacén|--name|x", "several"),
        ("department update Oficina|--name|x", "Oficina"),
        ("account enable eva", "eva"),
    ],
)
async def test_a_name_that_stands_for_nothing_or_for_several_is_not_guessed(line: str, missing: str) -> None:
    with pytest.raises(NotFound, match=missing) as raised:
        await typed(line).run()
    assert raised.value.exit_code == Exit.NOT_FOUND


async def test_of_two_terminals_of_a_name_the_one_in_use_is_meant() -> None:
    old = terminal(device_id=MADE, retired=True)
    run = typed(
        "device revoke Entrada|--yes",
        script={"device.list": DeviceListResult(re=1, items=[old, terminal()], next_cursor=None)},
    )
    await run.run()
    assert [each.device_id for each in run.hub.sent(DeviceRevoke)] == [DEVICE]
    twins = DeviceListResult(re=1, items=[terminal(device_id=MADE), terminal()], next_cursor=None)
    with pytest.raises(NotFound, match=str(MADE)):
        await typed("device revoke Entrada|--yes", script={"device.list": twins}).run()


async def test_someone_with_two_badges_has_no_badge_that_goes_without_saying() -> None:
    two = BadgeListResult(re=1, items=[badge(BADGE), badge(MADE)], next_cursor=None)
    run = typed("badge revoke 1042|--yes", script={"badge.list": two})
    with pytest.raises(NotFound, match="2 badges"):
        await run.run()
    assert not run.hub.sent(BadgeRevoke)


@pytest.mark.parametrize(
    ("code", "exit_code"),
    [
        (ErrorCode.NOT_FOUND, Exit.NOT_FOUND),
        (ErrorCode.CONFLICT, Exit.CONFLICT),
        (ErrorCode.FORBIDDEN, Exit.REFUSED),
        (ErrorCode.RATE_LIMITED, Exit.TRY_LATER),
    ],
)
async def test_scripts_can_tell_why_the_hub_refused(code: ErrorCode, exit_code: Exit) -> None:
    run = typed("pin reset 1042", script={"pin.reset": code})
    with pytest.raises(CommandRefused) as raised:
        await run.run()
    assert raised.value.exit_code == exit_code
    assert (str(KEY) in run.notes.getvalue()) is code.retry, "what may be done later is to be done once"


@pytest.mark.parametrize(
    ("code", "field", "told"),
    [
        (ErrorCode.INVALID, "pin", "invalid: un PIN tiene de 6 a 12 cifras y no puede ser fácil de adivinar"),
        (ErrorCode.CONFLICT, "badge", "conflict: esta tarjeta es de otra persona"),
        (ErrorCode.CONFLICT, "pin", "conflict: No vale. (pin)"),
        (ErrorCode.INVALID, None, "invalid: No vale."),
    ],
)
def test_a_field_with_a_known_fault_is_told_what_is_wrong_and_another_by_its_name(
    code: ErrorCode, field: str | None, told: str
) -> None:
    error = Error(re=1, code=code, message="No vale.", retry=False, details={"field": field} if field else None)
    assert CommandRefused(error).said(Words(Language.ES)) == told


class Terminal(io.StringIO):
    """A screen that shows block characters."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


async def test_a_secret_is_printed_once_and_drawn_only_for_people() -> None:
    on_screen = await typed("device invite Muelle|--site|Planta Sur", out=Terminal()).run()
    assert on_screen.count(CODE) == 1
    assert "▀" in on_screen
    assert "▀" not in await typed("device invite Muelle|--site|Planta Sur").run(), "a pipe gets no picture"
    script = await typed("device invite Muelle|--site|Planta Sur|--json", out=Terminal()).run()
    assert (script.count(CODE), script.count("\n")) == (1, 1)
    factor = await typed("totp begin", answers=["secret"], out=Terminal()).run()
    assert factor.count(URI) == 1
    assert "▀" in factor


@pytest.mark.parametrize(
    ("line", "answers", "lost"),
    [
        (
            "device invite Muelle|--site|Planta Sur",
            [],
            {"device.invite": DeviceInvited(re=1, pairing_code=None, expires_at=NOON)},
        ),
        ("pin set 1042|--generate", [], {"pin.set": PinIsSet(re=1, pin=None)}),
        ("totp begin", ["secret"], {"totp.begin": TotpBegun(re=1, totp_uri=None)}),
        (
            "account create eva|--role|admin|--everywhere",
            [],
            {"account.create": AccountCreated(re=1, account_id=MADE, password=None, totp_uri=None)},
        ),
    ],
)
async def test_a_secret_whose_answer_got_lost_is_said_to_be_lost(
    line: str, answers: list[str], lost: dict[str, Answer]
) -> None:
    with pytest.raises(SecretLost) as raised:
        await typed(line, answers=answers, script=lost).run()
    assert raised.value.exit_code == Exit.SECRET_LOST


async def test_an_account_is_given_the_whole_company_only_in_so_many_words() -> None:
    with pytest.raises(UsageFault, match="--everywhere"):
        await typed("account create eva|--role|supervisor").run()


async def test_a_second_factor_that_no_hub_made_is_missed_only_where_an_answer_may_have_been_lost() -> None:
    told: dict[str, Answer] = {
        "account.create": AccountCreated(re=1, account_id=MADE, password="made by the hub", totp_uri=None)
    }
    assert "made by the hub" in await typed("account create eva|--role|admin|--everywhere", script=told).run()
    with pytest.raises(SecretLost, match="second factor"):
        await typed(f"account create eva|--role|admin|--everywhere|--request-key|{KEY}", script=told).run()


async def test_a_second_factor_that_the_hub_makes_unasked_is_shown() -> None:
    assert URI in await typed("account update ana|--everywhere").run()
    nothing: dict[str, Answer] = {"account.update": AccountUpdated(re=1, password=None, totp_uri=None)}
    assert await typed("account update ana|--everywhere", script=nothing).run() == "changed: ana\n"


async def test_the_audit_tells_what_changed_with_the_names_of_places() -> None:
    act = AuditItem(
        audit_id=MADE,
        at=NOON,
        actor=f"account:{ACCOUNT}",
        actor_name="ana",
        action="employee.update",
        subject=f"employee:{LUCIA}",
        employee_id=LUCIA,
        before={"display_name": "Lucía", "site_id": str(NORTE), "active": True, "until": None},
        after={
            "display_name": "Luz\x1b[2J",
            "site_id": str(SUR),
            "active": True,
            "until": None,
            "department_ids": None,
        },
        address="192.0.2.7",
        request_id=None,
    )
    script: dict[str, Answer] = {"audit.list": AuditListResult(re=1, items=[act], next_cursor=None)}
    line = (await typed("audit list", script=script).run()).splitlines()[1]
    assert "display_name: Lucía → Luz, site_id: Planta Norte → Planta Sur  " in line
    assert "active" not in line


async def test_tables_bear_names_beside_ids_and_nothing_that_steers_a_terminal() -> None:
    nasty = "Ana\x1b]52;c;aGk=\x07\u202e\x9b31m\nLópez"
    people = EmployeeListResult(re=1, items=[lucia(display_name=nasty)], next_cursor=None)
    table = await typed("employee list", script={"employee.list": people}).run()
    assert "Planta Norte" in table
    assert "Almacén" in table
    assert str(LUCIA) in table
    assert all(sign.isprintable() for sign in table.replace("\n", ""))
    assert len(table.splitlines()) == 2


async def test_who_may_not_list_sites_reads_ids() -> None:
    """An inspector's names of sites come from the boards, departments stay ids."""
    script: dict[str, Answer] = {
        "site.list": ErrorCode.FORBIDDEN,
        "department.list": ErrorCode.FORBIDDEN,
        "presence.watch": PresenceState(re=1, last=True, sites=[]),
        "presence.unwatch": PresenceUnwatched(re=1),
    }
    table = await typed("employee list", script=script).run()
    assert str(NORTE) in table
    assert str(ALMACEN) in table


async def test_a_roll_call_lists_who_is_inside_by_name() -> None:
    inside = [
        Person(
            employee_id=UUID(int=number),
            display_name=name,
            department_id=ALMACEN,
            status=status,
            since=NOON,
            at_site_id=NORTE,
        )
        for number, (name, status) in enumerate((("Zoe", Status.IN), ("Ana", Status.BREAK)))
    ]
    found = RollcallResult(re=1, site_id=NORTE, as_of=NOON, complete_to=None, silent_devices=[], inside=inside)
    run = Typed("rollcall", "planta n", hub=a_hub({"rollcall.get": found}), lang="es")
    first, second, _, ana, zoe = (await run.run()).splitlines()
    assert first == "Planta Norte: 2 dentro a las 2026-11-24 13:00:00+01:00"
    assert second == "completo hasta –"
    assert ana.split()[:3] == ["◐", "pausa", "Ana"]
    assert zoe.split()[:3] == ["●", "dentro", "Zoe"]


async def test_a_person_is_told_in_spanish() -> None:
    said = await typed("employee get 1042", lang="es").run()
    assert "● dentro" in said
    assert "en alta" in said
    assert "departamento  Almacén" in said
