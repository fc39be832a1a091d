"""Everything about a hub that can be set, from environment variables named `ATTENDANCE_<FIELD>`.

A value may come from a file instead: `ATTENDANCE_<FIELD>_FILE` names it (one trailing newline is dropped).
Lists are separated by commas. Each field's annotation says what it means, so that its table can be made.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

PREFIX: Final = "ATTENDANCE_"
Network = IPv4Network | IPv6Network


class Means(NamedTuple):
    """What a setting means, and the values it may have (bounds are inclusive)."""

    description: str
    least: float = -math.inf
    most: float = math.inf
    one_of: tuple[str, ...] = ()


class SettingsError(ValueError):
    """The environment can't be used; `faults` names each variable that is wrong, never its value."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("settings: " + "; ".join(faults))
        self.faults = faults


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One hub's settings. Raises SettingsError where two fields contradict each other or one is out of bounds."""

    # Where things are
    postgres_dsn: Annotated[str, Means("PostgreSQL as the hub's role: postgresql://user:password@host:port/name")] = (
        field(repr=False)
    )
    redis_url: Annotated[str, Means("Redis or Valkey: redis://:password@host:port/0, or rediss://")] = field(repr=False)
    key_file: Annotated[Path, Means("the local key file (mode 0600), made at the first start")]
    host: Annotated[str, Means("address to listen on")] = "127.0.0.1"
    port: Annotated[int, Means("port to listen on", 1, 65_535)] = 8080
    allowed_origins: Annotated[
        tuple[str, ...],
        Means("origins of pages that may connect; empty: http://127.0.0.1:<port> and http://localhost:<port>"),
    ] = ()
    trusted_proxies: Annotated[
        tuple[Network, ...], Means("networks of proxies whose X-Forwarded-For and X-Forwarded-Proto are believed")
    ] = ()
    log_level: Annotated[str, Means("least level that is logged", one_of=("debug", "info", "warning", "error"))] = (
        "info"
    )
    metrics_token: Annotated[str, Means("bearer token of /metrics; empty: the key file's")] = field(
        default="", repr=False
    )
    drain_seconds: Annotated[float, Means("how long a stopping hub finishes what it accepted", 0, 300)] = 10.0
    drain_batch_connections: Annotated[int, Means("connections that a stopping hub sends away at once", 1, 10_000)] = (
        100
    )
    drain_pause_ms: Annotated[int, Means("between two such batches, half of it more or less", 0, 10_000)] = 50

    # Connections
    listen_backlog: Annotated[
        int, Means("connections that may wait to be taken, all boards at once say", 1, 65_535)
    ] = 4_096
    max_in_flight: Annotated[int, Means("commands of one connection that may wait for their answer", 1, 1_024)] = 64
    commands_per_second: Annotated[int, Means("commands of one connection a second, punches aside", 1, 1_000)] = 20
    handshakes_at_once: Annotated[int, Means("clients whose word is being judged; others wait", 1, 65_536)] = 128
    handshake_place_ms: Annotated[int, Means("after which a slow client no longer counts among these", 10, 60_000)] = (
        1_000
    )
    sockets_of_address: Annotated[int, Means("sockets of one address", 1, 1_000_000)] = 2_000
    sockets_of_account: Annotated[int, Means("sockets of one account, and of one terminal", 1, 1_000_000)] = 100
    unauthenticated_sockets_of_address: Annotated[
        int, Means("of these, on which nobody has signed in; beyond, the longest silent goes", 1, 1_000_000)
    ] = 500
    unauthenticated_sockets: Annotated[int, Means("sockets on which nobody has signed in", 1, 1_000_000)] = 4_000
    watched_sites_max: Annotated[int, Means("sites that one watch may name", 1, 1_000_000)] = 1_000
    control_frames_per_second: Annotated[int, Means("pings and pongs of one connection a second", 1, 1_000)] = 20
    auth_timeout_seconds: Annotated[float, Means("from hello to auth", 0.1, 60)] = 5.0
    ping_interval_seconds: Annotated[float, Means("between two pings of the hub", 1, 300)] = 25.0
    pong_timeout_seconds: Annotated[float, Means("without any traffic after a ping, before close 3012", 1, 60)] = 10.0
    expiry_grace_seconds: Annotated[float, Means("past a token's expiry, before close 3005", 0, 60)] = 25.0
    outgoing_max_bytes: Annotated[int, Means("waiting for one slow client", 65_536, 1 << 28)] = 4 * 1_048_576
    slow_client_seconds: Annotated[float, Means("a client may take no bytes, before close 3008", 1, 300)] = 20.0

    # Punches
    debounce_seconds: Annotated[int, Means("two punches of a person this close are one", 0, 3_600)] = 60
    future_tolerance_seconds: Annotated[int, Means("a punch may lie after its receipt", 0, 3_600)] = 60
    open_shift_limit_minutes: Annotated[int, Means("a shift is taken for open", 60, 2_880)] = 960
    badge_pattern: Annotated[re.Pattern[str], Means("what a badge looks like, all of it")] = re.compile(
        "[0-9A-Z]{8,20}"
    )
    number_pattern: Annotated[re.Pattern[str], Means("what an employee number looks like, all of it")] = re.compile(
        "[0-9]{1,10}"
    )
    pin_attempts: Annotated[int, Means("PIN attempts for one number, existing or not, in a window", 5, 100)] = 5
    pin_attempts_of_device: Annotated[int, Means("wrong PINs at one terminal in a window", 5, 100_000)] = 200
    pin_attempts_of_site: Annotated[int, Means("wrong PINs at all terminals of a site", 5, 1_000_000)] = 1_000
    pin_window_minutes: Annotated[int, Means("length of that window", 1, 1_440)] = 15
    unknown_badge_minutes: Annotated[int, Means("an unknown badge is kept, encrypted, for an admin", 1, 1_440)] = 15
    fork_quiet_minutes: Annotated[
        int, Means("without a sign of a copied terminal, before the next one is audited", 0, 10_080)
    ] = 60
    ingest_queue_max: Annotated[int, Means("punches that wait for a writer; beyond: overloaded", 16, 1_000_000)] = 8_192
    overloaded_retry_ms: Annotated[
        int, Means("until an overloaded hub is asked again, up to twice that", 1, 30_000)
    ] = 1_000
    batch_max_punches: Annotated[int, Means("punches in one transaction", 1, 4_096)] = 512
    writers: Annotated[int, Means("writers that share the sites among them", 1, 32)] = 2
    crypto_threads: Annotated[int, Means("threads that open seals and check signatures", 1, 64)] = 2

    second_look_seconds: Annotated[
        float, Means("between two looks at punches that were held for want of keys", 0.05, 3_600)
    ] = 5.0
    second_look_batch_punches: Annotated[int, Means("of these in one transaction", 1, 4_096)] = 64

    # Imports
    import_max_rows: Annotated[int, Means("people in one import", 1, 1_000_000)] = 10_000
    import_max_bytes: Annotated[int, Means("the text of one import, which its connection keeps", 1_024, 1 << 28)] = (
        4 * 1_048_576
    )

    # Live presence
    silent_after_seconds: Annotated[int, Means("without a report, before a terminal is called silent", 10, 3_600)] = 90
    head_interval_seconds: Annotated[float, Means("between two heads of a watched site", 0.1, 60)] = 5.0
    heads_poll_interval_ms: Annotated[int, Means("between two looks at PostgreSQL for missed bells", 50, 2_000)] = 1_000
    hole_wait_ms: Annotated[int, Means("a hole may be filled by a late bell, before PostgreSQL is read", 0, 2_000)] = 50
    resume_limit_changes: Annotated[int, Means("changes a client may have missed and still resume", 1, 100_000)] = 1_000

    # Redis
    redis_connect_timeout_seconds: Annotated[float, Means("to connect and subscribe", 0.1, 60)] = 2.0
    redis_publish_timeout_seconds: Annotated[float, Means("to ring; beyond, other hubs read the log", 0.1, 60)] = 1.0
    redis_guard_timeout_ms: Annotated[
        int,
        Means("for an attempt at a secret to be counted there as well; beyond, PostgreSQL's count is all", 1, 5_000),
    ] = 200
    redis_retry_ms: Annotated[int, Means("until a lost connection is made anew", 10, 60_000)] = 500
    redis_probe_seconds: Annotated[
        float, Means("of silence before our own ping, and again for its answer", 0.1, 60)
    ] = 5.0

    # PostgreSQL
    postgres_pool_min_connections: Annotated[int, Means("connections kept open", 1, 200)] = 4
    postgres_pool_max_connections: Annotated[int, Means("connections at most", 1, 200)] = 12
    acquire_timeout_seconds: Annotated[float, Means("waiting for a free connection", 0.1, 60)] = 5.0
    statement_timeout_seconds: Annotated[float, Means("one statement", 0.1, 600)] = 15.0
    statement_cache_size: Annotated[
        int, Means("prepared statements kept for each connection; 0 behind a transaction pooler", 0, 10_000)
    ] = 256

    # Keys
    keys_refresh_seconds: Annotated[float, Means("between two looks for keys that were renewed", 0.05, 300)] = 15.0
    key_lead_seconds: Annotated[
        float, Means("a new key is known before it is used: longer than all hubs take to hear of it", 0.1, 3_600)
    ] = 90.0
    token_key_days: Annotated[float, Means("a key signs access tokens", 0.0001, 3_650)] = 90.0
    token_key_overlap_minutes: Annotated[
        float, Means("its tokens are taken after that: longer than they live", 0.01, 100_000)
    ] = 60.0
    sealing_key_days: Annotated[float, Means("kiosks seal to a key; renewed after two thirds", 0.0001, 3_650)] = 90.0
    sealing_overlap_days: Annotated[float, Means("what was sealed to it opens after that", 0.0001, 3_650)] = 90.0
    pin_pepper_days: Annotated[float, Means("PINs are kept under one key", 0.0001, 36_500)] = 365.0
    pin_pepper_overlap_days: Annotated[
        float, Means("a PIN kept under the one before serves; once used, it is kept anew", 0.0001, 36_500)
    ] = 180.0
    data_key_days: Annotated[float, Means("data keys are wrapped by one key-encryption key", 0.0001, 36_500)] = 365.0
    rewrap_page_rows: Annotated[int, Means("put under a new key-encryption key in one transaction", 1, 10_000)] = 500
    metrics_token_days: Annotated[float, Means("the bearer token of /metrics, where keys make it", 0.0001, 3_650)] = (
        90.0
    )
    password_overlap_minutes: Annotated[
        float, Means("a superseded password, metrics token or unused key-encryption key serves", 0.01, 100_000)
    ] = 60.0

    # Accounts
    token_issuer: Annotated[str, Means("`iss` of access tokens; the same on all hubs")] = "attendance-hub"  # noqa: S105 - a name
    access_token_minutes: Annotated[int, Means("an access token lives", 1, 60)] = 15
    refresh_token_days: Annotated[int, Means("a session lives without signing in again", 1, 365)] = 30
    refresh_grace_seconds: Annotated[int, Means("the previous refresh token still serves", 0, 300)] = 30
    account_check_interval_ms: Annotated[int, Means("between two looks for revoked sessions", 100, 4_000)] = 2_000
    login_attempts: Annotated[int, Means("logins with one name from one address, judged in a window", 1, 1_000)] = 5
    login_attempts_of_name: Annotated[int, Means("logins with one name from all addresses", 1, 100_000)] = 20
    login_attempts_of_address: Annotated[int, Means("logins with all names from one address", 1, 100_000)] = 60
    login_window_seconds: Annotated[int, Means("length of that window", 1, 86_400)] = 60
    login_right_seconds: Annotated[int, Means("of it, that a login counts whose password was right", 1, 86_400)] = 5
    code_attempts_of_account: Annotated[int, Means("wrong one-time codes behind a right password", 1, 10_000)] = 20
    code_window_seconds: Annotated[int, Means("length of their window", 1, 604_800)] = 86_400
    assertion_leeway_seconds: Annotated[int, Means("between a kiosk's assertion and the hub's clock", 0, 30)] = 5
    pairing_code_minutes: Annotated[int, Means("a pairing code is good, unless it is used before", 1, 60)] = 10
    pairing_attempts_of_address: Annotated[
        int, Means("pairing codes judged from one address in a window", 1, 1_000)
    ] = 60
    pairing_attempts_in_all: Annotated[int, Means("pairing codes judged from all addresses", 1, 100_000)] = 6_000
    pairing_window_minutes: Annotated[int, Means("length of that window", 1, 1_440)] = 10

    # HTTP: what one address may ask of one hub, and how long it may take for it
    logins_per_minute: Annotated[int, Means("logins of one address at one hub, judged or not", 1, 100_000)] = 30
    tokens_per_minute: Annotated[
        int, Means("token refreshes of one address at one hub; as many logouts", 1, 1_000_000)
    ] = 300
    enrolments_per_minute: Annotated[int, Means("terminals of one address that bring a pairing code", 1, 100_000)] = 60
    upgrades_per_minute: Annotated[int, Means("WebSocket connections begun by one address", 1, 1_000_000)] = 3_000
    page_files_per_minute: Annotated[int, Means("files of the page for one address", 1, 1_000_000)] = 6_000
    probes_per_minute: Annotated[
        int, Means("of /health, /ready, /metrics and public keys each, for one address", 1, 1_000_000)
    ] = 6_000
    http_connections_max: Annotated[
        int, Means("connections that are no WebSocket (yet); beyond, the longest idle goes", 16, 1_000_000)
    ] = 16_384
    http_header_seconds: Annotated[float, Means("from connecting to a whole first request", 0.1, 60)] = 10.0
    http_body_max_bytes: Annotated[int, Means("one JSON body of an HTTP request", 256, 1_048_576)] = 16_384
    http_body_seconds: Annotated[float, Means("waiting for the body of an HTTP request", 0.1, 60)] = 10.0
    http_idle_seconds: Annotated[float, Means("waiting for the next HTTP request of a connection", 1, 3_600)] = 75.0
    password_min_characters: Annotated[int, Means("characters of a password at least", 12, 1_000)] = 12
    totp_required_roles: Annotated[
        tuple[str, ...],
        Means(
            "roles that can't sign in without a second factor; empty: none",
            one_of=("employee", "supervisor", "admin", "inspector"),
        ),
    ] = ("admin", "inspector")
    totp_issuer: Annotated[str, Means("what authenticators call this hub")] = "Attendance"
    argon2_iterations: Annotated[int, Means("argon2id passes over its memory", 1, 16)] = 2
    argon2_memory_kib: Annotated[int, Means("argon2id memory for one hash", 8, 1_048_576)] = 19_456
    argon2_lanes: Annotated[int, Means("argon2id lanes", 1, 16)] = 1
    argon2_threads: Annotated[int, Means("hashes computed at once", 1, 64)] = 2
    argon2_queue_max: Annotated[int, Means("hashes that wait; beyond: overloaded", 1, 10_000)] = 256

    def __post_init__(self) -> None:
        faults = [f"{name} {fault}" for name in _MEANINGS if (fault := _fault(name, getattr(self, name))) is not None]
        if self.postgres_pool_min_connections > self.postgres_pool_max_connections:
            faults.append("postgres_pool_min_connections is above postgres_pool_max_connections")
        if self.key_lead_seconds < 2 * self.keys_refresh_seconds:
            faults.append("key_lead_seconds must be twice keys_refresh_seconds: every hub must know a key in time")
        if self.token_key_overlap_minutes < self.access_token_minutes:
            faults.append(
                "token_key_overlap_minutes must not be under access_token_minutes: nobody is to be logged out"
            )
        if self.writers >= self.postgres_pool_max_connections:
            faults.append("writers must leave postgres_pool_max_connections some for reading")
        if faults:
            raise SettingsError(faults)
        if not self.allowed_origins:
            origins = (f"http://127.0.0.1:{self.port}", f"http://localhost:{self.port}")
            object.__setattr__(self, "allowed_origins", origins)


