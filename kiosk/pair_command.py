"""`attendance-kiosk pair`: enrols this terminal by a code from standard input, for scripts and at a distance."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import sys
from collections.abc import Sequence

from kiosk.clock import wall_clock
from kiosk.folders import add_place
from kiosk.identity import Identity, IdentityError, load_identity
from kiosk.link.client import websocket_url
from kiosk.link.enrolment import PairingFailed, PairingTrouble
from kiosk.pairing import own_name, pair
from kiosk.settings import SettingsError, load_settings
from protocol.pairing import in_groups

MAX_CODE_CHARACTERS = 200


def main(arguments: Sequence[str]) -> int:
    """Exit code: 0 enrolled (also when it was already), 1 not, with one line on standard error, 2 usage."""
    parser = _parser()
    options = parser.parse_args(arguments)
    os.umask(0o077)
    try:
        websocket_url(options.hub)
    except ValueError as fault:
        parser.error(f"--hub: {fault}")
    try:
        identity = load_identity(options.data)
        if identity is None:
            identity = asyncio.run(
                pair(
                    options.data,
                    options.hub,
                    _typed(),
                    name=options.name or own_name(platform.node()),
                    now=wall_clock(),
                    settings=load_settings(os.environ),
                )
            )
        else:
            sys.stderr.write("attendance-kiosk pair: this terminal is enrolled already\n")
    except PairingFailed as failed:
        hint = _HINTS.get(failed.trouble, "")
        sys.stderr.write(f"attendance-kiosk pair: {failed.trouble}: {failed.detail}{hint}\n")
        return 1
    except (IdentityError, SettingsError) as fault:
        sys.stderr.write(f"attendance-kiosk pair: {fault}\n")
        return 1
    _print(identity, as_json=options.json)
    return 0


_HINTS = {
    PairingTrouble.CODE_REFUSED: " (mistyped, used or expired: ask for a new one)",
    PairingTrouble.TOO_MANY: " (try again in some minutes)",
}


def _typed() -> str:
    if sys.stdin.isatty():
        sys.stderr.write("Pairing code: ")
        sys.stderr.flush()
    return sys.stdin.readline(MAX_CODE_CHARACTERS)


def _print(identity: Identity, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(f"{json.dumps({'device_id': str(identity.device_id), 'fingerprint': identity.fingerprint})}\n")
    else:
        sys.stdout.write(f"fingerprint  {in_groups(identity.fingerprint)}\ndevice       {identity.device_id}\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="attendance-kiosk pair",
        description="Enrol this terminal at a hub. The pairing code is read from standard input; the fingerprint that "
        "is printed is what an administrator compares and confirms. If interrupted, do it again with the same code.",
    )
    add_place(parser)
    parser.add_argument("--name", help="what this terminal calls itself in the hub's audit (the machine's name)")
    parser.add_argument("--json", action="store_true", help="one JSON object: device_id, fingerprint")
    return parser
