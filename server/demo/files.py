"""The file that a running demo offers to its clients."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from server.demo.company import Company, Use
from storage.embedded import write_private


def write_demo_file(path: Path, company: Company, *, url: str, ws_url: str, postgres_dsn: str, redis_url: str) -> None:
    """Replace `demo.json` (mode 0600): where everything is, and every credential of the sample company."""
    document: dict[str, Any] = {
        "url": url,
        "ws_url": ws_url,
        "postgres_dsn": postgres_dsn,
        "redis_url": redis_url,
        "sites": company.sites,
        "accounts": [
            {
                "role": account.role,
                "username": account.username,
                "password": account.password,
                "totp_secret": None,
                "site_ids": account.site_ids,
            }
            for account in company.accounts
        ],
        "devices": [
            {
                "device_id": device.device_id,
                "site_id": device.site_id,
                "private_key": device.private_key,
                "spare": device.use is Use.SPARE,
            }
            for device in company.devices
        ],
        "employees": company.employees,
    }
    write_private(path, msgspec.json.format(msgspec.json.encode(document), indent=1).decode())
