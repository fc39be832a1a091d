"""What each field may be: `Invalid` names the one that breaks the contract."""

import json
from datetime import datetime, timedelta, timezone
from typing import Any, Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.codec import decode_command, decode_punch, encode, read_envelope
from protocol.errors import ErrorCode, Invalid
from protocol.signing import punch_text
from protocol.values import MAX_INTEGER, format_time, from_binary, parse_time, to_binary
from tests.protocol import samples

ID: Final = str(samples.SITE)


def changed(type_: str, changes: dict[str, Any]) -> str:
    return json.dumps(json.loads(encode(samples.COMMANDS[type_])) | changes)


@pytest.mark.parametrize(
    ("type_", "changes", "field"),
    [
        ("auth", {"token": None}, "token"),
        ("auth", {"token": "x" * 4_097}, "token"),
        ("auth", {"lang": 7}, "lang"),
        ("punch.record", {"punch": {}}, "punch"),
        ("punch.record", {"signature": "a+b"}, "signature"),
        ("punch.record", {"sealed": "YQ=="}, "sealed"),
        ("punch.record", {"after_loss": "yes"}, "after_loss"),
        ("time.sync", {"t0": "yesterday"}, "t0"),
        ("time.sync", {"t0": "٢٠٢٦-١١-٢٤T07:58:00.000000Z"}, "t0"),
        ("time.sync", {"boot_id": "1"}, "boot_id"),
        ("time.sync", {"monotonic_ms": -1}, "monotonic_ms"),
        ("device.report", {"outbox_depth": 1.5}, "outbox_depth"),
        ("device.report", {"version": "v" * 65}, "version"),
        ("device.report", {"oldest_unsent_at": "2026-02-30T00:00:00.000000Z"}, "oldest_unsent_at"),
        ("presence.watch", {"site_ids": ID}, "site_ids"),
        ("presence.watch", {"site_ids": [ID, "x"]}, "site_ids[1]"),
        ("presence.watch", {"after": {"x": {"epoch": ID, "offset": 1}}}, "after"),
        ("presence.watch", {"after": {ID: {"epoch": ID}}}, "after[...].offset"),
        ("presence.watch", {"after": {ID: {"epoch": ID, "offset": -1}}}, "after[...].offset"),
        ("presence.history", {"from": "2026-11-24"}, "from"),
        ("presence.history", {"until": "2026-11-24T24:61:00.000000Z"}, "until"),
        ("presence.history", {"until": "2026-11-24T11:59:59.999999Z"}, "until"),
        ("presence.history", {"step_minutes": 0}, "step_minutes"),
        ("presence.history", {"step_minutes": 1_441}, "step_minutes"),
        ("rollcall.get", {"site_id": None}, "site_id"),
        ("employee.list", {"limit": 0}, "limit"),
        ("employee.list", {"limit": 501}, "limit"),
        ("employee.list", {"query": "q" * 101}, "query"),
        ("employee.list", {"cursor": "c" * 513}, "cursor"),
        ("employee.get", {"employee_id": ID[:-1]}, "employee_id"),
        ("time.sync", {"t0": "2026-02-30T00:00:00.000000Z"}, "t0"),
        ("device.invite", {"site_id": "x"}, "site_id"),
        ("device.invite", {"name": " Puerta"}, "name"),
        ("device.invite", {"name": "Puerta\u202e"}, "name"),
        ("device.invite", {"request_key": 7}, "request_key"),
        ("device.list", {"status": "lost"}, "status"),
        ("device.list", {"query": "q" * 101}, "query"),
        ("device.list", {"site_id": ID[:-1]}, "site_id"),
        ("device.confirm", {"fingerprint": "f" * 44}, "fingerprint"),
        ("device.move", {"device_id": None}, "device_id"),
        ("device.retire", {"lost_at": "2026-02-30T00:00:00.000000Z"}, "lost_at"),
        ("account.create", {"username": "admin\u200b"}, "username"),
        ("account.create", {"username": "admin\u202e"}, "username"),
        ("device.retire", {"lost_at": "yesterday"}, "lost_at"),
        ("device.retire", {"lost_at": "0001-01-01T00:00:00.000000Z"}, "lost_at"),
        ("device.report", {"oldest_unsent_at": "0001-01-01T00:00:00.000000Z"}, "oldest_unsent_at"),
        ("badge.assign", {"valid_until": "9999-12-31T23:59:59.999999Z"}, "valid_until"),
        ("device.revoke", {"request_key": None}, "request_key"),
        ("device.rotate_key", {"public_key": "AAAA"}, "public_key"),
        ("device.rotate_key", {"proof": "a+b"}, "proof"),
        ("punch.list", {"from": "2026-13-01T00:00:00.000000Z"}, "from"),
        ("punch.list", {"until": "2026-11-31T00:00:00.000000Z"}, "until"),
        ("punch.list", {"outcome": "lost"}, "outcome"),
        ("employee.create", {"employee_number": ""}, "employee_number"),
        ("employee.create", {"employee_number": "4" * 33}, "employee_number"),
        ("employee.create", {"display_name": " Íñigo"}, "display_name"),
        ("employee.create", {"display_name": "Ana\u202eMaría"}, "display_name"),
        ("employee.create", {"display_name": "Ana\nMaría"}, "display_name"),
        ("employee.create", {"display_name": "n" * 201}, "display_name"),
        ("employee.create", {"request_key": "again"}, "request_key"),
        ("employee.create", {"national_id": "1" * 65}, "national_id"),
        ("employee.create", {"contact": "6\n7"}, "contact"),
        ("employee.update", {"notes": "\u202e"}, "notes"),
        ("employee.update", {"notes": "n" * 2_001}, "notes"),
        ("employee.update", {"display_name": ""}, "display_name"),
        ("employee.update", {"department_id": "x"}, "department_id"),
        ("employee.import", {"part": -1}, "part"),
        ("employee.import", {"part": 10_001}, "part"),
        ("employee.import", {"csv": "c" * 40_001}, "csv"),
        ("employee.import", {"mapping": {"Tarjeta": "card"}}, "mapping[...]"),
        ("employee.import", {"mapping": {"T" * 201: "badge"}}, "mapping"),
        ("employee.import", {"mapping": {str(number): "ignore" for number in range(51)}}, "mapping"),
        ("badge.assign", {"badge": "B" * 129}, "badge"),
        ("badge.assign", {"valid_until": "2026-02-30T00:00:00.000000Z"}, "valid_until"),
        ("badge.revoke", {"reason": "reassigned"}, "reason"),
        ("badge.list", {"limit": 501}, "limit"),
        ("pin.set", {"pin": "12345"}, "pin"),
        ("pin.set", {"pin": "1" * 13}, "pin"),
        ("pin.set", {"pin": "12345٦"}, "pin"),
        ("site.create", {"time_zone": "Z" * 65}, "time_zone"),
        ("site.update", {"name": "Las Palmas "}, "name"),
        ("department.create", {"name": ""}, "name"),
        ("department.update", {"department_id": None}, "department_id"),
        ("account.list", {"role": "kiosk"}, "role"),
        ("account.list", {"query": "q" * 101}, "query"),
        ("account.create", {"request_key": "1"}, "request_key"),
        ("account.create", {"username": ""}, "username"),
        ("account.create", {"username": "ana maría"}, "username"),
        ("account.create", {"username": "ana\n"}, "username"),
        ("account.create", {"username": "a" * 101}, "username"),
        ("account.create", {"role": "kiosk"}, "role"),
        ("account.create", {"scope": {"site_ids": ["x"]}}, "scope.site_ids[0]"),
        ("account.create", {"scope": {"site_ids": [ID] * 1_001}}, "scope.site_ids"),
        ("account.create", {"password": "p" * 1_001}, "password"),
        ("account.update", {"role": "owner"}, "role"),
        ("account.update", {"reset_totp": 1}, "reset_totp"),
        ("account.disable", {"account_id": ID[:-1]}, "account_id"),
        ("password.change", {"new": "p" * 1_001}, "new"),
        ("session.list", {"limit": 501}, "limit"),
        ("session.revoke", {"session_id": None}, "session_id"),
        ("totp.begin", {"password": 7}, "password"),
        ("totp.confirm", {"code": "1" * 13}, "code"),
        ("audit.list", {"from": "2026-02-30T00:00:00.000000Z"}, "from"),
        ("audit.list", {"until": "2026-11-24"}, "until"),
        ("audit.list", {"action": "a" * 101}, "action"),
    ],
)
def test_a_command_with_a_wrong_field_names_it(type_: str, changes: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as fault:
        decode_command(read_envelope(changed(type_, changes)))
    assert fault.value.field == field
    assert fault.value.problem


@pytest.mark.parametrize(
    ("type_", "field"),
    [
        (type_, field.encode_name)
        for type_, command in samples.COMMANDS.items()
        for field in msgspec.structs.fields(command)
        if field.required and field.name != "id"
    ],
)
def test_a_missing_field_is_named(type_: str, field: str) -> None:
    fields = json.loads(encode(samples.COMMANDS[type_]))
    del fields[field]
    with pytest.raises(Invalid) as fault:
        decode_command(read_envelope(json.dumps(fields)))
    assert fault.value.field == field


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"seq": 0}, "punch.seq"),
        ({"seq": MAX_INTEGER + 1}, "punch.seq"),
        ({"seq": "2"}, "punch.seq"),
        ({"seq": 1}, "punch.previous"),
        ({"previous": None}, "punch.previous"),
        ({"previous": samples.DIGEST[:-1]}, "punch.previous"),
        ({"previous": f"{samples.DIGEST}="}, "punch.previous"),
        ({"sealed_sha256": "AAAA"}, "punch.sealed_sha256"),
        ({"kind": "lunch"}, "punch.kind"),
        ({"captured": "later"}, "punch.captured"),
        ({"device_time": "2026-11-24T12:00:00Z"}, "punch.device_time"),
        ({"device_time": "2026-11-24T12:00:60.000000Z"}, "punch.device_time"),
        ({"device_time": "2026-11-24 12:00:00.000000Z"}, "punch.device_time"),
        ({"device_time": "2026-11-24T12:00:00.000000Z\n"}, "punch.device_time"),
        ({"monotonic_ms": -1}, "punch.monotonic_ms"),
        ({"monotonic_ms": True}, "punch.monotonic_ms"),
        ({"clock": {}}, "punch.clock.hub_time"),
        ({"clock": {"hub_time": samples.NOON, "monotonic_ms": 1}}, "punch.clock.uncertainty_ms"),
        (
            {"clock": {"hub_time": "2026-00-24T12:00:00.000000Z", "monotonic_ms": 1, "uncertainty_ms": 0}},
            "punch.clock.hub_time",
        ),
        ({"sealing_key_id": ""}, "punch.sealing_key_id"),
        ({"sealing_key_id": "k" * 65}, "punch.sealing_key_id"),
        ({"punch_id": None}, "punch.punch_id"),
    ],
)
def test_a_punch_with_a_wrong_field_names_it(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as fault:
        decode_punch(json.dumps(json.loads(punch_text(samples.A_PUNCH)) | changes))
    assert fault.value.field == field


def test_a_first_punch_has_nothing_before_it() -> None:
    fields = json.loads(punch_text(samples.A_PUNCH)) | {"seq": 1, "previous": None, "clock": None}
    assert decode_punch(json.dumps(fields)).previous is None
    del fields["previous"], fields["clock"]
    assert decode_punch(json.dumps(fields)).clock is None


def test_what_may_succeed_later_says_so() -> None:
    assert {code for code in ErrorCode if code.retry} == {"rate_limited", "overloaded", "unavailable", "internal"}


_ZONES: Final = st.integers(-12, 14).map(lambda hours: timezone(timedelta(hours=hours)))


@given(
    st.datetimes(
        min_value=datetime(1, 1, 2),  # noqa: DTZ001 - the strategy wants it without a zone
        max_value=datetime(9999, 12, 30),  # noqa: DTZ001 - likewise
        timezones=_ZONES,
    )
)
def test_a_time_is_spelled_one_way_and_read_back(moment: datetime) -> None:
    text = format_time(moment)
    assert len(text) == len("2026-11-24T12:00:00.000000Z")
    assert text.endswith("Z")
    assert parse_time(text) == moment


@given(st.binary(max_size=100))
def test_binary_text_is_read_back(data: bytes) -> None:
    text = to_binary(data)
    assert from_binary(text, length=len(data)) == data
    with pytest.raises(ValueError, match="not"):
        from_binary(text, length=len(data) + 1)


@pytest.mark.parametrize("text", ["A", "AA==", "AA=", "A+A_", "A/A_", "AA\n", " AA", "AB", "é", "AAAAA"])
def test_binary_text_has_one_spelling(text: str) -> None:
    """Padding, the other alphabet, blanks, and bits that no byte takes (`AB` and `AA` would be the same)."""
    with pytest.raises(ValueError, match="not base64url"):
        from_binary(text)
