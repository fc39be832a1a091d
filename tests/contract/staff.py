"""People who sign in: accounts made by an administrator over the wire, and their sessions on one hub or more."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import aiohttp

from tests.contract.connection import Connection, connect_person
from tests.contract.demo_file import Account
from tests.contract.primitives import Message, uuid7
from tests.contract.tokens import login

PASSWORD = "viva el tren de las ocho"


@dataclass
class Person:
    """Somebody's account, and the tokens of their latest sign-in."""

    account_id: str
    account: Account
    tokens: Message = field(default_factory=dict)

    async def sign_in(self, url: str) -> str:
        self.tokens = await login(url, self.account)
        token: str = self.tokens["access_token"]
        return token


async def write(admin: Connection, type_: str, **fields: object) -> Message:
    """A write that must succeed."""
    return await admin.result(type_, request_key=uuid7(), **fields)


async def a_person(admin: Connection, role: str = "supervisor", **fields: object) -> Person:
    """A new account; it sees everything unless `scope` says otherwise."""
    username = f"{role}-{uuid7()[-12:]}"
    scope = fields.pop("scope", {"site_ids": None, "department_ids": None})
    made = await write(admin, "account.create", username=username, role=role, scope=scope, password=PASSWORD, **fields)
    return Person(made["account_id"], Account(role, username, PASSWORD, None, None))


@dataclass
class OnTwoHubs:
    """One session's sockets: `here` on the hub where the administrator acts, `there` on the other."""

    person: Person
    here: Connection
    there: Connection


@asynccontextmanager
async def on_two_hubs(person: Person, url: str, ws_urls: tuple[str, str]) -> AsyncIterator[OnTwoHubs]:
    token = await person.sign_in(url)
    async with AsyncExitStack() as stack:
        here, there = [await stack.enter_async_context(connect_person(ws_url, token)) for ws_url in ws_urls]
        yield OnTwoHubs(person, here, there)


async def log_out(url: str, tokens: Message) -> None:
    body = {"refresh_token": tokens["refresh_token"]}
    async with aiohttp.ClientSession() as session, session.post(f"{url}/api/token/logout", json=body) as answer:
        assert answer.status == 204


async def refreshed(url: str, tokens: Message) -> tuple[int, Message]:
    """Status and body of `POST /api/token/refresh`."""
    body = {"refresh_token": tokens["refresh_token"]}
    async with aiohttp.ClientSession() as session, session.post(f"{url}/api/token/refresh", json=body) as answer:
        return answer.status, await answer.json()