class SettingRow(NamedTuple):
    """One line of the settings' table: the variable, its default as one would write it (None: required), its sense."""

    variable: str
    default: str | None
    description: str


def settings_table() -> list[SettingRow]:
    """Every setting in the order of its declaration."""
    return [
        SettingRow(
            variable=PREFIX + item.name.upper(),
            default=None if item.default is MISSING else _spell(item.default),
            description=_MEANINGS[item.name].description,
        )
        for item in fields(Settings)
    ]


def read_settings(environment: Mapping[str, str] | None = None, **overrides: object) -> Settings:
    """Read the environment (`os.environ` by default); `overrides` win, as a program's arguments do.

    Raises:
        SettingsError: naming everything that is wrong, at once.
    """
    environment = os.environ if environment is None else environment
    values: dict[str, Any] = {}
    faults: list[str] = []
    for item in fields(Settings):
        if item.name in overrides:
            values[item.name] = overrides[item.name]
            continue
        variable = PREFIX + item.name.upper()
        try:
            text = text_of(variable, environment)
            if text is not None:
                values[item.name] = _parse(item.name, text)
            elif item.default is MISSING:
                faults.append(f"{variable} is missing ({_MEANINGS[item.name].description})")
        except ValueError as unreadable:
            faults.append(f"{variable} {unreadable}")
    faults += [
        f"{PREFIX}{name.upper()} {fault}"
        for name, value in values.items()
        if (fault := _fault(name, value)) is not None
    ]
    if faults:
        raise SettingsError(faults)
    return Settings(**values)


