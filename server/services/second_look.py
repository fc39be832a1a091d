"""A second look at what was held for want of keys, once they are back.

Punches are taken in the order in which they came, judged as of when they occurred by the rules of any other, and what
they came to is written beside them, with boards and streams in the same transaction: nothing that was answered changes.
Any number of hubs may look at once. Who comes second finds under the journals' locks that nothing waits any more.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import structlog

from protocol.values import Reason
from server.errors import Refused, as_refused
from server.rules.punches import PunchRules
from server.rules.verdicts import Identified
from server.secrets.provider import SecretsError, SecretsProvider, SecretsUnavailable
from server.services.batch import Bench, Facts, Submission
from server.services.directory import Directory
from server.services.evidence import Evidence
from server.services.ingest import BoardBell
from server.services.pins import PinCheck
from server.services.preparation import Preparation, Unreadable
from server.services.unknown_badges import UnknownBadges
from server.telemetry.metrics import Metrics
from storage.errors import StorageError
from storage.models import SiteChanges, StoredPunch, WaitingPunch
from storage.postgres import Connection, Database
from storage.repositories import punches, resolutions

RESOLVED_BY: Final = "hub"

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _Again:
    """A waiting punch, opened and with the verdict on its PIN, if it bears one."""

    first: StoredPunch
    submission: Submission


@dataclass(frozen=True, slots=True)
class Resolved:
    """What waiting punches came to, and what changed on the boards."""

    punches: list[StoredPunch]
    changes: list[SiteChanges]


class SecondLook:
    """Looks every `seconds`, at most at `batch_max_punches` in one transaction."""

    def __init__(
        self,
        database: Database,
        secrets: SecretsProvider,
        *,
        directory: Directory,
        rules: PunchRules,
        preparation: Preparation,
        pins: PinCheck,
        unknown_badges: UnknownBadges,
        metrics: Metrics,
        bell: BoardBell,
        seconds: float,
        batch_max_punches: int,
    ) -> None:
        self._database = database
        self._secrets = secrets
        self._directory = directory
        self._rules = rules
        self._evidence = Evidence(database, directory, rules)
        self._preparation = preparation
        self._pins = pins
        self._unknown_badges = unknown_badges
        self._metrics = metrics
        self._bell = bell
        self._seconds = seconds
        self._batch_max_punches = batch_max_punches
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._again(), name="second look")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _again(self) -> None:
        while True:
            try:
                await self.look()
            except (StorageError, SecretsError, Refused) as error:
                _log.warning("held punches are judged later", fault=type(error).__name__)
            except Exception as error:  # noqa: BLE001 - people wait for their hours, whatever went wrong once
                _log.error("held punches could not be judged", exc_info=error)
            await asyncio.sleep(self._seconds)

    async def look(self) -> int:
        """Judge all that waits and can be judged now; gives how many.

        Raises StorageError, SecretsUnavailable where the keys went again, Refused(overloaded) by the slow hashes: what
        was resolved until then is, and the rest waits on.
        """
        if not await self._count_waiting() or not self._secrets.is_reachable:
            return 0
        done, last = 0, None
        try:
            while batch := await self._read(last):
                done += await self._take(batch)
                last = batch[-1].punch
        finally:
            with contextlib.suppress(StorageError):
                await self._count_waiting()
        return done

    async def _count_waiting(self) -> int:
        async with self._database.connection() as connection:
            count = await resolutions.count_waiting(connection)
        self._metrics.punches_waiting_for_keys.set(count)
        return count

    async def _read(self, last: StoredPunch | None) -> list[WaitingPunch]:
        async with self._database.connection() as connection:
            return await resolutions.waiting(connection, last, self._batch_max_punches)

    async def _take(self, batch: Sequence[WaitingPunch]) -> int:
        again, gone = await self._open(batch)
        done = await self._settle(again) if again else 0
        if gone is not None:
            raise gone
        return done

    async def _open(self, batch: Sequence[WaitingPunch]) -> tuple[list[_Again], Exception | None]:
        """Open seals and judge PINs, in order, until something stops all of them, which is given back."""
        again: list[_Again] = []
        for waiting in batch:
            try:
                # One after the other, and apart from the loop's own work: whoever stands at a terminal comes first.
                prepared = await asyncio.to_thread(self._preparation.reopen, waiting.punch, waiting.sealed)
                if prepared.opened == Unreadable(Reason.SEAL_UNAVAILABLE):
                    raise SecretsUnavailable("no key is in memory")
                verdict = await self._pins.judge_again(prepared) if self._pins.concerns(prepared) else None
            except Exception as error:  # noqa: BLE001 - one punch's fault, whatever it is, is no other's
                if as_refused(error) is not None:
                    return again, error
                _log.error("a held punch could not be judged", punch_id=waiting.punch.punch_id, exc_info=error)
            else:
                again.append(_Again(waiting.punch, Submission(prepared, verdict, waiting.punch.recorded_at)))
        return again, None

    async def _settle(self, again: Sequence[_Again]) -> int:
        """Commit what they came to, one by one where one of them makes it fail: that one waits on."""
        try:
            resolved = await self._evidence.in_transaction(
                lambda connection, more: self._resolve(connection, again, more)
            )
        except Exception as error:
            if as_refused(error) is not None:
                raise
            if len(again) > 1:
                return sum([await self._settle([one]) for one in again])
            _log.error("a held punch could not be judged", punch_id=again[0].first.punch_id, exc_info=error)
            return 0
        for punch in resolved.punches:
            self._metrics.punch_resolved(punch.outcome, punch.reason)
        await self._evidence.know(punch.employee_id for punch in resolved.punches)
        if resolved.changes:
            self._bell.ring(resolved.changes)
        return len(resolved.punches)

    async def _resolve(self, connection: Connection, again: Sequence[_Again], more: frozenset[UUID]) -> Resolved:
        moments = [one.first.occurred_at for one in again]
        resolved, known = await self._evidence.identify(connection, [one.submission for one in again], moments)
        journals = await punches.lock_journals(connection, sorted({one.submission.prepared.journal for one in again}))
        waiting = await resolutions.still_waiting(connection, [one.first.key for one in again])
        again = [one for one in again if one.first.key in waiting]
        resolved = [one for one in resolved if one.prepared.key in waiting]
        self._evidence.check_sites(one.first.site_id for one in again)
        candidates = {one.identity.employee_id for one in resolved if isinstance(one.identity, Identified)}
        places = {one.first.site_id for one in again} if candidates else set()
        locked = await self._evidence.lock(connection, resolved, known, candidates, more | places)
        judged_by = [
            (one.identity.employee_id, one.moment, which.first.site_id)
            for one, which in zip(locked.resolved, again, strict=True)
            if isinstance(one.identity, Identified) and one.moment is not None
        ]
        facts = Facts(
            now=locked.now,
            journals=journals,
            recorded={},
            people=locked.people,
            presence=locked.presence,
            histories=await self._evidence.histories(connection, judged_by),
        )
        bench = Bench(facts, self._rules, self._directory.zone)
        came_to = [
            bench.judge_again(one, which.first, journals[one.prepared.journal].revoked_at)
            for one, which in zip(locked.resolved, again, strict=True)
        ]
        judged = bench.judged
        if came_to:
            await resolutions.resolve(connection, came_to, resolved_at=locked.now, resolved_by=RESOLVED_BY)
            await locked.write_changes(connection, judged)
            # As with any other punch: what no key helps (a broken seal, a throttled PIN) is kept for a person.
            kept = {seal.key for seal in judged.sealed}
            await resolutions.forget_sealed(connection, [punch.key for punch in came_to if punch.key not in kept])
            await resolutions.wait_no_longer(connection, sorted(kept))
            await self._unknown_badges.keep(connection, judged.unknown_badges, locked.now)
        return Resolved(came_to, locked.changes(judged))
