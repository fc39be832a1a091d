"""Credentials sealed as RFC 9180 says, to one place in one journal, at one length."""

from typing import Final
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.sealing import BadgeCredential, Credential, NumberCredential, SealBroken, open_sealed, seal
from protocol.values import from_binary
from tests.protocol import hpke, samples

KEY: Final = X25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
INFO: Final = f"attendance.v1|sealed|{samples.DEVICE}|{samples.LOG}|7".encode()
BADGE: Final = BadgeCredential(badge="0123456789ABCDEF")
SEALED_ONCE: Final = (
    "D2FkQE-PYJMFxAtj-Kj2erdAP5ZTovkK9Ru52a6SRHFRwnpgG6T-GkCHkUaIJ-nrJ8YPw31HBTL1PJjRp94boE-CrM_CGF2cxS8Y"
    "RR2VilA2Fu52zoNnjY4tZnpqY5bNNSJ9DzX17_SLa2xZb1BcAichkAoIQPn2L5u4o1HtfhKsk5nCxVQaQ2pPXDdGk7GZd5Fyakvs"
    "IaRJkJvgY4kOcxF-KEkB35feEsvd2Bo458g"
)
"""`BADGE` sealed to `KEY` at (DEVICE, LOG, 7): what lies in kiosks' outboxes must go on opening."""


def sealed_by_hand(plaintext: bytes) -> bytes:
    return hpke.seal(plaintext, KEY.public_key(), X25519PrivateKey.generate(), info=INFO)


def opened(sealed: bytes, *, device_id: UUID = samples.DEVICE, log_id: UUID = samples.LOG, seq: int = 7) -> Credential:
    return open_sealed(sealed, KEY, device_id=device_id, log_id=log_id, seq=seq)


def sealed(credential: Credential) -> bytes:
    return seal(credential, KEY.public_key(), device_id=samples.DEVICE, log_id=samples.LOG, seq=7)


def test_the_second_opinion_agrees_with_the_rfc() -> None:
    """RFC 9180, appendix A.2.1, sequence number 0."""
    recipient = X25519PrivateKey.from_private_bytes(
        bytes.fromhex("8057991eef8f1f1af18f4a9491d16a1ce333f695d4db8e38da75975c4478e0fb")
    )
    ephemeral = X25519PrivateKey.from_private_bytes(
        bytes.fromhex("f4ec9b33b792c372c1d2c2063507b684ef925b8c75a42dbcbf57d63ccd381600")
    )
    info, aad, plaintext = b"Ode on a Grecian Urn", b"Count-0", b"Beauty is truth, truth beauty"
    expected = bytes.fromhex(
        "1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a"
        "1c5250d8034ec2b784ba2cfd69dbdb8af406cfe3ff938e131f0def8c8b60b4db21993c62ce81883d2dd1b51a28"
    )
    assert hpke.seal(plaintext, recipient.public_key(), ephemeral, info=info, aad=aad) == expected
    assert hpke.unseal(expected, recipient, info=info, aad=aad) == plaintext


def test_what_we_seal_opens_by_the_rfc() -> None:
    assert hpke.unseal(sealed(BADGE), KEY, info=INFO) == b'{"badge":"0123456789ABCDEF"}'.ljust(128)
    with_pin = BadgeCredential(badge="0123456789ABCDEF", pin="123456")
    assert hpke.unseal(sealed(with_pin), KEY, info=INFO) == b'{"badge":"0123456789ABCDEF","pin":"123456"}'.ljust(128)
    number = NumberCredential(employee_number="42", pin="123456")
    assert hpke.unseal(sealed(number), KEY, info=INFO) == b'{"employee_number":"42","pin":"123456"}'.ljust(128)


@pytest.mark.parametrize(
    ("plaintext", "credential"),
    [
        (b'{"badge":"0123456789ABCDEF"}', BADGE),
        (b'{ "pin" : "1" , "badge" : "\xc3\xb1" }', BadgeCredential(badge="ñ", pin="1")),
        (b'{"badge":"B","pin":null}', BadgeCredential(badge="B")),
        (b'{"employee_number":"","pin":""}', NumberCredential(employee_number="", pin="")),
        (b'{"employee_number":"7","pin":"1","note":[1]}', NumberCredential(employee_number="7", pin="1")),
    ],
)
def test_what_others_seal_by_the_rfc_opens(plaintext: bytes, credential: Credential) -> None:
    assert opened(sealed_by_hand(plaintext.ljust(128))) == credential


