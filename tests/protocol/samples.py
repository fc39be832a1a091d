"""One typed sample of everything that is said on the wire; `golden/` holds the bytes that each must be."""

from typing import Final
from uuid import UUID

from protocol import commands, events, replies
from protocol.base import Command, Message
from protocol.commands import Clock, Position, Punch
from protocol.errors import ErrorCode
from protocol.replies import (
    DepartmentItem,
    DeviceState,
    EmployeeItem,
    Limits,
    Person,
    PunchedEmployee,
    PunchItem,
    Scope,
    SealingKey,
    SilentDevice,
    SiteBoard,
)
from protocol.values import Captured, DeviceStatus, Kind, Outcome, Reason, Role, Status, to_binary
from tests.protocol import samples_accounts, samples_devices, samples_roster

SITE: Final = UUID("0190b7a0-0000-7000-8000-000000000001")
OTHER_SITE: Final = UUID("0190b7a0-0000-7000-8000-000000000002")
DEPARTMENT: Final = UUID("0190b7a0-0000-7000-8000-000000000011")
EMPLOYEE: Final = UUID("0190b7a0-0000-7000-8000-000000000021")
DEVICE: Final = UUID("0190b7a0-0000-7000-8000-000000000031")
LOG: Final = UUID("0190b7a0-0000-7000-8000-000000000041")
BOOT: Final = UUID("0190b7a0-0000-7000-8000-000000000051")
PUNCH: Final = UUID("0190b7a0-0000-7000-8000-000000000061")
EARLIER_PUNCH: Final = UUID("0190b7a0-0000-7000-8000-000000000062")
HUB: Final = UUID("0190b7a0-0000-7000-8000-000000000071")
SESSION: Final = UUID("0190b7a0-0000-7000-8000-000000000081")
EPOCH: Final = UUID("7f3c1a9e-0000-4000-8000-000000000091")
NOON: Final = "2026-11-24T12:00:00.000000Z"
LATER: Final = "2026-11-24T12:00:01.250000Z"
DIGEST: Final = to_binary(bytes(range(32)))
SIGNATURE: Final = to_binary(bytes(range(64)))
SILENT: Final = [SilentDevice(device_id=DEVICE, name="Puerta 2")]
PERSON: Final = Person(
    employee_id=EMPLOYEE,
    display_name='Íñigo "Nacho" Núñez',
    department_id=DEPARTMENT,
    status=Status.BREAK,
    since=NOON,
    at_site_id=SITE,
)
SEALING_KEYS: Final = [SealingKey(id="2026-11", public_key=DIGEST, not_after=LATER)]

A_PUNCH: Final = Punch(
    punch_id=PUNCH,
    device_id=DEVICE,
    log_id=LOG,
    seq=2,
    kind=Kind.AUTO,
    device_time=NOON,
    boot_id=BOOT,
    monotonic_ms=61_000,
    captured=Captured.OFFLINE,
    sealing_key_id="2026-11",
    sealed_sha256=DIGEST,
    previous=DIGEST,
    clock=Clock(hub_time=NOON, monotonic_ms=60_000, uncertainty_ms=12),
)

COMMANDS: Final[dict[str, Command]] = {
    "auth": commands.Auth(id=1, token="header.claims.signature", lang="es"),
    "auth.refresh": commands.AuthRefresh(id=2, token="header.claims.signature"),
    "punch.record": commands.PunchRecord(id=3, punch='{"seq":1}', signature=SIGNATURE, sealed=DIGEST, after_loss=True),
    "time.sync": commands.TimeSync(id=4, t0=NOON, boot_id=BOOT, monotonic_ms=9_007_199_254_740_991),
    "device.report": commands.DeviceReport(id=5, outbox_depth=3, version="0.1.0", oldest_unsent_at=NOON),
    "presence.watch": commands.PresenceWatch(
        id=6, site_ids=[SITE, OTHER_SITE], after={SITE: Position(epoch=EPOCH, offset=41)}
    ),
    "presence.unwatch": commands.PresenceUnwatch(id=7),
    "presence.history": commands.PresenceHistory(id=8, site_id=SITE, from_=NOON, until=LATER, step_minutes=5),
    "rollcall.get": commands.RollcallGet(id=9, site_id=SITE),
    "employee.list": commands.EmployeeList(
        id=10, limit=50, cursor="bGFzdA", site_id=SITE, department_id=DEPARTMENT, query="íñigo", active=True
    ),
    "employee.get": commands.EmployeeGet(id=11, employee_id=EMPLOYEE),
    "department.list": commands.DepartmentList(id=12),
    "punch.list": commands.PunchList(
        id=13,
        limit=500,
        site_id=SITE,
        employee_id=EMPLOYEE,
        device_id=DEVICE,
        from_=NOON,
        until=LATER,
        outcome=Outcome.HELD,
    ),
    "hub.status": commands.HubStatus(id=9_007_199_254_740_991),
    **samples_accounts.COMMANDS,
    **samples_devices.COMMANDS,
    **samples_roster.COMMANDS,
}

_DEVICE_STATE: Final = DeviceState(
    status=DeviceStatus.ACTIVE,
    site_id=SITE,
    site_name="Las Palmas",
    log_id=LOG,
    last_seq=2,
    last_digest=DIGEST,
    sealing_keys=SEALING_KEYS,
)

