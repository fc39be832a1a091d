"""What a punch must be before anyone asks the database: signed by its device, over these very bytes."""

from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest

from protocol.commands import PunchRecord
from protocol.errors import ErrorCode, Invalid
from protocol.signing import sign_punch
from protocol.values import from_binary, to_binary
from server.errors import Refused
from server.secrets.local import LocalSecrets, open_key_file
from server.services.preparation import OpenedBadge
from tests.builders import ADevice, a_punch
from tests.server.services.desk import a_preparation, prepare

BADGE = "BADGE000001"


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> LocalSecrets:
    folder: Path = tmp_path_factory.mktemp("keys")
    return open_key_file(folder / "keys.json")


@pytest.fixture
def device() -> ADevice:
    return ADevice(uuid4())


def test_a_rightly_signed_punch_is_ready_for_its_journal(secrets: LocalSecrets, device: ADevice) -> None:
    first, second = (a_punch(secrets, device, BADGE) for _ in range(2))
    prepared = [prepare(a_preparation(secrets), one, device) for one in (first, second)]
    assert [one.key for one in prepared] == [(device.device_id, device.log_id, seq) for seq in (1, 2)]
    assert prepared[0].previous is None
    assert prepared[1].previous == prepared[0].digest
    assert device.digest == to_binary(prepared[1].digest)
    assert [(one.text, one.signature, one.sealed) for one in prepared] == [
        (one.punch, from_binary(one.signature), from_binary(one.sealed)) for one in (first, second)
    ]
    assert prepared[0].opened == OpenedBadge(secrets.badge_hash(BADGE), BADGE, None)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda signature, _: signature[:-4] + "AAAA",
        lambda signature, _: signature + "AA",
        lambda signature, _: signature[:-1],
        lambda signature, _: f"{signature}==",
        lambda _, device: sign_punch(ADevice(device.site_id).key, "{}"),
        lambda _, __: "",
        lambda _, __: to_binary(bytes(64)),
    ],
    ids=["another end", "longer", "shorter", "padded", "another key", "empty", "zeros"],
)
def test_anything_else_is_not_signed(
    secrets: LocalSecrets, device: ADevice, spoil: Callable[[str, ADevice], str]
) -> None:
    record = a_punch(secrets, device, BADGE)
    refused(secrets, device, msgspec.structs.replace(record, signature=spoil(record.signature, device)), "signature")


def test_a_signature_over_the_bare_text_is_none(secrets: LocalSecrets, device: ADevice) -> None:
    """Without the prefix, what a device signs elsewhere could pass for a punch."""
    record = a_punch(secrets, device, BADGE)
    bare = to_binary(device.key.sign(record.punch.encode()))
    refused(secrets, device, msgspec.structs.replace(record, signature=bare), "signature")


def test_the_signature_is_over_the_text_as_it_came(secrets: LocalSecrets, device: ADevice) -> None:
    record = a_punch(secrets, device, BADGE)
    refused(secrets, device, msgspec.structs.replace(record, punch=record.punch + " "), "signature")


@pytest.mark.parametrize("sealed", ["AAAA", "YQ==", ""])
def test_sealed_bytes_are_those_that_were_signed(secrets: LocalSecrets, device: ADevice, sealed: str) -> None:
    record = a_punch(secrets, device, BADGE)
    refused(secrets, device, msgspec.structs.replace(record, sealed=sealed), "sealed")


def test_another_devices_punch_is_forbidden_whoever_signed_it(secrets: LocalSecrets, device: ADevice) -> None:
    record = a_punch(secrets, ADevice(device.site_id, key=device.key), BADGE)
    with pytest.raises(Refused) as refusal:
        a_preparation(secrets).check(record, device.device_id, device.row.public_key)
    assert refusal.value.code is ErrorCode.FORBIDDEN


def refused(secrets: LocalSecrets, device: ADevice, record: PunchRecord, field: str) -> None:
    with pytest.raises(Invalid) as fault:
        a_preparation(secrets).check(record, device.device_id, device.row.public_key)
    assert fault.value.field == field
