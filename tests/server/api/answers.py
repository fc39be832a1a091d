"""How the tests of HTTP routes ask and read."""

from http.cookies import Morsel

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestClient

Client = TestClient[web.Request, web.Application]
ORIGIN = "http://127.0.0.1:8080"
CREDENTIALS = {"username": "ana", "password": "correct horse"}


async def problem(answer: aiohttp.ClientResponse, status: int, code: str) -> dict[str, object]:
    body: dict[str, object] = await answer.json(content_type="application/problem+json")
    assert answer.status == status
    assert (body["status"], body["code"], body["type"]) == (status, code, "about:blank")
    assert body["title"]
    assert answer.headers["Cache-Control"] == "no-store"
    return body


async def login(client: Client, /, **changes: object) -> aiohttp.ClientResponse:
    return await client.post("/api/login", json=CREDENTIALS | changes)


def cookie_of(answer: aiohttp.ClientResponse) -> "Morsel[str]":
    [cookie] = answer.cookies.values()
    return cookie


def shows(cookie: "Morsel[str]") -> dict[str, str]:
    return {"Cookie": f"{cookie.key}={cookie.value}", "Origin": ORIGIN}