def test_what_was_sealed_once_still_opens() -> None:
    assert opened(from_binary(SEALED_ONCE)) == BADGE


@pytest.mark.parametrize(
    ("device_id", "log_id", "seq"),
    [
        (samples.DEVICE, samples.LOG, 8),
        (samples.DEVICE, samples.LOG, 6),
        (samples.DEVICE, samples.BOOT, 7),
        (samples.HUB, samples.LOG, 7),
    ],
)
def test_moved_to_another_place_it_does_not_open(device_id: UUID, log_id: UUID, seq: int) -> None:
    with pytest.raises(SealBroken, match="does not open"):
        opened(from_binary(SEALED_ONCE), device_id=device_id, log_id=log_id, seq=seq)


def test_another_key_does_not_open_it() -> None:
    with pytest.raises(SealBroken):
        open_sealed(sealed(BADGE), X25519PrivateKey.generate(), device_id=samples.DEVICE, log_id=samples.LOG, seq=7)


@given(where=st.integers(0, 175), bit=st.integers(0, 7))
@settings(max_examples=60, deadline=None)
def test_a_changed_bit_does_not_open(where: int, bit: int) -> None:
    data = bytearray(from_binary(SEALED_ONCE))
    data[where] ^= 1 << bit
    if where == 31 and bit == 7:
        return  # RFC 7748 section 5: the top bit of an X25519 point is not read, and HPKE binds it only as it was sent
    with pytest.raises(SealBroken):
        opened(bytes(data))


@pytest.mark.parametrize("data", [b"", b"x" * 31, bytes(32), bytes(176), bytes(47), b"\xff" * 176])
def test_what_was_never_sealed_is_broken(data: bytes) -> None:
    with pytest.raises(SealBroken):
        opened(data)


@given(
    st.builds(BadgeCredential, badge=st.text(max_size=20), pin=st.none() | st.text(max_size=6))
    | st.builds(NumberCredential, employee_number=st.text(max_size=10), pin=st.text(max_size=6))
)
@settings(max_examples=50, deadline=None)
def test_every_credential_has_the_same_length_sealed(credential: Credential) -> None:
    try:
        data = sealed(credential)
    except ValueError:
        return  # lone surrogates, or more bytes than the padding holds
    assert len(data) == 32 + 128 + 16


def test_a_credential_longer_than_its_padding_is_not_sealed() -> None:
    with pytest.raises(ValueError, match="at most 128 bytes"):
        sealed(BadgeCredential(badge="B" * 120))


@pytest.mark.parametrize(
    "plaintext",
    [
        b'{"badge":"0123456789ABCDEF"}',
        b'{"badge":"0123456789ABCDEF"}'.ljust(127),
        b'{"badge":"0123456789ABCDEF"}'.ljust(129),
        b"",
        b" " * 128,
        b'{"badge":1}'.ljust(128),
        b'{"badge":"A","badge":"B"}'.ljust(128),
        b'{"badge":"A\\u0000"}'.ljust(128),
        b'{"badge":"A","employee_number":"1"}'.ljust(128),
        b'{"employee_number":"1"}'.ljust(128),
        b'{"pin":"123456"}'.ljust(128),
        b'["badge"]'.ljust(128),
        b'{"badge":"\xff"}'.ljust(128),
        b'{"badge":"A"}'.ljust(128, b"\0"),
    ],
)
def test_sealed_content_that_is_no_padded_credential_is_broken(plaintext: bytes) -> None:
    with pytest.raises(SealBroken):
        opened(sealed_by_hand(plaintext))


@pytest.mark.parametrize(
    "credential",
    [NumberCredential(employee_number="4242", pin="123456"), BadgeCredential(badge="4242ABCD", pin="123456")],
)
def test_a_credential_does_not_print_itself(credential: Credential) -> None:
    printed = f"{credential} {credential!r} {[credential]}"
    assert "4242" not in printed
    assert "123456" not in printed
