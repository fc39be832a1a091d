"""A hub's figures for Prometheus, in a registry of their own. Every label's values are a closed set."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, generate_latest
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from protocol.errors import CloseCode, ErrorCode
from protocol.values import Outcome, Reason, Role
from storage.live_channel import Loss
from storage.models import ForkSign

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_COMMIT_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_BATCH_BUCKETS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024)
_LAG_BUCKETS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5)


class Healed(StrEnum):
    """What told of a hole in a site's stream, or how it was closed."""

    LATE_BELL = "late_bell"
    """The missing bell came after all, in time: nothing was read."""
    OFFSET = "offset"
    """A later bell told of it; the log was read."""
    HEAD = "head"
    """No bell came: the heads in PostgreSQL, looked at all the time, told of it."""
    RECONNECT = "reconnect"
    """The connection to Redis was made anew, and what rang meanwhile was looked for at once."""
    NAMES = "names"
    """No hole: it was about people whom this hub had to read first, and was read with them."""
    EPOCH = "epoch"
    """The database was restored or failed over: the board was read afresh."""


class LoginResult(StrEnum):
    ACCEPTED = "accepted"
    REFUSED = "refused"
    THROTTLED = "throttled"


class SocketLimit(StrEnum):
    """What there were too many of when a socket was turned away."""

    OF_ADDRESS = "of_address"
    OF_ACCOUNT = "of_account"
    UNAUTHENTICATED_OF_ADDRESS = "unauthenticated_of_address"
    UNAUTHENTICATED = "unauthenticated"


class RefreshResult(StrEnum):
    ROTATED = "rotated"
    REPEATED = "repeated"
    """The previous token within its grace: the same successor again."""
    REUSED = "reused"
    """An older token: its family was ended."""
    REFUSED = "refused"


