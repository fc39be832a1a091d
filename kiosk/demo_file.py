"""`demo.json`: the sample company as the demo describes it to its clients."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import msgspec

from kiosk.identity import Identity


class DemoFileError(Exception):
    """The file can't be used; the message says why in plain words."""


class Site(msgspec.Struct, frozen=True):
    site_id: UUID
    name: str
    time_zone: str


class Device(msgspec.Struct, frozen=True):
    device_id: UUID
    site_id: UUID
    private_key: str
    """The raw 32 bytes of the Ed25519 key (base64url)."""
    spare: bool
    """Kept for tests: no kiosk of the demo uses it."""

    def identity(self) -> Identity:
        """Raises DemoFileError."""
        try:
            return Identity.of(str(self.device_id), self.private_key)
        except ValueError:
            raise DemoFileError(f"the key of device {self.device_id} is damaged") from None


class Employee(msgspec.Struct, frozen=True):
    employee_id: UUID
    employee_number: str
    badge: str
    pin: str
    display_name: str
    site_id: UUID
    department_id: UUID


class DemoFile(msgspec.Struct, frozen=True):
    url: str
    sites: list[Site]
    devices: list[Device]
    employees: list[Employee]

    def site_of(self, device: Device) -> Site:
        """Raises DemoFileError."""
        for site in self.sites:
            if site.site_id == device.site_id:
                return site
        raise DemoFileError(f"device {device.device_id} stands at no listed site")

    def device(self, device_id: UUID) -> Device:
        """Raises DemoFileError."""
        for device in self.devices:
            if device.device_id == device_id:
                return device
        raise DemoFileError(f"no device {device_id} in the demo's file")

    def name_of(self, device: Device) -> str:
        """What a terminal is called on its own screen: its number within the site."""
        at_site = [other.device_id for other in self.devices if other.site_id == device.site_id]
        return f"Terminal {at_site.index(device.device_id) + 1}"


def load_demo_file(path: Path) -> DemoFile:
    """Raises DemoFileError."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=DemoFile)
    except OSError as fault:
        raise DemoFileError(f"{path.name} can't be read: {fault.strerror}") from None
    except msgspec.MsgspecError as fault:
        raise DemoFileError(f"{path.name} is not a demo's file: {fault}") from None
