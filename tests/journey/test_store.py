"""One suite for both stores: what the database in memory promises, the real PostgreSQL is asked for as well."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import asyncpg
import msgspec
import pytest

from protocol.commands import PunchRecord
from protocol.values import Captured, DeviceStatus, Kind, Outcome, Reason, Status
from server.rules.punches import PunchRules
from server.secrets.local import LocalSecrets, open_key_file
from server.services.attendance import Attendance
from server.services.batch import Settled, Submission
from server.services.directory import Directory
from server.services.person_seal import personal_of
from server.services.preparation import Preparation
from storage.errors import RowRefused, StorageConflict
from storage.models import Change, Counted, Employee, EmployeeRow, Journal, Presence, StoredPunch
from storage.postgres import Connection, Database
from storage.repositories import devices, people, presence, punches
from tests.builders import HIRED_AT, ADevice, Company, a_punch, badge_of, enrol, resigned
from tests.journey.memory_store import MemoryStore
from tests.journey.memory_tables import Tables
from tests.journey.network import as_any
from tests.journey.world import HUB_SETTINGS, a_small_company
from tests.postgres import MigratedCluster
from tests.server.services.desk import prepare

SECONDS: Final = 10
TEN: Final = datetime(2026, 11, 23, 10, tzinfo=UTC)
DUMPED: Final = {
    "device_journals": "device_id, log_id, last_seq, last_digest",
    "receipts": "device_id, log_id, seq, digest",
    "punches": "device_id, log_id, seq, punch_id, site_id, employee_id, outcome, reason, kind, occurred_at, captured,"
    " same_as, signed_text, signature, counted",
    "sealed_credentials": "device_id, log_id, seq, sealing_key_id, sealed",
    "unknown_badges": "device_id, punch_id",
    "audit": "actor, action, subject, details",
    "presence": "employee_id, status, since, at_site_id",
    "streams": "site_id, head",
    "stream_changes": 'site_id, "offset", employee_id, on_board, status, since, at_site_id',
    "devices": "device_id, log_id",
    "device_reports": "device_id, outbox_depth, oldest_unsent_at, version",
    "device_boots": "device_id, boot_id, hub_time, monotonic_ms",
}
Dump = dict[str, list[tuple[Any, ...]]]


@dataclass
class Books:
    """A store with a small company in it: two sites, four people, two terminals."""

    database: Database
    company: Company
    devices: list[ADevice]
    dump: Callable[[], Awaitable[Dump]]

    @property
    def device(self) -> ADevice:
        return self.devices[0]

    async def open_journal(self) -> None:
        async with self.database.connection() as connection:
            await punches.open_journals(connection, [(self.device.device_id, self.device.log_id)])

    async def insert(self, connection: Connection, *stored: StoredPunch, at: datetime | None = None) -> None:
        await punches.append_punches(connection, at or datetime.now(UTC), stored, {})

    def stored(self, seq: int, minutes: float = 0, **fields: Any) -> StoredPunch:  # noqa: ANN401 - of StoredPunch
        known: dict[str, Any] = {
            "recorded_at": TEN,
            "device_id": self.device.device_id,
            "log_id": self.device.log_id,
            "seq": seq,
            "punch_id": uuid4(),
            "site_id": self.device.site_id,
            "employee_id": self.company.employees[0].employee_id,
            "outcome": Outcome.RECORDED,
            "reason": None,
            "kind": Kind.IN,
            "occurred_at": TEN + timedelta(minutes=minutes),
            "captured": Captured.ONLINE,
            "same_as": None,
            "signed_text": f"text of {seq}",
            "signature": b"signature",
            "digest": bytes([seq]) * 32,
        }
        return StoredPunch(**known | fields)


async def in_memory(secrets: LocalSecrets) -> Books:
    store = MemoryStore(Tables(clock=lambda: datetime.now(UTC), epoch=uuid4()))
    database = Database(as_any(store.pool()), acquire_timeout_seconds=1)
    company, terminals = a_small_company()
    async with database.connection() as connection:
        await enrol(connection, secrets, company, terminals)

    async def dump() -> Dump:
        return {table: sorted(map(_plain, _rows(store.tables, table)), key=str) for table in DUMPED}

    return Books(database, company, terminals, dump)


def _rows(tables: Tables, name: str) -> list[tuple[Any, ...]]:
    """A table's rows in memory, as the columns of DUMPED name them: what its key doesn't hold, its row does."""
    wanted = [column.strip(' "') for column in DUMPED[name].split(",")]
    table = getattr(tables, name)
    if isinstance(table, list):
        return [tuple(row[column] for column in wanted) for row in table]
    rows = []
    for key, row in table.items():
        keys = list(key) if isinstance(key, tuple) else [key]
        if isinstance(row, tuple | int):
            rows.append((*keys, *(row if isinstance(row, tuple) else [row])))
        else:
            named = dict(zip(wanted, keys, strict=False)) | row.columns
            rows.append(tuple(named[column] for column in wanted))
    return rows


def _plain(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(msgspec.json.decode(cell) if isinstance(cell, str) and cell[:1] == "{" else cell for cell in row)


async def in_postgres(secrets: LocalSecrets, cluster: MigratedCluster, stack: AsyncExitStack) -> Books:
    dsns = await cluster.fresh()
    owner = await asyncpg.connect(dsns.migrator)
    stack.push_async_callback(owner.close)
    database = await Database.connect(dsns.hub_a, min_size=1, max_size=4)
    stack.push_async_callback(database.close)
    company, terminals = a_small_company()
    await enrol(owner, secrets, company, terminals)

    async def dump() -> Dump:
        found = {table: await owner.fetch(f"SELECT {columns} FROM {table}") for table, columns in DUMPED.items()}
        return {table: sorted((_plain(tuple(row)) for row in rows), key=str) for table, rows in found.items()}

    return Books(database, company, terminals, dump)


@pytest.fixture
def secrets(tmp_path: Path) -> LocalSecrets:
    return open_key_file(tmp_path / "keys.json")


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.integration)])
def cluster(request: pytest.FixtureRequest) -> MigratedCluster | None:
    """The real server, or None for the store in memory."""
    if request.param == "memory":
        return None
    server: MigratedCluster = request.getfixturevalue("migrated_cluster")
    return server


@pytest.fixture
async def books(cluster: MigratedCluster | None, secrets: LocalSecrets) -> AsyncIterator[Books]:
    async with AsyncExitStack() as stack:
        yield await in_memory(secrets) if cluster is None else await in_postgres(secrets, cluster, stack)


async def found(books: Books, seq: int) -> StoredPunch | None:
    key = (books.device.device_id, books.device.log_id, seq)
    async with books.database.connection() as connection:
        return (await punches.find_recorded(connection, [key])).get(key)


async def test_a_transaction_is_seen_by_others_from_its_commit_on(books: Books) -> None:
    async with books.database.transaction() as connection:
        await books.insert(connection, books.stored(1))
        assert await found(books, 1) is None
    assert (await found(books, 1)) is not None


async def test_a_transaction_that_fails_leaves_nothing(books: Books) -> None:
    before = await books.dump()

    async def fail() -> None:
        async with books.database.transaction() as connection:
            await books.insert(connection, books.stored(1))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await books.dump() == before


async def test_a_place_is_taken_once(books: Books) -> None:
    async with books.database.transaction() as connection:
        await books.insert(connection, books.stored(1))
    with pytest.raises(RowRefused):
        async with books.database.transaction() as connection:
            await books.insert(connection, books.stored(1, digest=b"other" * 6))
    assert (await found(books, 1) or books.stored(1)).digest == bytes([1]) * 32


async def test_a_locked_journal_is_waited_for_and_read_anew(books: Books) -> None:
    await books.open_journal()
    key = (books.device.device_id, books.device.log_id)
    order: list[str] = []

    async def another() -> Journal:
        async with books.database.transaction() as connection:
            (journal,) = (await punches.lock_journals(connection, [key])).values()
            order.append("the other has it")
            return journal

    async with books.database.transaction() as connection:
        await punches.lock_journals(connection, [key])
        waiting = asyncio.create_task(another())
        for _ in range(20):
            await asyncio.sleep(0.005)
        assert not waiting.done()
        await books.insert(connection, books.stored(7))
        order.append("commit")
    assert ((await waiting).last_seq, order) == (7, ["commit", "the other has it"])


async def test_locks_in_a_circle_give_one_of_the_two_a_conflict(books: Books) -> None:
    one, two = (person.employee_id for person in books.company.employees[:2])
    first_locks = asyncio.Barrier(2)

    async def lock(first: UUID, second: UUID) -> None:
        async with books.database.transaction() as connection:
            await presence.lock_presence(connection, [first])
            await first_locks.wait()
            await presence.lock_presence(connection, [second])

    async with asyncio.timeout(SECONDS):
        ends = await asyncio.gather(lock(one, two), lock(two, one), return_exceptions=True)
    assert [type(end) for end in ends if end is not None] == [StorageConflict]


async def test_rows_are_locked_in_the_order_of_their_ids(books: Books) -> None:
    """Whoever asks for several at once can't get into a circle, in whatever order they are named."""
    ids = [person.employee_id for person in books.company.employees]

    async def lock(names: list[UUID]) -> None:
        for _ in range(5):
            async with books.database.transaction() as connection:
                await presence.lock_presence(connection, names)
                await asyncio.sleep(0)

    async with asyncio.timeout(SECONDS):
        await asyncio.gather(lock(ids), lock(ids[::-1]), lock(ids[2:] + ids[:2]))


