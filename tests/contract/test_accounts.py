"""Sections 2 and 6: accounts are made, narrowed and ended, and their live sockets on every hub follow."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest

from tests.contract.connection import Closed, Connection, connect, connect_person
from tests.contract.primitives import uuid7
from tests.contract.staff import PASSWORD, OnTwoHubs, Person, a_person, log_out, on_two_hubs, refreshed, write
from tests.contract.test_lists import all_items
from tests.running_hub import RunningDemo, ServingHub

pytestmark = pytest.mark.e2e
CHANGES_THE_COMPANY = True

WITHIN_SECONDS = 5.0
"""The contract's own; a hub looks every two seconds."""
NOT_ALLOWED = 3500
RESYNC = 3010


@pytest.fixture
def hubs(demo: RunningDemo, second_hub: ServingHub) -> tuple[str, str]:
    return demo.ws_url, second_hub.ws_url


async def disabled(admin: Connection, both: OnTwoHubs, _url: str) -> None:
    await write(admin, "account.disable", account_id=both.person.account_id)


async def revoked(admin: Connection, both: OnTwoHubs, _url: str) -> None:
    await write(admin, "session.revoke", session_id=both.here.welcome["session_id"])


async def logged_out(_admin: Connection, both: OnTwoHubs, url: str) -> None:
    await log_out(url, both.person.tokens)


async def password_reset(admin: Connection, both: OnTwoHubs, _url: str) -> None:
    told = await write(admin, "account.update", account_id=both.person.account_id, reset_password=True)
    assert told["password"]


async def second_factor_reset(admin: Connection, both: OnTwoHubs, _url: str) -> None:
    told = await write(admin, "account.update", account_id=both.person.account_id, reset_totp=True)
    assert told["totp_uri"].startswith("otpauth://totp/")


Ending = Callable[[Connection, OnTwoHubs, str], Awaitable[None]]


@pytest.mark.parametrize("end", [disabled, revoked, logged_out, password_reset, second_factor_reset])
async def test_what_ends_a_session_closes_its_sockets_on_every_hub(
    demo: RunningDemo, hubs: tuple[str, str], admin: Connection, end: Ending
) -> None:
    person = await a_person(admin)
    async with on_two_hubs(person, demo.url, hubs) as both:
        await end(admin, both, demo.url)
        done_at = time.monotonic()
        assert await both.here.closed() == NOT_ALLOWED
        assert await both.there.closed() == NOT_ALLOWED
        assert time.monotonic() - done_at < WITHIN_SECONDS
    assert (await refreshed(demo.url, person.tokens))[0] == 401
    async with connect(hubs[1]) as connection:
        error = await connection.refusal("auth", token=person.tokens["access_token"], lang="en")
        assert error["code"] == "unauthenticated"


async def until(there: Callable[[], Awaitable[bool]]) -> None:
    """Asked again and again, as a client does; TimeoutError where it doesn't come in time."""
    async with asyncio.timeout(WITHIN_SECONDS):
        while not await there():
            await asyncio.sleep(0.1)


async def test_a_role_counts_from_the_next_message_on(
    demo: RunningDemo, hubs: tuple[str, str], admin: Connection
) -> None:
    person = await a_person(admin)
    async with on_two_hubs(person, demo.url, hubs) as both:
        assert (await both.here.refusal("hub.status"))["code"] == "forbidden"
        await write(admin, "account.update", account_id=person.account_id, role="admin")
        await both.here.result("hub.status")
        await until(lambda: is_answered(both.there, "hub.status"))
        await write(admin, "account.update", account_id=person.account_id, role="inspector")
        assert (await both.here.refusal("hub.status"))["code"] == "forbidden"
        await both.here.result("audit.list", limit=1)
        await until(lambda: is_refused(both.there, "hub.status"))


async def is_answered(connection: Connection, type_: str, **fields: object) -> bool:
    return bool((await connection.ask(type_, **fields))["type"] == f"{type_}.result")


async def is_refused(connection: Connection, type_: str, **fields: object) -> bool:
    return bool((await connection.ask(type_, **fields))["type"] == "error")


