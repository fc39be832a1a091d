"""`attendance-hub settings`: what can be set, what is, and where it comes from; `--example` writes a file of it all."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Final

from server.settings import PREFIX, Settings, read_settings, settings_table

SECRET: Final = frozenset(PREFIX + item.name.upper() for item in fields(Settings) if not item.repr)
"""Variables whose values are never shown: those that the settings' own `repr` leaves out."""
_UNITS: Final = ("milliseconds", "seconds", "minutes", "days", "bytes", "kib", "characters")


def add_settings_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `settings` to `attendance-hub`'s commands."""
    shown = commands.add_parser(
        "settings",
        help="list the settings, their values and meanings, and check them",
        description="List every setting with its value, where that comes from, and its meaning; then check them all.",
    )
    shown.add_argument("--example", action="store_true", help="write an environment file that documents each")
    shown.set_defaults(run=_settings)


def example() -> Iterator[str]:
    """The lines of an environment file: every variable with its meaning; required ones are to be filled in."""
    yield "# Every setting of a hub, as `attendance-hub settings --example` writes it. Copy it, mode 0600, and fill in."
    yield "# Each may come from a file instead: <VARIABLE>_FILE names it. What is commented out is the default."
    for row in settings_table():
        yield ""
        yield f"# {_meaning(row.variable, row.description)}{'; required' if row.default is None else ''}"
        yield f"{row.variable}=" if row.default is None else f"#{row.variable}={row.default}"


def listing(environment: Mapping[str, str]) -> Iterator[str]:
    """Each setting's line: value, source, meaning. A secret is `set` or `not set`, a file is not opened."""
    for row in settings_table():
        in_file, given = f"{row.variable}_FILE" in environment, environment.get(row.variable)
        if in_file:
            value, source = "set", f"file of {row.variable}_FILE"
        elif given is not None:
            value, source = ("set" if row.variable in SECRET else repr(given)), "environment"
        elif row.default is None:
            value, source = "not set", "required"
        else:
            value, source = ("not set" if row.variable in SECRET else repr(row.default)), "default"
        yield f"{row.variable} = {value} ({source}): {_meaning(row.variable, row.description)}"


def _meaning(variable: str, description: str) -> str:
    words = variable.lower().replace("_ms", "_milliseconds").split("_")
    unit = next((unit for unit in _UNITS if unit in words), None)
    return description if unit is None else f"{description} [{'KiB' if unit == 'kib' else unit}]"


def _settings(arguments: argparse.Namespace) -> None:
    for line in example() if arguments.example else listing(os.environ):
        sys.stdout.write(line + "\n")
    if not arguments.example:
        sys.stdout.flush()
        read_settings(os.environ)