MESSAGES: Final[dict[str, Message]] = {
    "hello": events.Hello(hub_id=HUB, nonce=DIGEST, server_time=NOON),
    "device.state": events.DeviceStateChanged(
        status=DeviceStatus.PENDING,
        site_id=SITE,
        site_name="Las Palmas",
        log_id=None,
        last_seq=0,
        last_digest=None,
        sealing_keys=SEALING_KEYS,
    ),
    "presence.changed": events.PresenceChanged(
        site_id=SITE, epoch=EPOCH, from_=41, offset=43, people=[PERSON], removed=[EARLIER_PUNCH]
    ),
    "presence.head": events.PresenceHead(site_id=SITE, epoch=EPOCH, offset=43, complete_to=NOON, silent_devices=SILENT),
    "error": replies.Error(
        re=3,
        code=ErrorCode.OUT_OF_ORDER,
        message="Faltan fichajes anteriores.",
        retry=False,
        details={"expected_seq": 2},
    ),
    "error~malformed": replies.Error(
        re=None, code=ErrorCode.MALFORMED, message="The message could not be read.", retry=False
    ),
    "error~overloaded": replies.Error(
        re=3, code=ErrorCode.OVERLOADED, message="The hub is busy.", retry=True, retry_after_ms=1_000
    ),
    "welcome": replies.Welcome(
        re=1,
        session_id=SESSION,
        role=Role.SUPERVISOR,
        subject="0190b7a0-0000-7000-8000-0000000000a1",
        scope=Scope(site_ids=[SITE], department_ids=None),
        expires_at=LATER,
        limits=Limits(max_frame_bytes=65_535, max_in_flight=64, commands_per_second=20),
        server_time=NOON,
        device=None,
    ),
    "welcome~kiosk": replies.Welcome(
        re=1,
        session_id=SESSION,
        role=Role.KIOSK,
        subject=str(DEVICE),
        scope=Scope(site_ids=[SITE], department_ids=None),
        expires_at=None,
        limits=Limits(max_frame_bytes=65_535, max_in_flight=64, commands_per_second=20),
        server_time=NOON,
        device=_DEVICE_STATE,
    ),
    "auth.refresh.result": replies.AuthRefreshed(re=2, expires_at=LATER),
    "punch.outcome": replies.PunchOutcome(
        re=3,
        punch_id=PUNCH,
        outcome=Outcome.RECORDED,
        reason=Reason.DEBOUNCED,
        kind=Kind.BREAK_START,
        occurred_at=NOON,
        recorded_at=LATER,
        duplicate=True,
        same_as=EARLIER_PUNCH,
        employee=PunchedEmployee(display_name="Íñigo Núñez", worked_today_minutes=245),
    ),
    "punch.outcome~held": replies.PunchOutcome(
        re=3,
        punch_id=PUNCH,
        outcome=Outcome.HELD,
        reason=Reason.CLOCK_UNKNOWN,
        kind=None,
        occurred_at=None,
        recorded_at=LATER,
        duplicate=False,
        same_as=None,
        employee=None,
    ),
    "time.sync.result": replies.TimeSyncResult(re=4, t0=123_456, t1=NOON, t2=LATER),
    "device.report.result": replies.DeviceReportResult(re=5),
    "presence.state": replies.PresenceState(
        re=6,
        last=True,
        sites=[
            SiteBoard(
                site_id=SITE,
                name="Las Palmas",
                time_zone="Atlantic/Canary",
                epoch=EPOCH,
                offset=43,
                resumed=False,
                complete_to=None,
                silent_devices=SILENT,
                people=[PERSON],
            )
        ],
    ),
    "presence.unwatch.result": replies.PresenceUnwatched(re=7),
    "presence.history.result": replies.PresenceHistoryResult(
        re=8, site_id=SITE, from_=NOON, step_minutes=5, points=[(12, 3), (13, 2)]
    ),
    "rollcall.get.result": replies.RollcallResult(
        re=9, site_id=SITE, as_of=LATER, complete_to=NOON, silent_devices=[], inside=[PERSON]
    ),
    "employee.list.result": replies.EmployeeListResult(
        re=10,
        items=[
            EmployeeItem(
                employee_id=EMPLOYEE,
                employee_number="0042",
                display_name="Íñigo Núñez",
                site_id=SITE,
                department_id=DEPARTMENT,
                active=True,
                badges=2,
            )
        ],
        next_cursor="bmV4dA",
    ),
    "employee.get.result": replies.EmployeeGetResult(
        re=11,
        employee_id=EMPLOYEE,
        employee_number="0042",
        display_name="Íñigo Núñez",
        site_id=SITE,
        department_id=DEPARTMENT,
        active=False,
        badges=0,
        status=Status.OUT,
        since=None,
        at_site_id=None,
        national_id="12345678Z",
        contact="+34 600 000 000",
        notes=None,
    ),
    "department.list.result": replies.DepartmentListResult(
        re=12, items=[DepartmentItem(department_id=DEPARTMENT, site_id=SITE, name="Logística")], next_cursor=None
    ),
    "punch.list.result": replies.PunchListResult(
        re=13,
        items=[
            PunchItem(
                punch_id=PUNCH,
                device_id=DEVICE,
                site_id=SITE,
                log_id=LOG,
                seq=2,
                employee_id=None,
                display_name=None,
                kind=None,
                outcome=Outcome.REFUSED,
                reason=Reason.BADGE_UNKNOWN,
                occurred_at=NOON,
                recorded_at=LATER,
                captured=Captured.ONLINE,
            )
        ],
        next_cursor=None,
    ),
    "hub.status.result": replies.HubStatusResult(
        re=14,
        hub_id=HUB,
        version="0.1.0",
        started_at=NOON,
        connections={"kiosk": 6, "supervisor": 1},
        ingest_depth=0,
        postgres="ok",
        redis="unavailable",
        secrets="ok",
        draining=False,
    ),
    **samples_accounts.MESSAGES,
    **samples_devices.MESSAGES,
    **samples_roster.MESSAGES,
}
