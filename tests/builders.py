"""A small company and its terminals, made by hand: `a_device()`, `a_punch(kind=…)`, each with defaults for the rest."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID, uuid4

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

from protocol.commands import Clock, Punch, PunchRecord
from protocol.sealing import BadgeCredential, Credential, seal
from protocol.signing import punch_digest, punch_text, sealed_digest, sign_punch
from protocol.values import Captured, DeviceStatus, Kind, format_time, from_binary, to_binary
from server.secrets.provider import SecretsProvider
from server.services.person_seal import Personal, seal_new
from storage.models import Department, Device, Employee, Site
from storage.postgres import Connection
from storage.repositories import enrolment, personal

HIRED_AT: Final = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass
class ADevice:
    """A terminal and the journal that it signs on. `seq` and `digest` are its end."""

    site_id: UUID
    device_id: UUID = field(default_factory=uuid4)
    log_id: UUID = field(default_factory=uuid4)
    boot_id: UUID = field(default_factory=uuid4)
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    status: DeviceStatus = DeviceStatus.ACTIVE
    seq: int = 0
    digest: str | None = None

    @property
    def row(self) -> Device:
        key = self.key.public_key().public_bytes_raw()
        return Device(self.device_id, self.site_id, f"Terminal {self.device_id}", key, self.status, None, self.log_id)


def a_device(site: Site, *, status: DeviceStatus = DeviceStatus.ACTIVE) -> ADevice:
    return ADevice(site.site_id, status=status)


def a_punch(
    secrets: SecretsProvider,
    device: ADevice,
    credential: Credential | str,
    *,
    kind: Kind = Kind.AUTO,
    at: datetime | None = None,
    captured: Captured = Captured.ONLINE,
    dated: bool = True,
) -> PunchRecord:
    """The next punch of a device's journal, by a badge or another credential; `dated` false leaves `clock` null."""
    moment = datetime.now(UTC) - timedelta(seconds=5) if at is None else at
    public = secrets.public_sealing_keys()[0]
    seq = device.seq + 1
    sealed = seal(
        BadgeCredential(badge=credential) if isinstance(credential, str) else credential,
        X25519PublicKey.from_public_bytes(from_binary(public.public_key)),
        device_id=device.device_id,
        log_id=device.log_id,
        seq=seq,
    )
    punch = Punch(
        punch_id=uuid4(),
        device_id=device.device_id,
        log_id=device.log_id,
        seq=seq,
        kind=kind,
        device_time=format_time(moment),
        boot_id=device.boot_id,
        monotonic_ms=60_000,
        captured=captured,
        sealing_key_id=public.id,
        sealed_sha256=sealed_digest(sealed),
        previous=device.digest,
        clock=Clock(hub_time=format_time(moment), monotonic_ms=60_000, uncertainty_ms=1) if dated else None,
    )
    text = punch_text(punch)
    device.seq, device.digest = seq, punch_digest(text)
    return PunchRecord(id=seq, punch=text, signature=sign_punch(device.key, text), sealed=to_binary(sealed))


def resigned(device: ADevice, record: PunchRecord, **changes: object) -> PunchRecord:
    """The same place with other bytes, rightly signed: what a copied or damaged terminal may send."""
    fields = msgspec.json.decode(record.punch)
    text = msgspec.json.encode(fields | changes).decode()
    return msgspec.structs.replace(record, punch=text, signature=sign_punch(device.key, text))


@dataclass
class Company:
    """Sites in two time zones with people; everyone has the badge `badge_of`."""

    sites: list[Site]
    departments: list[Department]
    employees: list[Employee]

    def people_of(self, site: Site) -> list[Employee]:
        return [employee for employee in self.employees if employee.site_id == site.site_id]


def badge_of(employee: Employee) -> str:
    return f"BADGE{employee.employee_number:0>6}"


def a_company(*, sites: int = 2, people: int = 3) -> Company:
    """`people` to a site; each site has two departments, between which they alternate."""
    zones = ["Europe/Madrid", "America/Argentina/Buenos_Aires", "Atlantic/Canary"]
    made = [Site(uuid4(), f"Site {number + 1}", zones[number % 3]) for number in range(sites)]
    departments = [
        Department(uuid4(), site.site_id, f"{name} of {site.name}") for site in made for name in ("North", "South")
    ]
    employees = [
        Employee(
            employee_id=uuid4(),
            employee_number=str(number * people + person + 1),
            display_name=f"Person {number * people + person + 1}",
            site_id=site.site_id,
            department_id=departments[2 * number + person % 2].department_id,
            active=True,
            badges=1,
        )
        for number, site in enumerate(made)
        for person in range(people)
    ]
    return Company(made, departments, employees)


async def add_people(connection: Connection, secrets: SecretsProvider, people: Sequence[Employee]) -> None:
    """Employees since `HIRED_AT`, with their names."""
    await enrolment.add_employees(connection, people, HIRED_AT)
    await personal.keep(
        connection, [seal_new(secrets, one.employee_id, Personal(display_name=one.display_name)) for one in people]
    )


async def enrol(
    connection: Connection, secrets: SecretsProvider, company: Company, devices: Sequence[ADevice] = ()
) -> None:
    """Write a company and its terminals into an empty database, as its owner."""
    await enrolment.add_sites(connection, company.sites)
    await enrolment.add_departments(connection, company.departments)
    await add_people(connection, secrets, company.employees)
    badges = [(secrets.badge_hash(badge_of(employee)), employee.employee_id) for employee in company.employees]
    await enrolment.assign_badges(connection, badges, HIRED_AT)
    await enrolment.add_devices(connection, [device.row for device in devices])