async def test_another_scope_counts_at_once_here_and_in_time_there(
    demo: RunningDemo, hubs: tuple[str, str], admin: Connection
) -> None:
    """By the socket's next answer, or by its close with 3010 and the welcome after it."""
    first, second = (site.site_id for site in demo.file.sites[:2])
    person = await a_person(admin, scope={"site_ids": [first], "department_ids": None})
    async with on_two_hubs(person, demo.url, hubs) as both:
        await both.here.result("rollcall.get", site_id=first)
        scope = {"site_ids": [second], "department_ids": None}
        await write(admin, "account.update", account_id=person.account_id, scope=scope)
        assert await is_refused_or_resynced(both.here, first)
        await until(lambda: is_refused_or_resynced(both.there, first))
        async with connect_person(hubs[1], person.tokens["access_token"]) as again:
            assert again.welcome["scope"]["site_ids"] == [second]
            await again.result("rollcall.get", site_id=second)


async def is_refused_or_resynced(connection: Connection, site_id: str) -> bool:
    try:
        answer = await connection.ask("rollcall.get", site_id=site_id)
    except Closed as closed:
        return closed.code == RESYNC
    return answer.get("code") == "not_found"


async def test_whoever_watches_with_another_scope_is_sent_to_watch_anew(
    demo: RunningDemo, hubs: tuple[str, str], admin: Connection
) -> None:
    first, second = (site.site_id for site in demo.file.sites[:2])
    person = await a_person(admin, scope={"site_ids": [first, second], "department_ids": None})
    async with on_two_hubs(person, demo.url, hubs) as both:
        await both.here.watch()
        await both.there.watch()
        scope = {"site_ids": [second], "department_ids": None}
        await write(admin, "account.update", account_id=person.account_id, scope=scope)
        assert await both.here.closed() == RESYNC
        assert await both.there.closed(WITHIN_SECONDS) == RESYNC


async def test_one_s_own_session_ends_behind_its_answer(
    demo: RunningDemo, hubs: tuple[str, str], admin: Connection
) -> None:
    person = await a_person(admin)
    async with on_two_hubs(person, demo.url, hubs) as both:
        await write(both.here, "session.revoke", session_id=both.here.welcome["session_id"])
        assert await both.here.closed() == NOT_ALLOWED
        assert await both.there.closed(WITHIN_SECONDS) == NOT_ALLOWED


async def test_a_changed_password_leaves_the_session_that_changed_it_alone(
    demo: RunningDemo, hubs: tuple[str, str], admin: Connection
) -> None:
    person = await a_person(admin)
    async with on_two_hubs(person, demo.url, hubs) as other, on_two_hubs(person, demo.url, hubs) as own:
        await write(own.here, "password.change", current=PASSWORD, new="el de las nueve va más lleno")
        assert await other.here.closed() == NOT_ALLOWED
        assert await other.there.closed(WITHIN_SECONDS) == NOT_ALLOWED
        await own.here.result("session.list")
        await own.there.result("session.list")


async def test_a_session_says_where_it_began_and_which_is_one_s_own(
    demo: RunningDemo, hubs: tuple[str, str], admin: Connection
) -> None:
    person = await a_person(admin)
    async with on_two_hubs(person, demo.url, hubs) as first, on_two_hubs(person, demo.url, hubs) as second:
        items = (await second.here.result("session.list"))["items"]
        assert [item["session_id"] for item in items] == [
            second.here.welcome["session_id"],
            first.here.welcome["session_id"],
        ]
        assert [item["current"] for item in items] == [True, False]
        assert {item["address"] for item in items} == {"127.0.0.1"}
        assert all("aiohttp" in item["client"] for item in items)
        seen = (await admin.result("session.list", account_id=person.account_id))["items"]
        assert [item | {"current": False} for item in items] == seen
        page = await second.here.result("session.list", limit=1)
        rest = await second.here.result("session.list", limit=1, cursor=page["next_cursor"])
        assert page["items"] + rest["items"] == items
        assert rest["next_cursor"] is None


@pytest.fixture
async def north(demo: RunningDemo, admin: Connection) -> Person:
    """An administrator of the first site alone."""
    return await a_person(admin, "admin", scope={"site_ids": [demo.file.sites[0].site_id], "department_ids": None})


