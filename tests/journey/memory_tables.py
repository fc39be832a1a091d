"""What each statement does to tables in memory; keyed by the statement's own text, so that none is done by mistake."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

import asyncpg

from storage.models import JournalKey, PunchKey
from storage.repositories import devices, enrolment, people, personal, presence, punches

JournalHead = tuple[int, bytes | None]
"""(last_seq, last_digest)"""
HISTORY_ORDER: Final = ("occurred_at", "recorded_at", "device_id", "log_id", "seq")


class Row:
    """A record: by name, by place, or unpacked."""

    def __init__(self, **columns: Any) -> None:  # noqa: ANN401 - any column's type
        self._columns = columns

    def __getitem__(self, key: str | int) -> Any:  # noqa: ANN401 - likewise
        return self._columns[key] if isinstance(key, str) else list(self._columns.values())[key]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._columns.values())

    def __len__(self) -> int:
        return len(self._columns)

    def __repr__(self) -> str:
        return f"Row({self._columns})"

    @property
    def columns(self) -> dict[str, Any]:
        return self._columns

    def changed(self, **columns: Any) -> "Row":  # noqa: ANN401 - likewise
        return Row(**self._columns | columns)


@dataclass
class Tables:
    """Rows by their keys. `clock` is the server's own."""

    clock: Callable[[], datetime]
    epoch: UUID
    sites: dict[UUID, Row] = field(default_factory=dict)
    departments: dict[UUID, Row] = field(default_factory=dict)
    employees: dict[UUID, Row] = field(default_factory=dict)
    badges: list[Row] = field(default_factory=list)
    devices: dict[UUID, Row] = field(default_factory=dict)
    device_reports: dict[UUID, Row] = field(default_factory=dict)
    device_boots: dict[tuple[UUID, UUID], Row] = field(default_factory=dict)
    device_journals: dict[JournalKey, JournalHead] = field(default_factory=dict)
    receipts: dict[PunchKey, Row] = field(default_factory=dict)
    punches: dict[PunchKey, Row] = field(default_factory=dict)
    sealed_credentials: dict[PunchKey, Row] = field(default_factory=dict)
    unknown_badges: dict[tuple[UUID, UUID], Row] = field(default_factory=dict)
    audit: list[Row] = field(default_factory=list)
    presence: dict[UUID, Row] = field(default_factory=dict)
    streams: dict[UUID, int] = field(default_factory=dict)
    stream_changes: dict[tuple[UUID, int], Row] = field(default_factory=dict)

    def copy(self) -> "Tables":
        alike = copy(self)
        for one in fields(self):
            if isinstance(value := getattr(self, one.name), dict | list):
                setattr(alike, one.name, value.copy())
        return alike


class Read(NamedTuple):
    """A statement that gives rows, and which rows it locks, in its order."""

    rows: Callable[..., list[Row]]
    locks: Callable[..., Iterable[tuple[object, ...]]] = lambda *_: ()


def _put(table: dict[Any, Any], key: object, row: object) -> None:
    if key in table:
        raise asyncpg.UniqueViolationError(f"{key} is there already")
    table[key] = row


# Journals and the record


def _open_journals(tables: Tables, device_ids: Sequence[UUID], log_ids: Sequence[UUID]) -> None:
    for key in zip(device_ids, log_ids, strict=True):
        if key[0] not in tables.devices:
            raise asyncpg.ForeignKeyViolationError("no such device")
        tables.device_journals.setdefault(key, (0, None))


def _journals_there(tables: Tables, device_ids: Sequence[UUID], log_ids: Sequence[UUID]) -> list[JournalKey]:
    return sorted(set(zip(device_ids, log_ids, strict=True)) & tables.device_journals.keys())


def _lock_journals(tables: Tables, device_ids: Sequence[UUID], log_ids: Sequence[UUID]) -> list[Row]:
    return [_journal(tables, key) for key in _journals_there(tables, device_ids, log_ids)]


def _journal(tables: Tables, key: JournalKey) -> Row:
    last_seq, last_digest = tables.device_journals[key]
    device = tables.devices[key[0]]
    return Row(
        device_id=key[0],
        log_id=key[1],
        last_seq=last_seq,
        last_digest=last_digest,
        site_id=device["site_id"],
        status=device["status"],
        revoked_at=device["revoked_at"],
        begun_last=device["log_id"],
    )


def _journal_locks(tables: Tables, device_ids: Sequence[UUID], log_ids: Sequence[UUID]) -> Iterator[tuple[object, ...]]:
    return (("device_journals", *key) for key in _journals_there(tables, device_ids, log_ids))


