"""The conversation with a hub, frame by frame and without a network."""

from __future__ import annotations

import base64
import json
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kiosk.identity import Identity
from kiosk.link.session import (
    Complained,
    ContractBroken,
    DeviceSignIn,
    Failed,
    PersonSignIn,
    Phase,
    Pushed,
    Replied,
    Session,
    SignInRefused,
    Welcomed,
)
from protocol.commands import HubStatus, PresenceWatch, RollcallGet, TimeSync
from protocol.errors import ErrorCode, ProtocolError
from protocol.roster import EmployeeImport

NOW = "2026-11-24T07:58:00.000000Z"
HELLO = {
    "type": "hello",
    "protocol": "attendance.v1",
    "hub_id": str(uuid4()),
    "nonce": "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA",
    "server_time": NOW,
    "auth_timeout_seconds": 5,
}
WELCOME: dict[str, Any] = {
    "type": "welcome",
    "re": 1,
    "session_id": str(uuid4()),
    "role": "admin",
    "subject": "somebody",
    "scope": {"site_ids": None, "department_ids": None},
    "expires_at": None,
    "limits": {"max_frame_bytes": 65535, "max_in_flight": 32, "commands_per_second": 20},
    "server_time": NOW,
    "device": None,
}
ERROR = {"type": "error", "re": 1, "code": "unauthenticated", "message": "Sign in first.", "retry": False}
STATUS = {
    "type": "hub.status.result",
    "hub_id": str(uuid4()),
    "version": "1",
    "started_at": NOW,
    "connections": {},
    "ingest_depth": 0,
    "postgres": "ok",
    "redis": "ok",
    "secrets": "ok",
    "draining": False,
}


def frame(*messages: dict[str, Any]) -> str:
    return json.dumps(messages)


def sent(session: Session) -> list[dict[str, Any]]:
    return [json.loads(text) for text in session.take_frames()]


def an_open_session() -> Session:
    session = Session(PersonSignIn("token"), "en")
    session.receive(frame(HELLO), 0)
    session.take_frames()
    session.receive(frame(WELCOME), 1)
    return session


def test_hello_is_answered_with_auth_and_nothing_else() -> None:
    session = Session(PersonSignIn("a.b.c"), "es")
    assert session.receive(frame(HELLO), 0) == []
    assert sent(session) == [{"type": "auth", "id": 1, "token": "a.b.c", "lang": "es"}]
    assert sent(session) == []
    assert session.phase is Phase.AWAITING_WELCOME


def test_a_kiosk_dates_its_assertion_by_the_hubs_clock() -> None:
    identity = Identity(uuid4(), Ed25519PrivateKey.generate())
    session = Session(DeviceSignIn(identity), "en")
    session.receive(frame(HELLO | {"server_time": "2001-01-01T00:00:00.000000Z"}), 0)
    (auth,) = sent(session)
    claims = json.loads(base64.urlsafe_b64decode(auth["token"].split(".")[1] + "=="))
    assert claims["nonce"] == HELLO["nonce"]
    assert claims["iss"] == claims["sub"] == str(identity.device_id)
    assert claims["iat"] == 978307200
    assert claims["exp"] - claims["iat"] == 60


def test_ids_rise_and_answers_find_their_commands() -> None:
    session = an_open_session()
    first = session.ask(HubStatus, 10)
    second = session.ask(partial(PresenceWatch, site_ids=None), 20)
    assert [message["id"] for message in sent(session)] == [first, second] == [2, 3]
    assert session.waiting_since_ms == 10

    (event,) = session.receive(frame(STATUS | {"re": first}), 30)
    assert isinstance(event, Replied)
    assert (event.id, type(event.command)) == (first, HubStatus)
    assert session.waiting_since_ms == 20

    (failure,) = session.receive(frame({**ERROR, "re": second, "code": "forbidden"}), 40)
    assert isinstance(failure, Failed)
    assert (failure.id, failure.error.code) == (second, ErrorCode.FORBIDDEN)
    assert session.waiting_since_ms is None


def test_a_listing_is_done_with_its_last_part() -> None:
    session = an_open_session()
    watch = session.ask(PresenceWatch, 10)
    part = {"type": "presence.state", "re": watch, "last": False, "sites": []}
    assert [type(event) for event in session.receive(frame(part, part), 20)] == [Replied, Replied]
    waiting = [session.waiting_since_ms]
    session.receive(frame(part | {"last": True}), 30)
    assert [*waiting, session.waiting_since_ms] == [10, None]
    assert session.receive(frame(part), 40) == [], "nobody waits for it any more"