async def test_a_narrowed_administrator_lists_what_is_no_wider(
    demo: RunningDemo, admin: Connection, north: Person
) -> None:
    first, second = (site.site_id for site in demo.file.sites[:2])
    inside = await a_person(admin, scope={"site_ids": [first], "department_ids": None})
    outside = [
        await a_person(admin, scope={"site_ids": [second], "department_ids": None}),
        await a_person(admin, scope={"site_ids": [first, second], "department_ids": None}),
        await a_person(admin),
    ]
    async with connect_person(demo.ws_url, await north.sign_in(demo.url)) as connection:
        seen = {item["account_id"] for item in await all_items(connection, "account.list", limit=2)}
        assert {inside.account_id, north.account_id} <= seen
        assert not seen & {person.account_id for person in outside}
        for person in outside:
            for type_ in ("account.disable", "account.update"):
                refusal = await connection.refusal(type_, request_key=uuid7(), account_id=person.account_id)
                unknown = await connection.refusal(type_, request_key=uuid7(), account_id=uuid7())
                assert {**refusal, "re": 0} == {**unknown, "re": 0}
    everyone = await all_items(admin, "account.list", limit=2)
    names = [item["username"] for item in everyone]
    assert names == sorted(names, key=str.lower)
    assert {person.account_id for person in outside} <= {item["account_id"] for item in everyone}
    found = await all_items(admin, "account.list", 100, query=inside.account.username.upper(), role="supervisor")
    assert [item["account_id"] for item in found] == [inside.account_id]


async def test_the_audit_tells_who_did_what_and_narrowed_eyes_see_their_own_part(
    demo: RunningDemo, admin: Connection, north: Person
) -> None:
    first, second = (site.site_id for site in demo.file.sites[:2])
    inside = await a_person(admin, scope={"site_ids": [first], "department_ids": None})
    outside = await a_person(admin, scope={"site_ids": [second], "department_ids": None})
    for person in (inside, outside):
        await write(admin, "account.disable", account_id=person.account_id)
    own = admin.welcome["subject"]
    entries = await all_items(admin, "audit.list", actor_id=own, action="account.", limit=3)
    assert [entry["action"] for entry in entries[:4]] == [
        "account.disable", "account.disable", "account.create", "account.create",
    ]  # fmt: skip
    entry = entries[1]
    assert (entry["actor"], entry["actor_name"]) == (f"account:{own}", demo.file.account("admin").username)
    assert (entry["subject"], entry["address"]) == (f"account:{inside.account_id}", "127.0.0.1")
    assert entry["request_id"]
    until_then = await admin.result("audit.list", until=entry["at"], limit=500)
    assert entry["audit_id"] not in {item["audit_id"] for item in until_then["items"]}
    from_then = await all_items(admin, "audit.list", 500, **{"from": entry["at"]})
    assert entry["audit_id"] in {item["audit_id"] for item in from_then}
    async with connect_person(demo.ws_url, await north.sign_in(demo.url)) as connection:
        seen = {item["subject"] for item in await all_items(connection, "audit.list", 100, actor_id=own)}
        assert f"account:{inside.account_id}" in seen
        assert f"account:{outside.account_id}" not in seen
        mine = await all_items(connection, "audit.list", 100, actor_id=north.account_id)
        assert [item["action"] for item in mine] == ["session.began"]


async def test_a_look_into_someone_s_audit_is_audited(demo: RunningDemo, admin: Connection, north: Person) -> None:
    theirs = next(one for one in demo.file.employees if one.site_id == demo.file.sites[0].site_id)
    others = next(one for one in demo.file.employees if one.site_id == demo.file.sites[1].site_id)
    async with connect_person(demo.ws_url, await north.sign_in(demo.url)) as connection:
        for _ in range(2):
            looked = await connection.result("audit.list", employee_id=theirs.employee_id)
        entry = looked["items"][0]
        assert (entry["actor"], entry["employee_id"]) == (f"account:{north.account_id}", theirs.employee_id)
        hidden = await connection.refusal("audit.list", employee_id=others.employee_id)
        unknown = await connection.refusal("audit.list", employee_id=uuid7())
        assert {**hidden, "re": 0} == {**unknown, "re": 0}
        await connection.result("audit.list", limit=1)
    seen = await all_items(admin, "audit.list", 100, actor_id=north.account_id)
    assert [item["employee_id"] for item in seen if item["employee_id"]] == [theirs.employee_id] * 2
