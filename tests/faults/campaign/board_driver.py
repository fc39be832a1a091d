"""Supervisors' boards at every hub, in one process: `board_driver.py CONFIG.json`.

Each board stays at its own hub as long as that lives, looks for another one when it dies, and resumes from where it
was. What it was told goes into its history object by object, and on request what it shows. This program and all that
it imports share nothing with the product.

Standard input: `view LABEL` writes what every board shows into its history, `stop` (or its end) ends the program.
Standard output: a line of JSON for each `view`, and every quarter of a second.
"""

import asyncio
import json
import random
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp

from tests.contract.board import Board
from tests.contract.demo_file import Account, DemoFile
from tests.contract.primitives import Message
from tests.contract.tokens import login
from tests.faults.campaign.history import History

SUBPROTOCOL: Final = "attendance.v1"
SAY_SECONDS: Final = 0.25
OPEN_SECONDS: Final = 3.0
SILENCE_SECONDS: Final = 12.0
"""Heads come every 5 s; without anything for so long the line counts as dead."""
AWAY_SECONDS: Final = 2.0
"""A board that had to go to another hub comes back to its own after so long, and resumes there."""


class LineLost(Exception):
    """The connection is gone, or as good as."""


def compact(people: list[Message]) -> list[list[Any]]:
    return [[one["employee_id"], one["status"], one["since"], one["at_site_id"]] for one in people]


@dataclass
class WatchingBoard:
    name: str
    account: Account
    ws_urls: list[str]
    history: History
    dice: random.Random
    token: str = ""
    board: Board = field(default_factory=Board)
    connections: int = 0
    online: bool = False
    pushes: int = 0
    _last_id: int = 1
    _waiting: list[dict[str, Any]] = field(default_factory=list)
    _parts: dict[str, dict[str, Any]] = field(default_factory=dict)

    async def run(self) -> None:
        attempt = 0
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            while True:
                # At its own hub first, at another one when that one doesn't answer.
                url = self.ws_urls[attempt % len(self.ws_urls)]
                try:
                    await self._watch(session, url)
                except (aiohttp.ClientError, OSError, LineLost, TimeoutError):
                    await asyncio.sleep(self.dice.uniform(0, 0.2))
                attempt = 0 if self.online else attempt + 1
                self.online = False
                # The parts of a state that broke off belong to no other.
                self.board._arriving.clear()
                self._parts.clear()

    async def _watch(self, session: aiohttp.ClientSession, url: str) -> None:
        async with asyncio.timeout(OPEN_SECONDS):
            socket = await session.ws_connect(url, protocols=(SUBPROTOCOL,), max_msg_size=1 << 21)
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                await self._receive(socket)  # hello
                await socket.send_json({"type": "auth", "id": 1, "token": self.token, "lang": "en"})
                [welcome, *_] = await self._receive(socket)
            if welcome["type"] != "welcome":
                raise LineLost(str(welcome))
            self.connections += 1
            self._last_id = 1
            await self._ask(socket)
            home_at = asyncio.get_running_loop().time() + AWAY_SECONDS
            while url == self.ws_urls[0] or asyncio.get_running_loop().time() < home_at:
                async with asyncio.timeout(SILENCE_SECONDS):
                    messages = await self._receive(socket)
                for message in messages:
                    self._take(message)
                if self.board.stale:
                    await self._ask(socket)
        finally:
            await asyncio.shield(asyncio.ensure_future(_closed(socket)))

    async def _receive(self, socket: aiohttp.ClientWebSocketResponse[Any]) -> list[Message]:
        frame = await socket.receive()
        if frame.type is not aiohttp.WSMsgType.TEXT:
            raise LineLost(f"{frame.type} {socket.close_code}")
        messages: list[Message] = json.loads(frame.data)
        return messages

    async def _ask(self, socket: aiohttp.ClientWebSocketResponse[Any]) -> None:
        self._last_id += 1
        after = self.board.after() or None
        self.board.stale = {}
        await socket.send_json({"type": "presence.watch", "id": self._last_id, "site_ids": None, "after": after})

    def _take(self, message: Message) -> None:
        match message["type"]:
            case "presence.state":
                self._take_state(message)
            case "presence.changed":
                self.pushes += 1
                line = {name: message[name] for name in ("site_id", "epoch", "from", "offset", "removed")}
                self._note({"did": "change", **line, "people": compact(message["people"])})
            case "presence.head":
                self._note({"did": "head", **{name: message[name] for name in ("site_id", "epoch", "offset")}})
            case "error":
                self._note({"did": "error", "code": message["code"]})
                raise LineLost(str(message))
            case _:
                return
        self.board.take(message)
        if message["type"] == "presence.state" and message["last"]:
            self.online = True

    def _take_state(self, message: Message) -> None:
        """A site may come in several parts; it is noted whole, once the last part is here."""
        for part in message["sites"]:
            line = {name: part[name] for name in ("site_id", "epoch", "offset", "resumed")}
            whole = self._parts.setdefault(part["site_id"], {"did": "state", **line, "people": []})
            whole["people"] += compact(part["people"])
        if message["last"]:
            parts, self._parts = self._parts, {}
            for whole in parts.values():
                self._note(whole)

    def _note(self, line: dict[str, Any]) -> None:
        self._waiting.append({**line, "connection": self.connections})

    def write(self) -> None:
        """What was told since the last time goes to the disk."""
        lines, self._waiting = self._waiting, []
        self.history.write(*lines)

    def view(self, label: str) -> None:
        sites = {
            site_id: {"epoch": site.epoch, "offset": site.offset, "people": compact(list(site.people.values()))}
            for site_id, site in self.board.sites.items()
        }
        self._note({"did": "view", "label": label, "sites": sites, "online": self.online})
        self.write()