def text_of(variable: str, environment: Mapping[str, str] = os.environ) -> str | None:
    """What a variable says, or the file that `<variable>_FILE` names; None where neither is set. Raises ValueError."""
    path = environment.get(f"{variable}_FILE")
    if path is None:
        return environment.get(variable)
    if variable in environment:
        raise ValueError(f"is set twice: by itself and by {variable}_FILE")
    try:
        return Path(path).read_text(encoding="utf-8").removesuffix("\n")
    except (OSError, UnicodeDecodeError) as fault:
        raise ValueError(f"can't be read from its file ({type(fault).__name__})") from None


def _parse(name: str, text: str) -> object:
    """The value of a setting's text; ValueError says what it must be, without repeating the text."""
    kind = _KINDS[name]
    if get_origin(kind) is tuple:
        parts = [part.strip() for part in text.split(",") if part.strip()]
        if get_args(kind)[0] is str:
            return tuple(parts)
        try:
            return tuple(ip_network(part) for part in parts)
        except ValueError:
            raise ValueError("must be networks such as 10.0.0.0/8, separated by commas") from None
    if get_origin(kind) is re.Pattern:
        try:
            return re.compile(text)
        except re.error:
            raise ValueError("must be a regular expression") from None
    try:
        return kind(text)
    except ValueError:
        raise ValueError("must be a whole number" if kind is int else "must be a number") from None


