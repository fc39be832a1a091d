"""Commands of a terminal: its punches, its clock, its reports."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from protocol.codec import encode
from protocol.commands import DeviceReport, PunchRecord, TimeSync
from protocol.errors import ErrorCode
from protocol.replies import DeviceReportResult, PunchedEmployee, PunchOutcome, TimeSyncResult
from protocol.values import DeviceStatus, Outcome, format_time, parse_time
from server.errors import Refused
from server.hub.caller import Kiosk
from server.hub.connection import Connection
from server.services.batch import Settled
from server.services.directory import Directory
from server.services.ingest import Result

DRAINING_RETRY_MS: Final = 1_000


async def record(connection: Connection, command: PunchRecord) -> None:
    """Hand a punch on; its answer comes after the commit, from the writer."""
    kiosk = _kiosk(connection)
    if kiosk.state.status is DeviceStatus.PENDING:
        raise Refused(ErrorCode.FORBIDDEN, "a pending device")
    context = connection.context
    if context.draining:
        raise Refused(ErrorCode.UNAVAILABLE, "draining", retry_after_ms=DRAINING_RETRY_MS)
    context.ingest.submit(
        command,
        device_id=kiosk.device_id,
        site_id=kiosk.state.site_id,
        public_key=kiosk.public_key,
        former_keys=kiosk.former_keys,
        received_at=context.clock(),
        respond=_responder(connection, command.id),
    )
    connection.in_flight.begin()


def _responder(connection: Connection, re: int) -> Callable[[Result], None]:
    def respond(result: Result) -> None:
        connection.in_flight.end()
        if isinstance(result, Settled):
            connection.outgoing.send(encode(outcome(re, result, connection.context.directory)))
        else:
            connection.refuse(result, re)

    return respond


def outcome(re: int, settled: Settled, directory: Directory) -> PunchOutcome:
    """The answer to a punch that stands in the record."""
    punch = settled.punch
    employee = None
    if punch.outcome is Outcome.RECORDED and punch.employee_id is not None:
        employee = PunchedEmployee(
            display_name=directory.name(punch.employee_id), worked_today_minutes=settled.worked_minutes or 0
        )
    return PunchOutcome(
        re=re,
        punch_id=punch.punch_id,
        outcome=punch.outcome,
        reason=punch.reason,
        kind=punch.kind,
        occurred_at=_time(punch.occurred_at),
        recorded_at=format_time(punch.recorded_at),
        duplicate=settled.duplicate,
        same_as=punch.same_as,
        employee=employee,
    )


async def sync(connection: Connection, command: TimeSync) -> TimeSyncResult:
    """Tell the hub's time, and keep what it says of the terminal's boot."""
    context = connection.context
    received_at = context.clock()
    await context.kiosks.synced(
        _kiosk(connection).device_id,
        command.boot_id,
        hub_time=received_at,
        monotonic_ms=command.monotonic_ms,
        device_time=parse_time(command.t0) if isinstance(command.t0, str) else None,
    )
    return TimeSyncResult(re=command.id, t0=command.t0, t1=format_time(received_at), t2=format_time(context.clock()))


async def report(connection: Connection, command: DeviceReport) -> DeviceReportResult:
    """Keep what a terminal says of itself, once its earlier punches are on the boards: `complete_to` builds on both."""
    await connection.in_flight.none()
    await connection.context.kiosks.report(
        _kiosk(connection).device_id,
        outbox_depth=command.outbox_depth,
        oldest_unsent_at=command.oldest_unsent_at,
        version=command.version,
    )
    return DeviceReportResult(re=command.id)


def _kiosk(connection: Connection) -> Kiosk:
    caller = connection.caller
    if not isinstance(caller, Kiosk):
        raise Refused(ErrorCode.FORBIDDEN, "not a kiosk")
    return caller


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else format_time(moment)
