"""The admins' connection, as far as the hub's verdict on a token."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import cast

import pytest

from kiosk.admin.hub_link import HubLink
from kiosk.admin.sign_in import SignIn
from kiosk.link.backoff import is_refusal
from kiosk.link.client import LinkDown, Wire
from kiosk.link.session import PersonSignIn, Session
from kiosk.settings import Settings
from tests.kiosk.page_hub import Json, error

HELLO = {
    "type": "hello",
    "protocol": "attendance.v1",
    "hub_id": "01a20cb3-e9a9-7063-865e-6f4595973525",
    "nonce": "A" * 43,
    "server_time": "2026-11-24T08:00:00.000000Z",
    "auth_timeout_seconds": 5,
}


class ScriptedWire:
    """A hub that says hello, and one thing more."""

    def __init__(self, verdict: Json) -> None:
        self._frames = [json.dumps([HELLO]), json.dumps([verdict | {"re": 1}])]

    async def receive(self) -> str:
        return self._frames.pop(0)

    async def send(self, frames: Iterable[bytes]) -> None:
        del frames


def link_to(verdict: Json) -> HubLink:
    wire = cast("Wire", ScriptedWire(verdict))
    return HubLink(wire, Session(PersonSignIn("token"), "en"), cast("SignIn", None), Settings())


async def test_a_refused_token_is_no_broken_link() -> None:
    assert not await link_to(error("unauthenticated")).is_admitted()


async def test_a_hub_that_can_not_look_a_token_up_is_asked_again_later() -> None:
    """Its database is away: nobody has to sign in anew for that, and no token is renewed."""
    with pytest.raises(LinkDown) as down:
        await link_to(error("unavailable")).is_admitted()
    assert not is_refusal(down.value.close_code)
