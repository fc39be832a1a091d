"""`demo.json`: what the demo tells a client about the sample company."""

import json
from dataclasses import dataclass
from pathlib import Path

from tests.contract.primitives import unb64


@dataclass(frozen=True)
class Site:
    site_id: str
    name: str
    time_zone: str


@dataclass(frozen=True)
class Account:
    role: str
    username: str
    password: str
    totp_secret: str | None
    site_ids: tuple[str, ...] | None
    """None means every site."""


@dataclass(frozen=True)
class DeviceKey:
    device_id: str
    site_id: str
    private_key: bytes
    """Ed25519, the raw 32 bytes."""
    spare: bool


@dataclass(frozen=True)
class Employee:
    employee_id: str
    employee_number: str
    badge: str
    pin: str
    display_name: str
    site_id: str
    department_id: str


@dataclass(frozen=True)
class DemoFile:
    url: str
    ws_url: str
    postgres_dsn: str
    redis_url: str
    sites: tuple[Site, ...]
    accounts: tuple[Account, ...]
    devices: tuple[DeviceKey, ...]
    employees: tuple[Employee, ...]

    @classmethod
    def load(cls, path: Path) -> "DemoFile":
        document = json.loads(path.read_text())
        return cls(
            url=document["url"],
            ws_url=document["ws_url"],
            postgres_dsn=document["postgres_dsn"],
            redis_url=document["redis_url"],
            sites=tuple(Site(item["site_id"], item["name"], item["time_zone"]) for item in document["sites"]),
            accounts=tuple(
                Account(
                    role=item["role"],
                    username=item["username"],
                    password=item["password"],
                    totp_secret=item["totp_secret"],
                    site_ids=None if item["site_ids"] is None else tuple(item["site_ids"]),
                )
                for item in document["accounts"]
            ),
            devices=tuple(
                DeviceKey(item["device_id"], item["site_id"], unb64(item["private_key"]), item["spare"])
                for item in document["devices"]
            ),
            employees=tuple(
                Employee(
                    employee_id=item["employee_id"],
                    employee_number=item["employee_number"],
                    badge=item["badge"],
                    pin=item["pin"],
                    display_name=item["display_name"],
                    site_id=item["site_id"],
                    department_id=item["department_id"],
                )
                for item in document["employees"]
            ),
        )

    def site(self, site_id: str) -> Site:
        return next(site for site in self.sites if site.site_id == site_id)

    @property
    def spares(self) -> tuple[DeviceKey, ...]:
        """The two devices, at different sites, that nobody else uses."""
        return tuple(device for device in self.devices if device.spare)

    def account(self, role: str) -> Account:
        """The first account of a role."""
        return next(account for account in self.accounts if account.role == role)

    @property
    def one_site_supervisor(self) -> Account:
        supervisor = self.account("supervisor")
        assert supervisor.site_ids is not None
        assert len(supervisor.site_ids) == 1
        return supervisor
