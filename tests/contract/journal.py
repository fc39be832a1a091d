"""One device's journal: builds, seals and signs punches as section 4 of the page says."""

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from tests.contract.demo_file import DeviceKey, Employee
from tests.contract.primitives import Message, b64, now, unb64, uuid7, wire_time

PUNCH_PREFIX = b"attendance.v1|punch|"
SEALED_SIZE_BYTES = 128
SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
SYNC_AGE_MS = 1_500
"""How long before the punch the journal's clock claims to have synchronised."""


def badge(employee: Employee) -> Message:
    return {"badge": employee.badge}


def badge_and_pin(employee: Employee) -> Message:
    return {"badge": employee.badge, "pin": employee.pin}


def number_and_pin(employee: Employee) -> Message:
    return {"employee_number": employee.employee_number, "pin": employee.pin}


def digest(text: str) -> str:
    return b64(hashlib.sha256(PUNCH_PREFIX + text.encode()).digest())


def sealed_info(device_id: str, log_id: str, seq: int) -> bytes:
    return f"attendance.v1|sealed|{device_id}|{log_id}|{seq}".encode()


def boot_milliseconds() -> int:
    return int(time.clock_gettime(time.CLOCK_BOOTTIME) * 1000)


@dataclass(frozen=True)
class SealingKey:
    id: str
    public_key: bytes
    not_after: str

    @classmethod
    def latest(cls, keys: list[Message]) -> "SealingKey":
        """The key that a kiosk seals with: the one of the latest `not_after`."""
        chosen = max(keys, key=lambda key: str(key["not_after"]))
        return cls(chosen["id"], unb64(chosen["public_key"]), chosen["not_after"])

    def seal(self, plaintext: bytes, info: bytes) -> bytes:
        """Encapsulated key ‖ ciphertext."""
        return SUITE.encrypt(plaintext, X25519PublicKey.from_public_bytes(self.public_key), info=info)


def padded(credential: Mapping[str, object]) -> bytes:
    return json.dumps(credential).encode().ljust(SEALED_SIZE_BYTES)


@dataclass(frozen=True)
class Punch:
    """A signed punch. `text` is what was signed, byte for byte; `sealed` is the wire form of the sealed bytes."""

    text: str
    signature: str
    sealed: str
    members: Message

    @property
    def punch_id(self) -> str:
        return str(self.members["punch_id"])

    @property
    def digest(self) -> str:
        return digest(self.text)

    def fields(self) -> Message:
        return {"punch": self.text, "signature": self.signature, "sealed": self.sealed}


def clock_at(when: datetime, monotonic_ms: int, *, age_ms: int = SYNC_AGE_MS) -> Message:
    """A synchronised clock by which a punch at `monotonic_ms` happened at `when`."""
    hub_time = when - timedelta(milliseconds=age_ms)
    return {"hub_time": wire_time(hub_time), "monotonic_ms": monotonic_ms - age_ms, "uncertainty_ms": 4}


@dataclass
class Journal:
    """Punches of one device within one `log_id`. `seq` and `previous` describe the last punch that was appended."""

    device_id: str
    private_key: bytes
    sealing_key: SealingKey
    log_id: str = field(default_factory=uuid7)
    boot_id: str = field(default_factory=uuid7)
    seq: int = 0
    previous: str | None = None

    @classmethod
    def of(cls, device: DeviceKey, state: Message, *, log_id: str | None = None) -> "Journal":
        """A new journal of a device, sealing with what `welcome.device` or `device.state` offers."""
        return cls(
            device.device_id,
            device.private_key,
            SealingKey.latest(state["sealing_keys"]),
            log_id=log_id or uuid7(),
        )

    def punch(
        self,
        credential: Mapping[str, object] | bytes,
        *,
        kind: str = "auto",
        at: datetime | None = None,
        captured: str = "online",
        append: bool = True,
        sealed: bytes | None = None,
        **members: object,
    ) -> Punch:
        """The next punch, which happened at `at` (now by default) by its own clock.

        `credential` as bytes is sealed as it is, unpadded. `sealed` replaces the sealed bytes, the hash matching.
        `members` overrides members of the punch string. With `append=False` the journal stays where it was.
        """
        members = {"seq": self.seq + 1, "previous": self.previous, "log_id": self.log_id, **members}
        plaintext = credential if isinstance(credential, bytes) else padded(credential)
        if sealed is None:
            seq = members["seq"]
            assert isinstance(seq, int)
            sealed = self.sealing_key.seal(plaintext, sealed_info(self.device_id, str(members["log_id"]), seq))
        happened, monotonic_ms = at or now(), boot_milliseconds()
        document: Message = {
            "punch_id": uuid7(),
            "device_id": self.device_id,
            "kind": kind,
            "device_time": wire_time(happened),
            "boot_id": self.boot_id,
            "monotonic_ms": monotonic_ms,
            "clock": clock_at(happened, monotonic_ms),
            "captured": captured,
            "sealing_key_id": self.sealing_key.id,
            "sealed_sha256": b64(hashlib.sha256(sealed).digest()),
            **members,
        }
        signed = self.signed(json.dumps(document, separators=(",", ":"), ensure_ascii=False), sealed, document)
        if append:
            self.append(signed)
        return signed

    def signed(self, text: str, sealed: bytes, members: Message | None = None) -> Punch:
        """Signs any text as if it were a punch string."""
        key = Ed25519PrivateKey.from_private_bytes(self.private_key)
        signature = key.sign(PUNCH_PREFIX + text.encode("utf-8", "surrogatepass"))
        return Punch(text, b64(signature), b64(sealed), members or {})

    def append(self, punch: Punch) -> None:
        """Lets the next punch follow this one."""
        self.seq, self.previous = int(punch.members["seq"]), punch.digest