async def test_journals_are_opened_once_for_terminals_that_exist_and_headed_by_their_last_punch(books: Books) -> None:
    await books.open_journal()
    key = (books.device.device_id, books.device.log_id)
    rows = [books.stored(seq) for seq in (2, 3, 1)]
    async with books.database.transaction() as connection:
        await punches.lock_journals(connection, [key])
        await punches.append_punches(connection, TEN, rows, {key[0]: key[1]})
    await books.open_journal()
    async with books.database.connection() as connection:
        again = await devices.find_journal(connection, *key)
        assert again is not None
        assert (again.last_seq, again.last_digest, again.status) == (3, bytes([3]) * 32, DeviceStatus.ACTIVE)
        assert (await devices.find_device(connection, key[0]) or books.device.row).log_id == key[1]
        assert await devices.find_journal(connection, key[0], uuid4()) is None
        assert await punches.lock_journals(connection, [(key[0], uuid4())]) == {}
    with pytest.raises(RowRefused):
        async with books.database.connection() as connection:
            await punches.open_journals(connection, [(uuid4(), uuid4())])


async def test_histories_are_the_counted_punches_of_a_window_in_their_order(books: Books) -> None:
    one, two = (person.employee_id for person in books.company.employees[:2])
    rows = [
        books.stored(1, 30),
        books.stored(2, 10, kind=Kind.OUT),
        books.stored(3, 20, reason=Reason.DEBOUNCED, same_as=uuid4()),
        books.stored(4, 60),
        books.stored(5, 61),
        books.stored(6, 15, outcome=Outcome.HELD, reason=Reason.BADGE_UNKNOWN, employee_id=None, kind=None),
        books.stored(7, 5, employee_id=two),
        books.stored(8, 0),
        books.stored(9, -0.01),
    ]
    async with books.database.transaction() as connection:
        await books.insert(connection, *rows, at=TEN + timedelta(hours=1))
    async with books.database.transaction() as connection:
        await books.insert(connection, books.stored(10, 40), at=TEN)
    window = (TEN, TEN + timedelta(minutes=60))
    async with books.database.connection() as connection:
        found = await punches.histories(connection, {one: window, two: window}, TEN + timedelta(minutes=1))
    by_seq = {row.seq: Counted(row.occurred_at, row.kind, row.punch_id) for row in rows if row.occurred_at and row.kind}
    assert found == {one: [by_seq[seq] for seq in (8, 2, 1, 4)], two: [by_seq[7]]}