def test_a_roll_call_in_parts_is_one_answer() -> None:
    session = an_open_session()
    site_id = uuid4()
    asked = session.ask(partial(RollcallGet, site_id=site_id), 10)
    part = {"type": "rollcall.get.result", "re": asked, "site_id": str(site_id), "as_of": NOW, "inside": []}
    part |= {"complete_to": None, "silent_devices": []}
    assert [type(event) for event in session.receive(frame(part | {"last": False}), 20)] == [Replied]
    assert session.waiting_since_ms == 10
    session.receive(frame(part), 30)
    assert session.waiting_since_ms is None, "a hub that knows no parts says nothing of them"


def test_a_report_on_an_import_in_parts_is_one_answer() -> None:
    session = an_open_session()
    asked = session.ask(partial(EmployeeImport, request_key=uuid4(), part=0, last=True, csv=""), 10)
    counts = dict.fromkeys(("created", "updated", "unchanged", "faults"), 0)
    part = {"type": "employee.import.result", "re": asked, "done": True, "lines": [], **counts}
    assert [type(event) for event in session.receive(frame(part | {"last": False}), 20)] == [Replied]
    assert session.waiting_since_ms == 10
    assert [type(event) for event in session.receive(frame(part), 30)] == [Replied]
    assert session.waiting_since_ms is None


def test_one_frame_may_hold_everything_from_welcome_on() -> None:
    session = Session(PersonSignIn("token"), "en")
    session.receive(frame(HELLO), 0)
    site = {"site_id": str(uuid4()), "epoch": str(uuid4()), "offset": 3, "complete_to": None, "silent_devices": []}
    events = session.receive(
        frame(WELCOME, {"type": "presence.head", **site}, {"type": "news.of.tomorrow", "x": 1}, ERROR | {"re": None}), 1
    )
    assert [type(event) for event in events] == [Welcomed, Pushed, Complained]


def test_a_refused_token_ends_the_conversation() -> None:
    session = Session(PersonSignIn("token"), "en")
    session.receive(frame(HELLO), 0)
    (event,) = session.receive(frame(ERROR), 1)
    assert isinstance(event, SignInRefused)
    assert session.phase is Phase.REFUSED
    assert session.receive(frame(WELCOME), 2) == []
    with pytest.raises(ContractBroken):
        session.ask(HubStatus, 3)


def test_no_command_goes_out_before_the_welcome() -> None:
    session = Session(PersonSignIn("token"), "en")
    with pytest.raises(ContractBroken):
        session.ask(partial(TimeSync, t0=1, boot_id=uuid4(), monotonic_ms=1), 0)
    session.receive(frame(HELLO), 0)
    with pytest.raises(ContractBroken):
        session.ask(HubStatus, 0)


@pytest.mark.parametrize(
    "texts",
    [
        pytest.param([frame(WELCOME)], id="welcome before hello"),
        pytest.param([frame(HELLO | {"protocol": "attendance.v2"})], id="another contract"),
        pytest.param([frame(HELLO | {"server_time": "2026-02-31T00:00:00.000000Z"})], id="no such day, for a kiosk"),
        pytest.param([frame(HELLO), frame(STATUS | {"re": 1})], id="another answer to auth"),
        pytest.param([json.dumps(HELLO)], id="no array"),
        pytest.param(["[]"], id="empty frame"),
        pytest.param(["[{}]"], id="no type"),
        pytest.param(['[{"type":"hello","type":"hello"}]'], id="duplicate key"),
        pytest.param([frame(HELLO), frame(WELCOME | {"limits": {}})], id="welcome without limits"),
        pytest.param(["[" * 5000], id="deep"),
        pytest.param(["\x00"], id="NUL"),
    ],
)
def test_what_breaks_the_contract_is_one_error(texts: list[str]) -> None:
    session = Session(DeviceSignIn(Identity(uuid4(), Ed25519PrivateKey.generate())), "en")
    *before, last = texts
    for text in before:
        session.receive(text, 0)
    with pytest.raises(ProtocolError):
        session.receive(last, 0)


def test_a_token_is_in_no_repr() -> None:
    assert "secret" not in repr(PersonSignIn("secret"))
    assert "Private" not in repr(DeviceSignIn(Identity(uuid4(), Ed25519PrivateKey.generate())))
