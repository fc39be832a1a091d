"""The sample company: made once, kept in one private file, found again at each later start."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Final
from uuid import UUID, uuid4

import msgspec

from protocol.values import Role, format_time, to_binary
from server.demo.names import sample_names
from storage.embedded import write_private

_SITES: Final = (
    ("Planta Norte", "Europe/Madrid", 80, ("Producción", "Logística", "Calidad", "Administración")),
    ("Almacén Las Palmas", "Atlantic/Canary", 80, ("Almacén", "Reparto")),
    ("Oficina Buenos Aires", "America/Argentina/Buenos_Aires", 80, ("Soporte", "Ventas")),
)
"""Name, time zone, employees and departments of each site."""
_FIRST_NUMBER: Final = 1001
_HIRED_DAYS_AGO: Final = 2_000  # so that what a terminal captured long before the first start finds its person


class CompanyError(Exception):
    """The company's file can't be used; the text says why."""


class Use(StrEnum):
    """Who uses a kiosk of the company."""

    SIMULATED = "simulated"
    TERMINAL = "terminal"
    """The kiosk that opens on a person's terminal."""
    SPARE = "spare"
    """Nobody: it is there for tests and for whoever writes a client."""


class Site(msgspec.Struct, frozen=True):
    site_id: UUID
    name: str
    time_zone: str


class Department(msgspec.Struct, frozen=True):
    department_id: UUID
    site_id: UUID
    name: str


class Employee(msgspec.Struct, frozen=True):
    employee_id: UUID
    employee_number: str
    badge: str
    pin: str
    display_name: str
    site_id: UUID
    department_id: UUID


class Device(msgspec.Struct, frozen=True):
    device_id: UUID
    site_id: UUID
    name: str
    private_key: str
    """Ed25519, the raw 32 bytes (base64url)."""
    use: Use


class Account(msgspec.Struct, frozen=True):
    account_id: UUID
    role: Role
    username: str
    password: str
    site_ids: list[UUID] | None
    """None: all."""


class Company(msgspec.Struct, frozen=True):
    hired_at: str
    """RFC 3339: since when everyone works here and holds their badge."""
    sites: list[Site]
    departments: list[Department]
    employees: list[Employee]
    devices: list[Device]
    accounts: list[Account]

    @property
    def terminal(self) -> Device:
        return next(device for device in self.devices if device.use is Use.TERMINAL)


def load_or_make_company(path: Path) -> Company:
    """The company kept at `path`; where there is none it is made and kept (mode 0600).

    Raises:
        CompanyError: the file isn't one of ours.
    """
    if not path.exists():
        write_private(path, msgspec.json.format(msgspec.json.encode(make_company()), indent=1).decode())
    try:
        return msgspec.json.decode(path.read_bytes(), type=Company)
    except (msgspec.MsgspecError, OSError) as fault:
        # The fault's own text could quote a key.
        raise CompanyError(
            f"{path} is not a demo's company ({type(fault).__name__}); start with another --data"
        ) from None


_KIOSKS: Final = (
    (Use.SIMULATED, Use.TERMINAL, Use.SPARE),
    (Use.SIMULATED, Use.SPARE),
    (Use.SIMULATED,),
)
"""Each site has a kiosk that moves its board; the first, which its supervisor sees alone, one of every use."""


def make_company() -> Company:
    """Three sites, eight departments, 240 employees and six kiosks, with names that never vary and fresh secrets."""
    sites: list[Site] = []
    departments: list[Department] = []
    employees: list[Employee] = []
    devices: list[Device] = []
    names = iter(sample_names(sum(site[2] for site in _SITES)))
    for (site_name, time_zone, people, department_names), kiosks in zip(_SITES, _KIOSKS, strict=True):
        site = Site(uuid4(), site_name, time_zone)
        at_site = [Department(uuid4(), site.site_id, name) for name in department_names]
        employees += [
            Employee(
                employee_id=uuid4(),
                employee_number=str(_FIRST_NUMBER + len(employees) + index),
                # With a letter: a kiosk takes digits that fingers type for a number, and here badges are typed by hand.
                badge=f"04A{secrets.token_hex(6).upper()}",
                pin=f"{secrets.randbelow(1_000_000):06}",
                display_name=next(names),
                site_id=site.site_id,
                department_id=at_site[index % len(at_site)].department_id,
            )
            for index in range(people)
        ]
        devices += [
            Device(uuid4(), site.site_id, f"Terminal {number}", to_binary(secrets.token_bytes(32)), use)
            for number, use in enumerate(kiosks, start=1)
        ]
        sites.append(site)
        departments += at_site
    return Company(
        hired_at=format_time(datetime.now(UTC) - timedelta(days=_HIRED_DAYS_AGO)),
        sites=sites,
        departments=departments,
        employees=employees,
        devices=devices,
        accounts=[
            _account(Role.ADMIN, "admin", None),
            _account(Role.SUPERVISOR, "norte", [sites[0]]),
            _account(Role.SUPERVISOR, "islas", sites[1:]),
            _account(Role.INSPECTOR, "inspector", None),
        ],
    )


def _account(role: Role, username: str, sites: list[Site] | None) -> Account:
    site_ids = None if sites is None else [site.site_id for site in sites]
    return Account(uuid4(), role, username, secrets.token_urlsafe(12), site_ids)
