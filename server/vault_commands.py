"""`attendance-hub secrets init`: a Vault made ready for hubs, and a wrapped secret id for one. Shows no secret."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path
from typing import Final

from server.secrets.local import utc_now
from server.secrets.provider import SecretsUnavailable
from server.secrets.vault import VaultSecrets
from server.secrets.vault_client import VaultClient
from server.secrets.vault_session import VaultSession
from server.secrets.vault_setup import HUB, ROTATOR, hand_out, initialise
from server.settings import text_of
from server.telemetry.logging import configure_logging

ADMIN_TOKEN: Final = "ATTENDANCE_VAULT_ADMIN_TOKEN"  # noqa: S105 - a variable's name
"""A token that may set Vault up; used once. No hub ever has it."""
_ROLES: Final = {"hub": HUB, "rotator": ROTATOR}


def add_init(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `init` to the commands of `attendance-hub secrets`."""
    init = commands.add_parser(
        "init",
        help="make a Vault ready for hubs",
        description="Make engines, keys, policies and roles in Vault or OpenBao, and the hubs' keys where there are "
        "none, then write a wrapped secret id for one hub (or rotator) into a file of mode 0600. It serves once: each "
        f"has its own. To be repeated for each, and after an update. The token is that of {ADMIN_TOKEN} (or what "
        f"{ADMIN_TOKEN}_FILE holds).",
    )
    init.add_argument("--url", required=True, help="Vault's address")
    init.add_argument("--ca-file", type=Path, help="PEM of who vouches for it (default: the system's own)")
    init.add_argument("--role", choices=sorted(_ROLES), default="hub", help="whom the secret id is for (default: hub)")
    init.add_argument("--wrapped-file", type=Path, required=True, help="where to write the wrapped secret id")
    init.set_defaults(run=_init)


def _init(arguments: argparse.Namespace) -> None:
    configure_logging("warning")
    try:
        token = text_of(ADMIN_TOKEN)
    except ValueError as fault:
        raise SecretsUnavailable(f"{ADMIN_TOKEN} {fault}") from None
    if not token:
        raise SecretsUnavailable(f"{ADMIN_TOKEN} is missing (a token that may set Vault up)")
    role_id = asyncio.run(
        _made_ready(arguments.url, arguments.ca_file, token, _ROLES[arguments.role], arguments.wrapped_file.absolute())
    )
    sys.stdout.write(f"{arguments.role}: role id {role_id}, wrapped secret id in {arguments.wrapped_file}\n")


async def _made_ready(url: str, ca_file: Path | None, token: str, role: str, wrapped_file: Path) -> str:
    client = VaultClient(url, ca_file=ca_file)
    try:
        await initialise(client, token)
        with tempfile.TemporaryDirectory() as folder:
            rotator = VaultSession(client, await hand_out(client, token, ROTATOR, Path(folder) / "wrapped"))
            await rotator.start()
            try:
                await VaultSecrets.open(rotator, clock=utc_now, may_rotate=True)
            finally:
                await rotator.stop()
        return (await hand_out(client, token, role, wrapped_file)).role_id
    finally:
        client.close()
