"""The attendance service on a real PostgreSQL, with an owner's hand on its tables and a second opinion in SQL."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

import asyncpg

from protocol.commands import PunchRecord
from protocol.values import Captured, Kind, Outcome, Reason, Status
from server.rules.punches import PunchRules
from server.secrets.local import LocalSecrets
from server.services.attendance import Attendance, Recorded
from server.services.batch import Answer, Settled, Submission
from server.services.directory import Directory
from server.services.pins import PinVerdict
from server.services.preparation import Preparation, Prepared
from storage.errors import StorageConflict
from storage.models import Change, Employee, SiteChanges, StoredPunch
from storage.postgres import Database
from storage.repositories import presence
from tests.builders import ADevice, Company, a_device, a_punch, badge_of, enrol

MINUTE: Final = timedelta(minutes=1)


def a_morning() -> datetime:
    """The last ten o'clock (UTC) that is over an hour ago: far from midnight at every site."""
    latest = datetime.now(UTC) - timedelta(hours=1)
    ten = latest.replace(hour=10, minute=0, second=0, microsecond=0)
    return ten if ten <= latest else ten - timedelta(days=1)


@dataclass
class Desk:
    """`attendance` as a hub has it; `journal` collects what it says changed."""

    database: Database
    owner: "asyncpg.Connection[asyncpg.Record]"
    secrets: LocalSecrets
    directory: Directory
    attendance: Attendance
    company: Company
    devices: list[ADevice]
    changes: list[SiteChanges] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)
    now: datetime = field(default_factory=a_morning)

    @property
    def device(self) -> ADevice:
        return self.devices[0]

    @property
    def ana(self) -> Employee:
        return self.company.employees[0]

    def punch(
        self,
        minutes: float = 0,
        *,
        who: Employee | None = None,
        device: ADevice | None = None,
        kind: Kind = Kind.AUTO,
        captured: Captured = Captured.ONLINE,
    ) -> PunchRecord:
        """The next punch of a device by a badge, `minutes` after ten in the morning."""
        badge = badge_of(who or self.ana)
        moment = self.now + minutes * MINUTE
        return a_punch(self.secrets, device or self.device, badge, kind=kind, at=moment, captured=captured)

    def submission(
        self, record: PunchRecord, device: ADevice | None = None, pin: PinVerdict | None = None
    ) -> Submission:
        device = device or self.device
        prepared = prepare(a_preparation(self.secrets), record, device)
        return Submission(prepared, pin, datetime.now(UTC))

    async def record(self, *records: PunchRecord, device: ADevice | None = None) -> list[Answer]:
        """Commit records of one device as one batch."""
        return (await self.commit([self.submission(record, device) for record in records])).answers

    async def settle(self, record: PunchRecord, device: ADevice | None = None) -> Settled:
        (answer,) = await self.record(record, device=device)
        assert isinstance(answer, Settled), answer
        return answer

    async def commit(self, submissions: Sequence[Submission], attendance: Attendance | None = None) -> Recorded:
        """As a writer does: again where the transaction had to give way."""
        while True:
            try:
                recorded = await (attendance or self.attendance).record(submissions)
            except StorageConflict as conflict:
                self.conflicts.append(str(conflict))
                await asyncio.sleep(0.005)
            else:
                self.changes += recorded.changes
                return recorded

    async def presence(self) -> dict[UUID, tuple[str, datetime | None, UUID | None]]:
        rows = await self.owner.fetch("SELECT employee_id, status, since, at_site_id FROM presence")
        return {row["employee_id"]: (row["status"], row["since"], row["at_site_id"]) for row in rows}

    async def derived_presence(self) -> dict[UUID, tuple[str, datetime | None, UUID | None]]:
        """Where the record alone puts everyone."""
        rows = await self.owner.fetch(
            """
            SELECT e.employee_id,
                   CASE last.kind WHEN 'in' THEN 'in' WHEN 'break_end' THEN 'in' WHEN 'break_start' THEN 'break'
                                  ELSE 'out' END,
                   last.occurred_at,
                   CASE WHEN last.kind <> 'out' THEN last.site_id END
            FROM employees e LEFT JOIN LATERAL (
                SELECT * FROM (
                    SELECT employee_id, kind, occurred_at, site_id, recorded_at, device_id, log_id, seq, outcome, reason
                    FROM punches
                    UNION ALL
                    SELECT employee_id, kind, occurred_at, site_id, resolved_at, device_id, log_id, seq, outcome, reason
                    FROM punch_resolutions
                ) AS p
                WHERE p.employee_id = e.employee_id AND outcome = 'recorded' AND reason IS DISTINCT FROM 'debounced'
                ORDER BY occurred_at DESC, recorded_at DESC, device_id DESC, log_id DESC, seq DESC LIMIT 1
            ) last ON true
            """
        )
        return {row[0]: (row[1], row[2], row[3]) for row in rows}

    async def check_streams(self) -> None:
        """Offsets without holes, heads at their ends; boards made of all changes are boards as they are read now."""
        for site in self.company.sites:
            head = await self.owner.fetchval("SELECT head FROM streams WHERE site_id = $1", site.site_id)
            rows = await self.owner.fetch(
                'SELECT "offset", employee_id, on_board, status, since, at_site_id FROM stream_changes'
                ' WHERE site_id = $1 ORDER BY "offset"',
                site.site_id,
            )
            assert [row["offset"] for row in rows] == list(range(1, head + 1))
            told = sorted((batch for batch in self.changes if batch.site_id == site.site_id), key=lambda b: b.after)
            assert [change for batch in told for change in batch.changes] == [
                Change(row["employee_id"], row["on_board"], Status(row["status"]), row["since"], row["at_site_id"])
                for row in rows
            ]
            board: dict[UUID, tuple[str, datetime | None, UUID | None]] = {
                person.employee_id: ("out", None, None) for person in self.company.people_of(site)
            }
            for row in rows:
                if row["on_board"]:
                    board[row["employee_id"]] = (row["status"], row["since"], row["at_site_id"])
                else:
                    board.pop(row["employee_id"], None)
            async with self.database.connection() as connection:
                fresh = await presence.board(connection, site.site_id)
            assert board == {person.employee_id: (person.status, person.since, person.at_site_id) for person in fresh}

    async def check_journals(self) -> None:
        """Each journal's head is its last receipt, and each receipt a punch."""
        assert not await self.owner.fetch(
            """
            SELECT FROM device_journals j
            JOIN (SELECT device_id, log_id, max(seq) AS seq FROM receipts GROUP BY 1, 2) r USING (device_id, log_id)
            JOIN receipts last USING (device_id, log_id, seq)
            WHERE (j.last_seq, j.last_digest) IS DISTINCT FROM (r.seq, last.digest)
            """
        )
        assert not await self.owner.fetch(
            """
            SELECT FROM receipts r
            FULL JOIN punches p USING (recorded_at, device_id, log_id, seq)
            WHERE r.digest IS NULL OR p.punch_id IS NULL
            """
        )