async def test_boards_and_streams_are_written_under_their_locks(books: Books) -> None:
    person, site = books.company.employees[0], books.company.sites[0]
    there = Presence(person.employee_id, Status.IN, TEN, site.site_id)
    changes = [Change(person.employee_id, True, Status.IN, TEN, site.site_id)] * 2
    async with books.database.transaction() as connection:
        epoch, heads = await presence.lock_streams(connection, [one.site_id for one in books.company.sites])
        assert set(heads.values()) == {0}
        assert heads.keys() == {one.site_id for one in books.company.sites}
        assert (await presence.lock_presence(connection, [person.employee_id]))[person.employee_id].since is None
        await presence.append_changes(connection, {site.site_id: (0, changes)}, TEN, [there])
    async with books.database.transaction() as connection:
        assert await presence.lock_streams(connection, [site.site_id]) == (epoch, {site.site_id: 2})
        assert await presence.lock_presence(connection, [person.employee_id, uuid4()]) == {person.employee_id: there}
    async with books.database.connection() as connection:
        at_work = await people.people_at_work(connection, [person.employee_id, uuid4()])
    assert {one: (row.site_id, row.at_site_id) for one, row in at_work.items()} == {
        person.employee_id: (person.site_id, site.site_id)
    }
    with pytest.raises(RowRefused):
        async with books.database.transaction() as connection:
            await presence.append_changes(connection, {site.site_id: (1, changes)}, TEN)
    nowhere = Presence(person.employee_id, Status.OUT, TEN, site.site_id)
    with pytest.raises(RowRefused):
        async with books.database.transaction() as connection:
            await presence.append_changes(connection, {}, TEN, [nowhere])