def _find_recorded(tables: Tables, *keys: Sequence[Any]) -> list[Row]:
    return [
        tables.punches[key].changed(digest=tables.receipts[key]["digest"])
        for key in zip(*keys, strict=True)
        if key in tables.receipts
    ]


_PUNCH_COLUMNS: Final = (
    "device_id", "log_id", "seq", "punch_id", "site_id", "employee_id", "outcome", "reason", "kind", "occurred_at",
    "captured", "same_as", "signed_text", "signature", "digest", "counted",
)  # fmt: skip


def _append_punches(tables: Tables, recorded_at: datetime, *arguments: Sequence[Any]) -> None:
    *columns, begun_by, begun = arguments
    heads: dict[JournalKey, tuple[int, bytes]] = {}
    for values in zip(*columns, strict=True):
        punch = dict(zip(_PUNCH_COLUMNS, values, strict=True))
        key = (punch["device_id"], punch["log_id"], punch["seq"])
        digest = punch.pop("digest")
        heads[key[:2]] = max(heads.get(key[:2], (0, b"")), (key[2], digest))
        _put(tables.receipts, key, Row(digest=digest, recorded_at=recorded_at))
        _put(tables.punches, key, Row(recorded_at=recorded_at, **punch))
    tables.device_journals.update({key: head for key, head in heads.items() if key in tables.device_journals})
    for device_id, log_id in zip(begun_by, begun, strict=True):
        tables.devices[device_id] = tables.devices[device_id].changed(log_id=log_id)


def _boot_clocks(tables: Tables, device_ids: Sequence[UUID], boot_ids: Sequence[UUID]) -> list[Row]:
    return [
        Row(device_id=key[0], boot_id=key[1], **tables.device_boots[key].columns)
        for key in set(zip(device_ids, boot_ids, strict=True)) & tables.device_boots.keys()
    ]


def _histories(
    tables: Tables,
    employee_ids: Sequence[UUID],
    since: Sequence[datetime],
    until: Sequence[datetime],
    recorded_from: datetime,
) -> list[Row]:
    windows = dict(zip(employee_ids, zip(since, until, strict=True), strict=True))
    found = [
        punch
        for punch in tables.punches.values()
        if punch["counted"] and punch["employee_id"] in windows and punch["recorded_at"] >= recorded_from
        and windows[punch["employee_id"]][0] <= punch["occurred_at"] <= windows[punch["employee_id"]][1]
    ]  # fmt: skip
    found.sort(key=lambda punch: (punch["employee_id"], *(punch[name] for name in HISTORY_ORDER)))
    return [
        Row(**{name: punch[name] for name in ("employee_id", "occurred_at", "kind", "punch_id")}) for punch in found
    ]


def _keep_sealed(tables: Tables, *columns: Sequence[Any]) -> None:
    for device_id, log_id, seq, key_id, sealed, waits_since in zip(*columns, strict=True):
        row = Row(sealing_key_id=key_id, sealed=sealed, waits_since=waits_since)
        _put(tables.sealed_credentials, (device_id, log_id, seq), row)


def _keep_unknown_badges(  # noqa: PLR0917 - likewise
    tables: Tables,
    device_ids: Sequence[UUID],
    punch_ids: Sequence[UUID],
    encrypted: Sequence[bytes],
    seen_at: datetime,
    expires_at: datetime,
) -> None:
    for device_id, punch_id, blob in zip(device_ids, punch_ids, encrypted, strict=True):
        row = Row(encrypted=blob, seen_at=seen_at, expires_at=expires_at)
        tables.unknown_badges.setdefault((device_id, punch_id), row)


def _audit_conflicts(tables: Tables, *columns: Sequence[Any]) -> None:
    for device_id, log_id, seq, punch_id in zip(*columns, strict=True):
        details = {"log_id": str(log_id), "seq": seq}
        tables.audit.append(
            Row(actor=f"device:{device_id}", action="punch.conflict", subject=str(punch_id), details=details)
        )


# Where people are


def _streams(tables: Tables, site_ids: Sequence[UUID]) -> list[Row]:
    return [
        Row(site_id=site_id, head=tables.streams[site_id], epoch=tables.epoch)
        for site_id in sorted(set(site_ids) & tables.streams.keys())
    ]


def _stream_locks(tables: Tables, site_ids: Sequence[UUID]) -> Iterator[tuple[object, ...]]:
    return (("streams", site_id) for site_id in sorted(set(site_ids) & tables.streams.keys()))


def _presence(tables: Tables, employee_ids: Sequence[UUID]) -> list[Row]:
    return [
        tables.presence[one].changed(
            site_id=tables.employees[one]["site_id"],
            deactivated_at=tables.employees[one]["deactivated_at"],
            absences=[],
        )
        for one in sorted(set(employee_ids) & tables.presence.keys())
    ]


