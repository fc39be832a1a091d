"""Puts the sample company into a database that has its schema: all of it in one transaction, once."""

from __future__ import annotations

import asyncio
from uuid import UUID

import asyncpg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from protocol.values import DeviceStatus, from_binary, parse_time
from server.demo.company import Company, Device
from server.secrets.provider import SecretsProvider
from server.services.person_seal import Personal, seal_new
from server.services.pin_hashes import HashSecret, keep_pin
from storage import models
from storage.repositories import accounts, enrolment, personal

"""argon2id of a password, or of a PIN's keyed hash."""

_IS_SEEDED = "SELECT EXISTS (SELECT FROM sites WHERE site_id = $1)"


async def seed(migrator_dsn: str, company: Company, secrets: SecretsProvider, hash_secret: HashSecret) -> bool:
    """Add the company unless it is there already; whether it was added.

    Hashing a PIN or a password takes tens of milliseconds of a core: a first start spends some seconds here.
    """
    connection = await asyncpg.connect(migrator_dsn)
    try:
        if await connection.fetchval(_IS_SEEDED, company.sites[0].site_id):
            return False
        pins = await _pin_hashes(company, secrets, hash_secret)
        to_add = await _hashed_accounts(company, hash_secret)
        hired_at = parse_time(company.hired_at)
        async with connection.transaction():
            await enrolment.add_sites(
                connection, [models.Site(site.site_id, site.name, site.time_zone) for site in company.sites]
            )
            await enrolment.add_departments(
                connection,
                [models.Department(item.department_id, item.site_id, item.name) for item in company.departments],
            )
            await enrolment.add_employees(connection, _employees(company), hired_at)
            await personal.keep(connection, _sealed(company, secrets))
            badges = [(secrets.badge_hash(employee.badge), employee.employee_id) for employee in company.employees]
            await enrolment.assign_badges(connection, badges, hired_at)
            await enrolment.set_pins(connection, pins)
            await enrolment.add_devices(connection, [_device(device) for device in company.devices])
            for account in to_add:
                await accounts.add_account(connection, account)
        return True
    finally:
        await connection.close()


async def _pin_hashes(company: Company, secrets: SecretsProvider, hash_secret: HashSecret) -> list[tuple[UUID, str]]:
    kept = await asyncio.gather(
        *(keep_pin(secrets, hash_secret, employee.employee_id, employee.pin) for employee in company.employees)
    )
    return [(employee.employee_id, pin_hash) for employee, pin_hash in zip(company.employees, kept, strict=True)]


async def _hashed_accounts(company: Company, hash_secret: HashSecret) -> list[accounts.Account]:
    return [
        accounts.Account(
            account_id=account.account_id,
            username=account.username,
            role=account.role,
            password_hash=await hash_secret(account.password.encode()),
            site_ids=account.site_ids,
        )
        for account in company.accounts
    ]


def _employees(company: Company) -> list[models.Employee]:
    return [
        models.Employee(
            employee_id=employee.employee_id,
            employee_number=employee.employee_number,
            display_name=employee.display_name,
            site_id=employee.site_id,
            department_id=employee.department_id,
            active=True,
            badges=1,
        )
        for employee in company.employees
    ]


def _sealed(company: Company, secrets: SecretsProvider) -> list[models.SealedPerson]:
    return [
        seal_new(secrets, employee.employee_id, Personal(display_name=employee.display_name))
        for employee in company.employees
    ]


def _device(device: Device) -> models.Device:
    key = Ed25519PrivateKey.from_private_bytes(from_binary(device.private_key, length=32))
    return models.Device(
        device_id=device.device_id,
        site_id=device.site_id,
        name=device.name,
        public_key=key.public_key().public_bytes_raw(),
        status=DeviceStatus.ACTIVE,
        revoked_at=None,
        log_id=None,
    )