def _fault(name: str, value: object) -> str | None:
    means = _MEANINGS[name]
    match value:
        case bool():
            return "must be a number"
        case int() | float():
            # NaN is within no bounds.
            return None if means.least <= value <= means.most else f"must be from {means.least:g} to {means.most:g}"
        case str() if means.one_of:
            return None if value in means.one_of else f"must be one of {', '.join(means.one_of)}"
        case str():
            return None if value or name in _MAY_BE_EMPTY else "is empty"
        case tuple() if means.one_of:
            good = set(value) <= set(means.one_of)
            return None if good else f"must be of {', '.join(means.one_of)}, separated by commas"
        case tuple() if name == "allowed_origins":
            return None if all(map(_is_origin, value)) else "must be origins such as https://host or http://host:8080"
        case _:
            return None


def _is_origin(text: object) -> bool:
    parts = urlsplit(str(text))
    return parts.scheme in {"http", "https"} and bool(parts.hostname) and f"{parts.scheme}://{parts.netloc}" == text


def _spell(value: object) -> str:
    match value:
        case tuple():
            return ",".join(map(str, value))
        case re.Pattern():
            return str(value.pattern)
        case _:
            return str(value)


_MAY_BE_EMPTY: Final = frozenset({"metrics_token"})
_HINTS: Final = {item.name: get_type_hints(Settings, include_extras=True)[item.name] for item in fields(Settings)}
_MEANINGS: Final[dict[str, Means]] = {name: hint.__metadata__[0] for name, hint in _HINTS.items()}
_KINDS: Final[dict[str, Any]] = {name: get_args(hint)[0] for name, hint in _HINTS.items()}