def _presence_locks(tables: Tables, employee_ids: Sequence[UUID]) -> Iterator[tuple[object, ...]]:
    return (("presence", one) for one in sorted(set(employee_ids) & tables.presence.keys()))


def _write_changes(tables: Tables, *arguments: Any) -> None:  # noqa: ANN401 - fourteen columns, and the moment
    changes, heads, moved = arguments[:8], arguments[9:11], arguments[11:]
    for site_id, offset, *change in zip(*changes, strict=True):
        names = ("employee_id", "on_board", "status", "since", "at_site_id", "left_department_id")
        _put(tables.stream_changes, (site_id, offset), Row(**dict(zip(names, change, strict=True))))
    for site_id, head in zip(*heads, strict=True):
        tables.streams[site_id] = head
    for employee_id, status, since, at_site_id in zip(*moved, strict=True):
        if (status == "out") != (at_site_id is None):
            raise asyncpg.CheckViolationError("out is nowhere, and only out")
        tables.presence[employee_id] = Row(employee_id=employee_id, status=status, since=since, at_site_id=at_site_id)


# People and terminals


def _people_at_work(tables: Tables, employee_ids: Sequence[UUID]) -> list[Row]:
    return [
        Row(
            employee_id=one,
            site_id=tables.employees[one]["site_id"],
            deactivated_at=tables.employees[one]["deactivated_at"],
            at_site_id=tables.presence[one]["at_site_id"],
            absences=[],
        )
        for one in set(employee_ids) & tables.presence.keys()
    ]


def _badge_holders(tables: Tables, hashes: Sequence[bytes]) -> list[Row]:
    found = [badge for badge in tables.badges if badge["badge_hash"] in hashes]
    return sorted(found, key=lambda badge: (badge["badge_hash"], badge["assigned_at"]))


def _employees(tables: Tables) -> list[Row]:
    now = tables.clock()
    return [
        Row(
            employee_id=employee["employee_id"],
            employee_number=employee["employee_number"],
            display_name=None,
            site_id=employee["site_id"],
            department_id=employee["department_id"],
            active=employee["deactivated_at"] is None,
            badges=sum(
                badge["employee_id"] == employee["employee_id"]
                and badge["revoked_at"] is None
                and (badge["valid_until"] is None or badge["valid_until"] > now)
                for badge in tables.badges
            ),
            wrapped_key=employee["wrapped_key"],
            sealed=employee["sealed"],
        )
        for employee in tables.employees.values()
    ]


def _find_devices(tables: Tables, device_ids: Sequence[UUID]) -> list[Row]:
    return [tables.devices[one].changed(former_keys=[]) for one in device_ids if one in tables.devices]


def _find_journal(tables: Tables, device_id: UUID, log_id: UUID) -> list[Row]:
    return _lock_journals(tables, [device_id], [log_id])


_NO_REPORT: Final = Row(heard_at=None, complete_to=None, outbox_depth=None, oldest_unsent_at=None, version=None)


def _heard(tables: Tables, device_id: UUID, **columns: object) -> None:
    if device_id not in tables.devices:
        raise asyncpg.ForeignKeyViolationError("no such device")
    known = tables.device_reports.get(device_id, _NO_REPORT)
    tables.device_reports[device_id] = known.changed(heard_at=tables.clock(), **columns)


def _keep_report(tables: Tables, device_id: UUID, depth: int, oldest: datetime | None, version: str) -> None:
    now = tables.clock()
    complete_to = now if depth == 0 else min(oldest or now, now)
    _heard(tables, device_id, complete_to=complete_to, outbox_depth=depth, oldest_unsent_at=oldest, version=version)


def _keep_blind_report(tables: Tables, device_id: UUID, depth: int, version: str) -> None:
    _heard(tables, device_id, outbox_depth=depth, oldest_unsent_at=None, version=version)


def _keep_boot_clock(tables: Tables, device_id: UUID, boot_id: UUID, *measured: Any) -> None:  # noqa: ANN401 - mixed
    hub_time, monotonic_ms, _ = measured
    _heard(tables, device_id)
    tables.device_boots[device_id, boot_id] = Row(hub_time=hub_time, monotonic_ms=monotonic_ms)


def _mark_forked(
    tables: Tables, device_ids: Sequence[UUID], signs: Sequence[str], at: datetime, quiet_minutes: int
) -> None:
    for device_id, sign in zip(device_ids, signs, strict=True):
        before = tables.devices[device_id].columns.get("forked_at")
        tables.devices[device_id] = tables.devices[device_id].changed(forked_at=at)
        if before is None or before < at - timedelta(minutes=quiet_minutes):
            row = Row(
                actor="hub", action="device.forked", subject=str(device_id), details={}, after={"sign": str(sign)}
            )
            tables.audit.append(row)