def _employee(secrets: LocalSecrets, row: EmployeeRow) -> Employee:
    name = personal_of(secrets, row.kept, row.clear_name).display_name
    return Employee(row.employee_id, row.employee_number, name, row.site_id, row.department_id, row.active, row.badges)


async def test_people_are_read_with_their_badges(books: Books, secrets: LocalSecrets) -> None:
    async with books.database.transaction(snapshot=True) as connection:
        rows = await people.employees(connection)
        assert {row.employee_id: _employee(secrets, row) for row in rows} == {
            row.employee_id: row for row in books.company.employees
        }
        assert sorted(row.site_id for row in await people.sites(connection)) == sorted(
            row.site_id for row in books.company.sites
        )
        assert len(await people.departments(connection)) == len(books.company.departments)
        mine = secrets.badge_hash(badge_of(books.company.employees[0]))
        holders = await people.badge_holders(connection, [mine, b"?" * 32])
    assert [(key, [holder.employee_id for holder in held], held[0].assigned_at) for key, held in holders.items()] == [
        (mine, [books.company.employees[0].employee_id], HIRED_AT)
    ]


async def test_terminals_reports_and_boots_are_kept(books: Books) -> None:
    one, two = (device.device_id for device in books.devices)
    boot = uuid4()
    async with books.database.connection() as connection:
        await devices.mark_welcomed(connection, one)
        await devices.keep_report(connection, one, outbox_depth=3, oldest_unsent_at=TEN, version="7")
        await devices.keep_report(connection, two, outbox_depth=0, oldest_unsent_at=None, version="7")
        await devices.keep_report(connection, two, outbox_depth=2, oldest_unsent_at=None, version="8")
        await devices.keep_boot_clock(connection, one, boot, hub_time=TEN, monotonic_ms=5)
        await devices.keep_boot_clock(connection, one, boot, hub_time=TEN + timedelta(seconds=1), monotonic_ms=1_005)
        clocks = await punches.boot_clocks(connection, [(one, boot), (two, boot)])
        found = await devices.find_devices(connection, [one, two, uuid4()])
    assert {key: (clock.hub_time, clock.monotonic_ms) for key, clock in clocks.items()} == {
        (one, boot): (TEN + timedelta(seconds=1), 1_005)
    }
    assert {device.device_id: device.public_key for device in found} == {
        device.device_id: device.row.public_key for device in books.devices
    }
    assert {row[0]: row[1:] for row in (await books.dump())["device_reports"]} == {
        one: (3, TEN, "7"),
        two: (2, None, "8"),
    }


