"""What encryption costs a hub at its start: `python -m tests.benchmarks.directory [people …]` (10,000 and 100,000).

Each size is read twice, by a fresh process each: with names in the clear, as older databases had them, and encrypted.
Says seconds of wall clock and of CPU until the directory is read, and by how much the process grew.
"""

from __future__ import annotations

import asyncio
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final
from uuid import uuid4

import asyncpg

from server.secrets.local import open_key_file
from server.services.adoption import adopt_people
from server.services.directory import Directory
from storage.bootstrap import bootstrap
from storage.embedded import EmbeddedPostgres
from storage.migrate import migrate
from storage.models import Department, Employee, Site
from storage.postgres import Database
from storage.repositories import enrolment, people
from tests.builders import HIRED_AT

SIZES: Final = (10_000, 100_000)
_AT_ONCE: Final = 10_000


async def read(dsn: str, keys: Path) -> None:
    """In a process of its own: read the directory, and say what it took."""
    database = await Database.connect(dsn, min_size=1, max_size=1)
    directory = Directory(database, open_key_file(keys))
    async with database.connection() as connection:
        version = await people.directory_version(connection)
    grown, began, worked = _peak_kib(), time.perf_counter(), time.process_time()
    await directory.read(version)
    seconds, cpu = time.perf_counter() - began, time.process_time() - worked
    print(f"{len(directory.employees):>8,} people: {seconds:.2f} s, {cpu:.2f} s of CPU, "
          f"+{(_peak_kib() - grown) / 1_024:.0f} MiB at its highest")  # fmt: skip
    await database.close()


def _peak_kib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


async def measure(sizes: list[int]) -> None:
    with tempfile.TemporaryDirectory(prefix="attendance-bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # PostgreSQL may run as another user and must get through to its own folder
        postgres = EmbeddedPostgres(folder / "postgres", shared_buffers_mb=128)
        await postgres.start()
        try:
            dsns = await bootstrap(postgres.superuser_dsn, postgres.role_passwords())
            await migrate(dsns.migrator)
            keys, there = folder / "keys.json", 0
            secrets = open_key_file(keys)
            owner = await asyncpg.connect(dsns.migrator)
            database = await Database.connect(dsns.hub_a, min_size=1, max_size=1)
            site = Site(uuid4(), "Site", "Europe/Madrid")
            department = Department(uuid4(), site.site_id, "All")
            await enrolment.add_sites(owner, [site])
            await enrolment.add_departments(owner, [department])
            for size in sorted(sizes):
                await _fill(owner, site, department, there, size)
                print("in the clear ", end="", flush=True)
                await _child(dsns.hub_a, keys)
                began = time.perf_counter()
                adopted = await adopt_people(database, secrets)
                print(f"              {adopted:,} were encrypted in {time.perf_counter() - began:.1f} s")
                print("encrypted    ", end="", flush=True)
                await _child(dsns.hub_a, keys)
                there = size
            await database.close()
            await owner.close()
        finally:
            await postgres.stop()


async def _fill(
    owner: asyncpg.Connection[asyncpg.Record], site: Site, department: Department, there: int, size: int
) -> None:
    for start in range(there, size, _AT_ONCE):
        made = [
            Employee(uuid4(), str(number), "", site.site_id, department.department_id, active=True, badges=0)
            for number in range(start, min(size, start + _AT_ONCE))
        ]
        await enrolment.add_employees(owner, made, HIRED_AT)
    await owner.execute("DELETE FROM personal_data")
    await owner.execute("UPDATE employees SET display_name = 'María de los Ángeles Fernández ' || employee_number")


async def _child(dsn: str, keys: Path) -> None:
    # The login goes by the pipe: a command line is for everybody to read.
    await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "tests.benchmarks.directory", "--child"],
        input=f"{dsn}\n{keys}\n",
        text=True,
        check=True,
    )


if __name__ == "__main__":
    if sys.argv[1:] == ["--child"]:
        asyncio.run(read(input(), Path(input())))
    else:
        asyncio.run(measure([int(text) for text in sys.argv[1:]] or list(SIZES)))