# A company, as its owner writes it


def _add_sites(tables: Tables, *columns: Sequence[Any]) -> None:
    for site_id, name, time_zone in zip(*columns, strict=True):
        _put(tables.sites, site_id, Row(site_id=site_id, name=name, time_zone=time_zone))
        tables.streams[site_id] = 0


def _add_departments(tables: Tables, *columns: Sequence[Any]) -> None:
    for department_id, site_id, name in zip(*columns, strict=True):
        _put(tables.departments, department_id, Row(department_id=department_id, site_id=site_id, name=name))


def _add_employees(tables: Tables, *columns: Any) -> None:  # noqa: ANN401 - four columns, and the day
    names = ("employee_id", "employee_number", "site_id", "department_id")
    for values in zip(*columns[:-1], strict=True):
        _put(tables.employees, values[0], Row(**dict(zip(names, values, strict=True)), deactivated_at=None))
        tables.presence[values[0]] = Row(employee_id=values[0], status="out", since=None, at_site_id=None)


def _keep_personal(tables: Tables, *columns: Sequence[Any]) -> None:
    for employee_id, wrapped_key, sealed in zip(*columns, strict=True):
        tables.employees[employee_id] = tables.employees[employee_id].changed(wrapped_key=wrapped_key, sealed=sealed)


def _assign_badges(
    tables: Tables, hashes: Sequence[bytes], employee_ids: Sequence[UUID], assigned_at: datetime
) -> None:
    for badge_hash, employee_id in zip(hashes, employee_ids, strict=True):
        badge = Row(
            badge_hash=badge_hash, employee_id=employee_id, assigned_at=assigned_at, valid_until=None, revoked_at=None
        )
        tables.badges.append(badge)


def _add_devices(tables: Tables, *columns: Sequence[Any]) -> None:
    for device_id, site_id, name, public_key, status in zip(*columns, strict=True):
        row = Row(
            device_id=device_id,
            site_id=site_id,
            name=name,
            public_key=public_key,
            status=status,
            revoked_at=None,
            log_id=None,
        )
        _put(tables.devices, device_id, row)


READS: Final[Mapping[str, Read]] = {
    punches.LOCK_JOURNALS: Read(_lock_journals, _journal_locks),
    punches.FIND_RECORDED: Read(_find_recorded),
    punches.BOOT_CLOCKS: Read(_boot_clocks),
    punches.HISTORIES: Read(_histories),
    presence.LOCK_STREAMS: Read(_streams, _stream_locks),
    presence.LOCK_PRESENCE: Read(_presence, _presence_locks),
    presence.COMMIT_CLOCK: Read(lambda tables: [Row(now=tables.clock())]),
    people.PEOPLE_AT_WORK: Read(_people_at_work),
    people.BADGE_HOLDERS: Read(_badge_holders),
    people.SITES: Read(lambda tables: list(tables.sites.values())),
    people.DEPARTMENTS: Read(lambda tables: list(tables.departments.values())),
    people.EMPLOYEES: Read(_employees),
    people.TEMPORARY_BADGES: Read(lambda _: []),
    devices.FIND_DEVICE: Read(lambda tables, one: _find_devices(tables, [one])),
    devices.FIND_DEVICES: Read(_find_devices),
    devices.FIND_JOURNAL: Read(_find_journal),
}
WRITES: Final[Mapping[str, Callable[..., None]]] = {
    punches.OPEN_JOURNALS: _open_journals,
    punches.APPEND_PUNCHES: _append_punches,
    punches.KEEP_SEALED: _keep_sealed,
    punches.KEEP_UNKNOWN_BADGES: _keep_unknown_badges,
    punches.AUDIT_CONFLICTS: _audit_conflicts,
    presence.WRITE_CHANGES: _write_changes,
    enrolment.ADD_SITES: _add_sites,
    enrolment.ADD_DEPARTMENTS: _add_departments,
    enrolment.ADD_EMPLOYEES: _add_employees,
    personal.KEEP: _keep_personal,
    enrolment.ASSIGN_BADGES: _assign_badges,
    enrolment.ADD_DEVICES: _add_devices,
    devices.WELCOMED: _heard,
    devices.KEEP_REPORT: _keep_report,
    devices.KEEP_BLIND_REPORT: _keep_blind_report,
    devices.KEEP_BOOT_CLOCK: _keep_boot_clock,
    devices.MARK_FORKED: _mark_forked,
}
