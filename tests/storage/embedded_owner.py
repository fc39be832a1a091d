"""A process that owns embedded servers, to be killed or run as another user: `embedded_owner.py FOLDER [UID]`.

It prints one JSON line with what it has started, then waits for its standard input to end.
"""

import asyncio
import json
import os
import sys
import tempfile
from pathlib import Path

import asyncpg

from storage.embedded import EmbeddedPostgres, EmbeddedServerError, EmbeddedValkey


async def rehearse() -> None:
    """Start, use and end both servers once: what they import late is imported then."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with EmbeddedPostgres(folder / "postgres") as postgres, EmbeddedValkey(folder / "valkey"):
            await (await asyncpg.connect(postgres.superuser_dsn)).close()


async def own(folder: Path) -> None:
    try:
        async with EmbeddedPostgres(folder / "postgres") as postgres, EmbeddedValkey(folder / "valkey") as valkey:
            connection = await asyncpg.connect(postgres.superuser_dsn)
            await connection.execute("CREATE TABLE IF NOT EXISTS starts (at timestamptz DEFAULT clock_timestamp())")
            await connection.execute("INSERT INTO starts DEFAULT VALUES")
            starts = await connection.fetchval("SELECT count(*) FROM starts")
            await connection.close()
            started = {"pids": [postgres.pid, valkey.pid], "starts": starts, "uid": os.geteuid()}
            print(json.dumps(started), flush=True)
            await asyncio.to_thread(sys.stdin.read)
    except EmbeddedServerError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    if len(sys.argv) > 2:
        # The interpreter may lie below a private folder of root's, where the other user could import nothing.
        asyncio.run(rehearse())
        uid = int(sys.argv[2])
        os.setgroups([])
        os.setgid(uid)
        os.setuid(uid)
    asyncio.run(own(Path(sys.argv[1])))