async def _closed(socket: aiohttp.ClientWebSocketResponse[Any]) -> None:
    try:
        async with asyncio.timeout(0.2):
            await socket.close()
    except (TimeoutError, aiohttp.ClientError, OSError):
        pass


async def main() -> None:
    config = json.loads(Path(sys.argv[1]).read_text())
    demo = DemoFile.load(Path(config["people"]))
    urls: list[str] = config["urls"]
    tokens = {account.username: (await login(urls[0], account))["access_token"] for account in demo.accounts}
    boards = []
    for place in range(len(urls)):
        own_first = [f"{url.replace('http', 'ws', 1)}/ws" for url in urls[place:] + urls[:place]]
        for account in demo.accounts:
            name = f"board-{account.username}-at-hub-{place + 1}"
            history = History(Path(config["history_folder"]) / f"{name}.jsonl")
            history.write({"did": "begin", "site_ids": None if account.site_ids is None else list(account.site_ids)})
            dice = random.Random(f"{config['seed']}-{name}")
            boards.append(WatchingBoard(name, account, own_first, history, dice, tokens[account.username]))

    async def say() -> None:
        while True:
            told = {"online": sum(board.online for board in boards), "pushes": sum(board.pushes for board in boards)}
            print(json.dumps({**told, "connections": sum(board.connections for board in boards)}), flush=True)
            for board in boards:
                board.write()
            await asyncio.sleep(SAY_SECONDS)

    tasks = [asyncio.create_task(board.run()) for board in boards] + [asyncio.create_task(say())]
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while (line := (await reader.readline()).decode().split()) and line[0] != "stop":
        for board in boards:
            board.view(line[1])
        print(json.dumps({"viewed": line[1]}), flush=True)
        for task in tasks:
            if task.done():
                task.result()
    for task in tasks:
        task.cancel()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    for result in ended:
        if isinstance(result, Exception):
            raise result
    for board in boards:
        board.write()


if __name__ == "__main__":
    asyncio.run(main())
