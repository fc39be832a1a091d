"""A hub that lives in the browser's own network: for states of the page that a healthy company never shows."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from playwright.async_api import Page, Route, WebSocketRoute

Message = dict[str, object]
EPOCH = "0190a000-0000-7000-8000-0000000000e1"
SITE = "0190a000-0000-7000-8000-000000000001"
DEPARTMENT = "0190a000-0000-7000-8000-0000000000d1"


def wire(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def minutes_ago(minutes: float) -> str:
    return wire(datetime.now(UTC) - timedelta(minutes=minutes))


def a_person(number: int, **parts: object) -> Message:
    person: Message = {
        "employee_id": f"0190a000-0000-7000-9000-{number:012d}",
        "display_name": f"Persona {number:04d}",
        "department_id": DEPARTMENT,
        "status": "in",
        "since": minutes_ago(90),
        "at_site_id": SITE,
        "expected_from": None,
        "expected_until": None,
        **parts,
    }
    return person | ({"at_site_id": None} if person["status"] == "out" else {})


@dataclass
class ScriptedHub:
    """Answers as told. `people` and what else a test wants are set before the page is opened."""

    people: Sequence[Message] = ()
    role: str = "supervisor"
    watch_error: str | None = None
    site_count: int = 1
    complete_to: str | None = field(default_factory=lambda: minutes_ago(0))
    silent_devices: Sequence[Message] = ()
    signed_in: bool = True
    away: bool = False
    slow_feed: bool = False
    answers: dict[str, Message] = field(default_factory=dict)
    """What further commands are answered with."""
    unanswered: set[str] = field(default_factory=set)
    asked: list[Message] = field(default_factory=list)
    offset: int = 10
    socket: WebSocketRoute | None = None

    async def serve(self, page: Page) -> None:
        await page.route("**/api/**", self._http)
        await page.route_web_socket("**/ws", self._connected)

    async def _http(self, route: Route) -> None:
        if self.away:
            await route.abort()
        elif self.signed_in:
            await route.fulfill(json={"access_token": "scripted-token", "expires_in": 900})
        else:
            await route.fulfill(status=401, json={"title": "Unauthorized", "status": 401, "code": "unauthenticated"})

    async def _connected(self, socket: WebSocketRoute) -> None:
        if self.away:
            await socket.close(code=3001)
            return
        self.socket = socket
        socket.on_message(lambda text: self._received(json.loads(text)))
        self.send(
            {"type": "hello", "protocol": "attendance.v1", "hub_id": EPOCH, "nonce": "n", "server_time": minutes_ago(0)}
        )

    def send(self, *messages: Message) -> None:
        assert self.socket is not None
        self.socket.send(json.dumps(messages))

    def change(self, *people: Message) -> None:
        """People move: a push, then the head. Whoever asks from now on is told of them as they are."""
        self.people = list({person["employee_id"]: person for person in (*self.people, *people)}.values())
        start, self.offset = self.offset, self.offset + len(people)
        stream: Message = {"site_id": SITE, "epoch": EPOCH, "offset": self.offset}
        self.send({"type": "presence.changed", **stream, "from": start, "people": list(people), "removed": []})
        self.head()

    def tell_the_past(self, *people: Message) -> None:
        """The answer that a `slow_feed` kept back: these came in, when their line says."""
        asked = next(command for command in self.asked if command["type"] == "punch.list")
        items = [
            {**person, "site_id": SITE, "kind": "in", "outcome": "recorded", "reason": None}
            | {"occurred_at": person["since"], "recorded_at": person["since"]}
            for person in people
        ]
        self.send({"type": "punch.list.result", "re": asked["id"], "items": items, "next_cursor": None})

    def head(self) -> None:
        self.send(
            {"type": "presence.head", "site_id": SITE, "epoch": EPOCH, "offset": self.offset, **self._completeness()}
        )

    def _completeness(self) -> Message:
        return {"complete_to": self.complete_to, "silent_devices": list(self.silent_devices)}

    def _received(self, command: Message) -> None:
        self.asked.append(command)
        kind = str(command["type"])
        if (kind == "punch.list" and self.slow_feed) or kind in self.unanswered:
            return
        answer = self._answer(kind)
        self.send({"type": f"{kind}.result", **answer, "re": command["id"]})

    def _answer(self, kind: str) -> Message:
        match kind:
            case _ if kind in self.answers:
                return self.answers[kind]
            case "auth":
                return {"type": "welcome", "role": self.role, "expires_at": None, "server_time": minutes_ago(0)}
            case "presence.watch" if self.watch_error:
                return {"type": "error", "code": self.watch_error, "message": "no", "retry": False}
            case "presence.watch":
                site = {"site_id": SITE, "name": "Planta Norte", "time_zone": "Europe/Madrid", "epoch": EPOCH}
                board = {
                    **site,
                    "offset": self.offset,
                    "resumed": False,
                    **self._completeness(),
                    "people": list(self.people),
                }
                return {"type": "presence.state", "last": True, "sites": [board] * self.site_count}
            case "department.list":
                department = {"department_id": DEPARTMENT, "site_id": SITE, "name": "Producción"}
                return {"items": [department], "next_cursor": None}
            case "rollcall.get":
                inside = [person for person in self.people if person["status"] != "out"]
                return {"site_id": SITE, "as_of": minutes_ago(0), "inside": inside, **self._completeness()}
            case "punch.list":
                return {"items": [], "next_cursor": None}
            case _:
                return {"type": "error", "code": "unknown_command", "message": "?", "retry": False}
