"""Every limit, timeout and interval of a kiosk and of the admins' command line, with its unit and default.

Each can be set by the environment variable `ATTENDANCE_KIOSK_<FIELD>`, e.g. `ATTENDANCE_KIOSK_ANSWERED_KEPT_DAYS=30`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Final, NamedTuple, get_args, get_type_hints

PREFIX: Final = "ATTENDANCE_KIOSK_"


class Means(NamedTuple):
    """What a setting means, and its bounds (inclusive)."""

    description: str
    least: float
    most: float


class SettingsError(ValueError):
    """The environment can't be used; the message names every variable that is wrong, never its value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    # The link
    connect_timeout_seconds: Annotated[float, Means("to open a connection, TLS and upgrade included", 0.1, 120)] = 10.0
    welcome_timeout_seconds: Annotated[float, Means("from an open connection to the hub's welcome", 0.1, 120)] = 10.0
    send_timeout_seconds: Annotated[float, Means("for the network to take a frame", 0.1, 120)] = 10.0
    answer_timeout_seconds: Annotated[
        float, Means("without an answer to the oldest command, before the link counts as dead", 0.1, 300)
    ] = 20.0
    silence_timeout_seconds: Annotated[
        float, Means("without anything from the hub (which pings every 25 s), before the link counts as dead", 1, 300)
    ] = 60.0
    backoff_base_seconds: Annotated[float, Means("longest wait before the first reconnect", 0.01, 30)] = 1.0
    backoff_cap_seconds: Annotated[float, Means("longest wait before any reconnect", 0.01, 300)] = 30.0
    refused_retry_seconds: Annotated[float, Means("until a kiosk tries again after close 3500 … 3999", 1, 3_600)] = (
        300.0
    )
    stable_link_seconds: Annotated[float, Means("a link must have lasted before the backoff begins anew", 0, 3_600)] = (
        10.0
    )
    http_timeout_seconds: Annotated[float, Means("for a login or a token's renewal", 0.1, 120)] = 15.0
    token_margin_seconds: Annotated[float, Means("a person's token is renewed before it expires", 1, 3_600)] = 60.0
    import_timeout_seconds: Annotated[
        float, Means("for each answer to attendance-admin's import of people", 1, 3_600)
    ] = 300.0

    # What a kiosk says
    report_interval_seconds: Annotated[float, Means("between two device.report", 1, 600)] = 30.0
    time_sync_interval_seconds: Annotated[float, Means("between two rounds of time.sync", 1, 86_400)] = 600.0
    time_sync_samples: Annotated[int, Means("time.sync of one round; the best one counts", 1, 10)] = 4
    max_in_flight: Annotated[int, Means("punches sent and not answered (the hub's limit counts too)", 1, 1_024)] = 64
    retry_delay_seconds: Annotated[
        float, Means("until a punch is sent again where the hub names no time; doubles while nothing helps", 0.01, 60)
    ] = 1.0

    # The key
    key_days: Annotated[float, Means("after which a paired terminal changes its key by itself", 1, 3_650)] = 365.0
    pairing_look_seconds: Annotated[
        float, Means("between two looks whether another program has paired this terminal", 0.1, 60)
    ] = 2.0

    # The outbox
    answered_kept_days: Annotated[
        float, Means("answered punches stay on the disk, for a hub that was restored from a backup", 0, 3_650)
    ] = 7.0
    prune_interval_seconds: Annotated[float, Means("between two looks for answered punches to drop", 1, 86_400)] = (
        3_600.0
    )
    disk_retry_seconds: Annotated[float, Means("until an unwritable outbox is tried again", 0.1, 600)] = 10.0

    # The screens
    receipt_seconds: Annotated[float, Means("a receipt stays", 0.5, 60)] = 3.0
    reading_seconds: Annotated[float, Means("a refusal stays, which has more to read", 0.5, 120)] = 7.0
    kept_after_seconds: Annotated[float, Means("without an answer, before a punch shows as kept here", 0.1, 60)] = 1.0
    entry_seconds: Annotated[
        float, Means("without a key, before a number, a PIN or a chosen kind is forgotten", 1, 600)
    ] = 20.0
    reader_gap_ms: Annotated[float, Means("between two characters of a badge reader, at most (median)", 1, 1_000)] = (
        50.0
    )
    reader_pause_ms: Annotated[float, Means("between a typed key and a scan that begins anew, at least", 1, 60_000)] = (
        500.0
    )

    def __post_init__(self) -> None:
        faults = [
            f"{name}: {meaning.least:g} … {meaning.most:g} ({meaning.description})"
            for name, meaning in meanings().items()
            if not meaning.least <= getattr(self, name) <= meaning.most
        ]
        if faults:
            raise SettingsError("; ".join(faults))


def meanings() -> dict[str, Means]:
    """What each field means, for checks and for the table in `kiosk/README.md`."""
    hints = get_type_hints(Settings, include_extras=True)
    return {field.name: get_args(hints[field.name])[1] for field in fields(Settings)}


def load_settings(environment: Mapping[str, str]) -> Settings:
    """Read the settings from an environment; raises SettingsError that names all that is wrong."""
    types = get_type_hints(Settings)
    known = {f"{PREFIX}{name.upper()}": name for name in types}
    values: dict[str, float] = {}
    faults = []
    for variable, text in environment.items():
        if not variable.startswith(PREFIX):
            continue
        if (name := known.get(variable)) is None:
            faults.append(f"{variable}: no such setting")
            continue
        try:
            values[name] = types[name](text)
        except ValueError:
            faults.append(f"{variable}: not a number")
    if faults:
        raise SettingsError("; ".join(faults))
    return Settings(**values)  # type: ignore[arg-type]  # each value was made by the field's own type