def a_history(secrets: LocalSecrets, devices_: list[ADevice], company: Company) -> list[list[tuple[PunchRecord, int]]]:
    """Batches of (record, whose terminal): all that may happen to a journal, in one story."""
    here, there = devices_

    def punch(device: ADevice, badge: str, minutes: float, **more: Any) -> PunchRecord:  # noqa: ANN401 - as a_punch has it
        return a_punch(secrets, device, badge, at=TEN + timedelta(minutes=minutes), **more)

    ana, ben, cai, _ = map(badge_of, company.employees)
    first = [punch(here, ana, 0), punch(here, ben, 1), punch(there, cai, 2)]
    offline = [punch(here, "NOBODYS00", 3, captured=Captured.OFFLINE), punch(here, "?", 4), punch(here, ana, 5)]
    away = [punch(there, ana, 60), punch(there, ana, 60.5), punch(there, ben, 61, kind=Kind.BREAK_START)]
    undated = [punch(there, cai, 70, dated=False)]
    early = [punch(here, ana, -30), punch(here, ben, -20, kind=Kind.OUT)]
    lost = punch(here, ana, 100)
    ahead = punch(here, ana, 101)
    forked = msgspec.structs.replace(ahead, after_loss=True)
    other = resigned(here, first[0], device_time="2026-11-24T08:00:00.000000Z")
    assert lost.id == ahead.id - 1, "it is the gap in front of `ahead`"
    return [
        [(first[0], 0), (first[2], 1), (first[1], 0)],
        [(record, 0) for record in (first[0], *offline, first[1])],
        [(record, 1) for record in away] + [(record, 0) for record in early],
        [(other, 0), (undated[0], 1), (ahead, 0)],
        [(forked, 0), (away[1], 1)],
    ]


@pytest.mark.integration
async def test_the_same_history_leaves_the_same_rows_and_answers_in_both_stores(
    secrets: LocalSecrets, migrated_cluster: MigratedCluster
) -> None:
    """Through the real service: what the machine learns of it in memory is what PostgreSQL would have said."""
    _, terminals = a_small_company()
    story = a_history(secrets, terminals, a_small_company()[0])
    preparation = Preparation(
        secrets, badge_pattern=HUB_SETTINGS.badge_pattern, number_pattern=HUB_SETTINGS.number_pattern
    )
    ends: list[tuple[Dump, list[object]]] = []
    async with AsyncExitStack() as stack:
        for books in [await in_memory(secrets), await in_postgres(secrets, migrated_cluster, stack)]:
            directory = Directory(books.database, secrets)
            await directory.read(-1)
            attendance = Attendance(books.database, secrets, directory, PunchRules(), unknown_badge_minutes=15)
            answers: list[object] = []
            for batch in story:
                submissions = [
                    Submission(
                        prepare(preparation, record, terminals[number]),
                        None,
                        datetime.now(UTC),
                    )
                    for record, number in batch
                ]
                answers += [_said(answer) for answer in (await attendance.record(submissions)).answers]
            ends.append((await books.dump(), answers))
    (memory, said), (postgres, said_there) = ends
    assert said == said_there
    for table in DUMPED:
        assert memory[table] == postgres[table], table
    assert {answer[0] for answer in said if isinstance(answer, tuple)} >= {Outcome.RECORDED, Outcome.HELD, "conflict"}


def _said(answer: object) -> tuple[object, ...]:
    if isinstance(answer, Settled):
        punch = answer.punch
        return punch.outcome, punch.reason, punch.kind, punch.occurred_at, answer.duplicate, answer.worked_minutes
    return str(getattr(answer, "code", "")), getattr(answer, "details", None)
