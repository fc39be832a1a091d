"""A process full of light boards, and what it tells of them."""

import asyncio
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.contract.board import Board as ContractBoard
from tests.faults.light_boards import Board, Site, Tally

LINE_BYTES = 1 << 24


@dataclass
class Crowd:
    process: asyncio.subprocess.Process

    @classmethod
    async def begin(cls, urls: list[str], count: int, token_file: Path) -> "Crowd":
        """`count` boards that go to each of `urls` in turn; `line` tells when all show their first state."""
        arguments = ["-m", "tests.faults.light_boards", *urls, "--count", str(count), "--token-file", str(token_file)]
        process = await asyncio.create_subprocess_exec(
            sys.executable, *arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, limit=LINE_BYTES
        )
        return cls(process)

    async def line(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        told: dict[str, Any] = json.loads(await self.process.stdout.readline())
        return told

    async def report(self) -> dict[str, Any]:
        """What its boards went through since the last report, and what they show."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"report\n")
        return await self.line()

    async def end(self) -> None:
        """Its boards leave."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            await asyncio.wait_for(self.process.wait(), 30)
        except TimeoutError:
            self.process.kill()
            await self.process.wait()


def digest_of(fresh: ContractBoard) -> str:
    """What boards that show this report as theirs."""
    board = Board([], "", Tally())
    board.sites = {
        site_id: Site(site.epoch, site.offset, {key: person["status"] for key, person in site.people.items()})
        for site_id, site in fresh.sites.items()
    }
    return board.digest()