def said(punch: StoredPunch) -> tuple[Outcome, Reason | None, Kind | None]:
    return punch.outcome, punch.reason, punch.kind


def a_preparation(secrets: LocalSecrets) -> Preparation:
    return Preparation(secrets, badge_pattern=re.compile("[0-9A-Z]{8,20}"), number_pattern=re.compile("[0-9]{1,10}"))


def prepare(preparation: Preparation, record: PunchRecord, device: ADevice) -> Prepared:
    """One punch's way through the preparation, which takes many at once."""
    return preparation.open(preparation.check(record, device.device_id, device.row.public_key))


def an_attendance(database: Database, secrets: LocalSecrets, directory: Directory) -> Attendance:
    return Attendance(database, secrets, directory, PunchRules(), unknown_badge_minutes=15)


async def open_desk(
    database: Database,
    owner: "asyncpg.Connection[asyncpg.Record]",
    secrets: LocalSecrets,
    company: Company,
    *,
    devices_per_site: int,
) -> Desk:
    devices = [a_device(site) for site in company.sites for _ in range(devices_per_site)]
    await enrol(owner, secrets, company, devices)
    directory = Directory(database, secrets)
    await directory.read(2)
    return Desk(database, owner, secrets, directory, an_attendance(database, secrets, directory), company, devices)
