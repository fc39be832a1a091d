"""The client's own parts, without a hub: a wrong client proves nothing about the hub."""

import base64
import hashlib
import json
from datetime import UTC, datetime
from uuid import UUID

import jwt
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from tests.contract.board import Board, Step
from tests.contract.demo_file import DeviceKey
from tests.contract.journal import SUITE, Journal, SealingKey, padded, sealed_info
from tests.contract.primitives import Message, b64, moment, unb64, uuid7, wire_time, wrong_times
from tests.contract.tokens import assertion, hs256, unverified

SITE = "018f0000-0000-7000-8000-000000000001"


def key_pair() -> tuple[X25519PrivateKey, SealingKey]:
    private = X25519PrivateKey.generate()
    return private, SealingKey("k1", private.public_key().public_bytes_raw(), "2027-01-01T00:00:00.000000Z")


def a_journal() -> Journal:
    return Journal(uuid7(), Ed25519PrivateKey.generate().private_bytes_raw(), key_pair()[1])


def test_wire_times_have_six_decimals() -> None:
    when = datetime(2026, 11, 24, 4, 5, 6, tzinfo=UTC)
    assert wire_time(when) == "2026-11-24T04:05:06.000000Z"
    assert moment(wire_time(when)) == when
    with pytest.raises(ValueError, match="not a wire time"):
        moment("2026-11-24T04:05:06Z")
    assert list(wrong_times({"a": [{"b": "2026-11-24T04:05:06Z"}]})) == [".a[0].b: 2026-11-24T04:05:06Z"]


def test_base64url_has_no_padding() -> None:
    assert unb64(b64(b"\xff\xfe\xfd\xfc")) == b"\xff\xfe\xfd\xfc"
    with pytest.raises(ValueError, match="base64url"):
        unb64(base64.urlsafe_b64encode(b"\xff").decode())


def test_uuid7_is_version_7_and_rises_with_time() -> None:
    first = UUID(uuid7())
    assert first.version == 7
    assert first.variant == "specified in RFC 4122"


def test_the_latest_sealing_key_is_used() -> None:
    keys = [
        {"id": "b", "public_key": b64(b"2" * 32), "not_after": "2027-02-01T00:00:00.000000Z"},
        {"id": "a", "public_key": b64(b"1" * 32), "not_after": "2027-01-01T00:00:00.000000Z"},
    ]
    assert SealingKey.latest(keys).id == "b"


def test_a_sealed_credential_opens_with_its_info_alone() -> None:
    private, key = key_pair()
    info = sealed_info("d", "l", 1)
    sealed = key.seal(padded({"badge": "ABC12345"}), info)
    opened = SUITE.decrypt(sealed, private, info=info)
    assert len(opened) == 128
    assert json.loads(opened) == {"badge": "ABC12345"}
    with pytest.raises(Exception, match=r".*"):
        SUITE.decrypt(sealed, private, info=sealed_info("d", "l", 2))


def test_a_journal_is_a_chain() -> None:
    journal = a_journal()
    first, second = journal.punch({"badge": "ABC12345"}), journal.punch({"badge": "ABC12345"})
    assert (first.members["seq"], first.members["previous"]) == (1, None)
    expected = hashlib.sha256(b"attendance.v1|punch|" + first.text.encode()).digest()
    assert (second.members["seq"], second.members["previous"]) == (2, b64(expected))
    assert journal.punch({"badge": "X"}, append=False).members["seq"] == 3
    assert journal.seq == 2


def test_the_signature_covers_prefix_and_text() -> None:
    journal = a_journal()
    punch = journal.punch({"badge": "ABC12345"})
    public = Ed25519PrivateKey.from_private_bytes(journal.private_key).public_key()
    public.verify(unb64(punch.signature), b"attendance.v1|punch|" + punch.text.encode())
    with pytest.raises(InvalidSignature):
        public.verify(unb64(punch.signature), punch.text.encode())


def test_an_assertion_follows_the_hubs_clock() -> None:
    private = Ed25519PrivateKey.generate()
    device = DeviceKey("d1", "s1", private.private_bytes_raw(), spare=True)
    hello = {"nonce": "n" * 43, "server_time": "2020-01-01T00:00:00.900000Z"}
    token = assertion(device, hello)
    header, claims = unverified(token)
    assert header == {"typ": "device+jwt", "alg": "EdDSA"}
    assert claims["exp"] - claims["iat"] == 60
    assert claims["iat"] == datetime(2020, 1, 1, tzinfo=UTC).timestamp()
    options: jwt.types.Options = {"verify_exp": False}
    jwt.decode(token, private.public_key(), algorithms=["EdDSA"], audience="attendance-device", options=options)


def test_a_token_made_by_hand_is_what_a_library_would_make() -> None:
    token = hs256({"alg": "HS256", "typ": "JWT"}, {"sub": "x"}, b"k" * 32)
    assert jwt.decode(token, b"k" * 32, algorithms=["HS256"]) == {"sub": "x"}


def state(offset: int, *people: Message, last: bool = True, resumed: bool = False, epoch: str = "e") -> Message:
    part = {"site_id": SITE, "name": "N", "time_zone": "UTC", "epoch": epoch, "offset": offset, "resumed": resumed}
    part |= {"complete_to": None, "silent_devices": [], "people": list(people)}
    return {"type": "presence.state", "re": 1, "last": last, "sites": [part]}


def changed(from_: int, offset: int, *people: Message, removed: tuple[str, ...] = (), epoch: str = "e") -> Message:
    message = {"type": "presence.changed", "site_id": SITE, "epoch": epoch, "from": from_, "offset": offset}
    return message | {"people": list(people), "removed": list(removed)}


def head(offset: int) -> Message:
    message = {"type": "presence.head", "site_id": SITE, "epoch": "e", "offset": offset}
    return message | {"complete_to": None, "silent_devices": []}


def person(employee_id: str, status: str) -> Message:
    return {"employee_id": employee_id, "status": status}


def test_a_board_follows_states_and_changes() -> None:
    board = Board()
    board.take(state(4, person("a", "in"), last=False))
    board.take(state(4, person("b", "out")))
    assert board.take(changed(4, 6, person("b", "in"), removed=("a",))) is Step.APPLIED
    assert board.sites[SITE].people == {"b": person("b", "in")}
    assert board.take(changed(3, 6)) is Step.OLD
    assert board.take(changed(5, 7)) is Step.APPLIED
    assert board.take(head(7)) is Step.APPLIED
    assert not board.stale


@pytest.mark.parametrize(
    ("message", "step"),
    [(changed(5, 6), Step.HOLE), (head(5), Step.HOLE), (changed(4, 5, epoch="f"), Step.FOREIGN_EPOCH)],
)
def test_a_board_notices_what_it_missed(message: Message, step: Step) -> None:
    board = Board()
    board.take(state(4))
    assert board.take(message) is step
    assert board.stale == {SITE: step}
    board.take(state(4, resumed=True))
    assert not board.stale
