"""The campaign's company: sites in two time zones, people who roam between them, kiosks, supervisors of each scope."""

import asyncio
import json
import secrets
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
from argon2 import PasswordHasher

from protocol.values import Role, to_binary
from server.secrets.provider import SecretsProvider
from server.services.pin_hashes import keep_pin
from storage.repositories import enrolment
from storage.repositories.accounts import Account, add_account
from tests.builders import ADevice, Company, a_company, a_device, badge_of, enrol

PEOPLE_WITH_PIN = 12


@dataclass(frozen=True)
class SignIn:
    """An account with its password; `site_ids` None: all."""

    username: str
    password: str
    role: Role
    site_ids: list[UUID] | None


@dataclass(frozen=True)
class Staff:
    """What was made, as the campaign hands it out."""

    company: Company
    kiosks: list[ADevice]
    outsiders: list[ADevice]
    sign_ins: list[SignIn]
    pins: dict[UUID, str]

    def write(self, path: Path, *, url: str) -> None:
        """In the form of `demo.json`, which the product's kiosk and the contract's client both read."""
        document = {
            "url": url,
            "ws_url": f"{url.replace('http', 'ws', 1)}/ws",
            "postgres_dsn": "",
            "redis_url": "",
            "sites": [
                {"site_id": str(site.site_id), "name": site.name, "time_zone": site.time_zone}
                for site in self.company.sites
            ],
            "accounts": [
                {
                    "role": sign_in.role.value,
                    "username": sign_in.username,
                    "password": sign_in.password,
                    "totp_secret": None,
                    "site_ids": None if sign_in.site_ids is None else [str(site) for site in sign_in.site_ids],
                }
                for sign_in in self.sign_ins
            ],
            "devices": [
                {
                    "device_id": str(device.device_id),
                    "site_id": str(device.site_id),
                    "private_key": to_binary(device.key.private_bytes_raw()),
                    "spare": device in self.outsiders,
                }
                for device in (*self.kiosks, *self.outsiders)
            ],
            "employees": [
                {
                    "employee_id": str(person.employee_id),
                    "employee_number": person.employee_number,
                    "badge": badge_of(person),
                    "pin": self.pins.get(person.employee_id, ""),
                    "display_name": person.display_name,
                    "site_id": str(person.site_id),
                    "department_id": str(person.department_id),
                }
                for person in self.company.employees
            ],
        }
        path.write_text(json.dumps(document))
        path.chmod(0o600)


async def found_company(
    migrator_dsn: str, provider: SecretsProvider, *, sites: int, people_per_site: int, kiosks: int, outsiders: int
) -> Staff:
    """Make the company and write it into an empty database."""
    company = a_company(sites=sites, people=people_per_site)
    devices = [a_device(company.sites[number % sites]) for number in range(kiosks + outsiders)]
    own = company.sites[0].site_id
    sign_ins = [
        SignIn("admin", secrets.token_urlsafe(12), Role.ADMIN, None),
        SignIn("first", secrets.token_urlsafe(12), Role.SUPERVISOR, [own]),
        SignIn("rest", secrets.token_urlsafe(12), Role.SUPERVISOR, [site.site_id for site in company.sites[1:]]),
    ]
    pins = {person.employee_id: f"{secrets.randbelow(10**6):06}" for person in company.employees[:PEOPLE_WITH_PIN]}
    hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
    connection = await asyncpg.connect(migrator_dsn)
    try:
        await enrol(connection, provider, company, devices)

        async def hashed(secret: bytes) -> str:
            return await asyncio.to_thread(hasher.hash, secret)

        hashes = [(person, await keep_pin(provider, hashed, person, pin)) for person, pin in pins.items()]
        await enrolment.set_pins(connection, hashes)
        for sign_in in sign_ins:
            password_hash = await asyncio.to_thread(hasher.hash, sign_in.password.encode())
            await add_account(
                connection,
                Account(
                    account_id=uuid4(),
                    username=sign_in.username,
                    role=sign_in.role,
                    password_hash=password_hash,
                    site_ids=sign_in.site_ids,
                ),
            )
    finally:
        await connection.close()
    return Staff(company, devices[:kiosks], devices[kiosks:], sign_ins, pins)