class Metrics:
    """Counts what happens; each hub process has one."""

    def __init__(self, *, version: str) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        Info("hub", "What this hub is", registry=self.registry).info({"version": version})
        self._connections = Gauge(
            "hub_connections", "Welcomed WebSocket connections by role", ["role"], registry=self.registry
        )
        self._punches = Counter(
            "hub_punches", "Punches answered after commit", ["outcome", "reason"], registry=self.registry
        )
        self._punches_by: dict[tuple[Outcome, Reason | None], Counter] = {}
        self._repeated = Counter(
            "hub_punches_repeated", "Punches answered again from their receipt", registry=self.registry
        )
        self._journal_conflicts = Counter(
            "hub_journal_conflicts", "A known place in a journal came with other bytes", registry=self.registry
        )
        self._forks = Counter(
            "hub_device_forks", "Signs that two terminals are at work with one key", ["sign"], registry=self.registry
        )
        self._errors = Counter(
            "hub_command_errors", "Commands answered with an error", ["code"], registry=self.registry
        )
        self._closes = Counter("hub_closes", "Connections that the hub closed", ["code"], registry=self.registry)
        self._commit_seconds = Histogram(
            "hub_commit_seconds", "One batch: from its first lock to its commit", buckets=_COMMIT_BUCKETS,
            registry=self.registry,
        )  # fmt: skip
        self._batch = Histogram(
            "hub_batch_punches", "Punches in one batch", buckets=_BATCH_BUCKETS, registry=self.registry
        )
        self.ingest_depth = Gauge("hub_ingest_depth", "Punches that wait for a writer", registry=self.registry)
        self.secrets_reachable = Gauge(
            "hub_secrets_reachable", "1 while the keys' own place answers, else 0", registry=self.registry
        )
        self.punches_waiting_for_keys = Gauge(
            "hub_punches_waiting_for_keys", "Held punches, of all hubs, that are judged when the keys are back",
            registry=self.registry,
        )  # fmt: skip
        self._resolved = Counter(
            "hub_punches_resolved", "What held punches came to", ["outcome", "reason"], registry=self.registry
        )
        self._healed = Counter(
            "hub_holes_healed", "Holes in streams that were closed", ["kind"], registry=self.registry
        )
        self._bell_losses = Counter(
            "hub_bell_losses", "Times that the connection to Redis was lost", ["cause"], registry=self.registry
        )
        self._bell_lag = Histogram(
            "hub_bell_lag_seconds", "From a commit to its bell at this hub", buckets=_LAG_BUCKETS,
            registry=self.registry,
        )  # fmt: skip
        self._pushed = [0, 0, 0]
        """Pushes, coalesced, collapsed since the last scrape: a counter's lock for each delivery would be felt."""
        self._pushes = Counter("hub_pushes", "Pushes to clients", registry=self.registry)
        self._coalesced = Counter(
            "hub_pushes_coalesced", "Pushes that shared a frame with another message", registry=self.registry
        )
        self._collapsed = Counter(
            "hub_pushes_collapsed", "Changes that a later one of the same person replaced", registry=self.registry
        )
        self._logins = Counter("hub_logins", "Sign-ins at this hub", ["result"], registry=self.registry)
        self._throttled = Counter(
            "hub_requests_throttled", "HTTP requests answered 429 before they were looked at", ["route"],
            registry=self.registry,
        )  # fmt: skip
        self._turned_away = Counter(
            "hub_sockets_turned_away", "WebSocket clients that a limit on sockets refused or ended", ["limit"],
            registry=self.registry,
        )  # fmt: skip
        self._refreshes = Counter("hub_token_refreshes", "Refresh tokens shown", ["result"], registry=self.registry)
        for role in Role:
            self._connections.labels(role)
        for code in ErrorCode:
            self._errors.labels(code)
        for sign in ForkSign:
            self._forks.labels(sign)
        for kind in Healed:
            self._healed.labels(kind)
        for limit in SocketLimit:
            self._turned_away.labels(limit)
        for cause in Loss:
            self._bell_losses.labels(cause)

    def connected(self, role: Role) -> None:
        self._connections.labels(role).inc()

    def disconnected(self, role: Role) -> None:
        self._connections.labels(role).dec()

    def punch(self, outcome: Outcome, reason: Reason | None) -> None:
        if (counter := self._punches_by.get((outcome, reason))) is None:
            counter = self._punches_by[outcome, reason] = self._punches.labels(outcome, reason or "none")
        counter.inc()

    def punch_resolved(self, outcome: Outcome, reason: Reason | None) -> None:
        self._resolved.labels(outcome, reason or "none").inc()

    def punch_repeated(self) -> None:
        self._repeated.inc()

    def journal_conflict(self) -> None:
        self._journal_conflicts.inc()

    def device_forked(self, sign: ForkSign) -> None:
        self._forks.labels(sign).inc()

    def command_error(self, code: ErrorCode) -> None:
        self._errors.labels(code).inc()

    def closed(self, code: CloseCode) -> None:
        self._closes.labels(int(code)).inc()

    def committed(self, *, punches: int, seconds: float) -> None:
        """One batch was committed."""
        self._batch.observe(punches)
        self._commit_seconds.observe(seconds)

    def hole_healed(self, kind: Healed) -> None:
        self._healed.labels(kind).inc()

    def bell_lost(self, cause: Loss) -> None:
        self._bell_losses.labels(cause).inc()

    def bell_heard(self, *, lag_seconds: float) -> None:
        self._bell_lag.observe(max(lag_seconds, 0.0))

    def pushed(self, *, pushes: int, coalesced: int = 0, collapsed: int = 0) -> None:
        """Pushes went out: how many, how many of them in a shared frame, how many changes were left out."""
        self._pushed[0] += pushes
        self._pushed[1] += coalesced
        self._pushed[2] += collapsed

    def login(self, result: LoginResult) -> None:
        self._logins.labels(result).inc()

    def throttled(self, route: str) -> None:
        """`route` is a route's name in `server/api/http.py`."""
        self._throttled.labels(route).inc()

    def turned_away(self, limit: SocketLimit) -> None:
        self._turned_away.labels(limit).inc()

    def refresh(self, result: RefreshResult) -> None:
        self._refreshes.labels(result).inc()

    def render(self) -> bytes:
        """The text that Prometheus scrapes (`CONTENT_TYPE`)."""
        for counter, number in zip((self._pushes, self._coalesced, self._collapsed), self._pushed, strict=True):
            counter.inc(number)
        self._pushed = [0, 0, 0]
        return generate_latest(self.registry)
