"""One board in memory: a site's people at one offset, the last changes for who resumes, and bells ahead of time."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from itertools import islice
from typing import Final
from uuid import UUID

from storage.models import Change, SiteChanges

_EARLY_BELLS: Final = 64
"""Bells of one site that may wait for an earlier one; what comes beyond is read from the log."""
_LEFT_EPOCHS: Final = 8
"""Epochs that are remembered as ended; whoever comes with an older one waits for a look at the database."""


class SiteFeed:
    """One site's board at `offset` within `epoch`."""

    def __init__(self, site_id: UUID, *, kept_changes: int) -> None:
        self.site_id = site_id
        self.epoch: UUID | None = None
        self.offset = 0
        self.people: dict[UUID, Change] = {}
        self._recent: deque[Change] = deque(maxlen=kept_changes)
        self._early: list[SiteChanges] = []
        self._told_of = 0
        self._left_epochs: deque[UUID] = deque(maxlen=_LEFT_EPOCHS)
        self.healing: asyncio.Task[bool] | None = None
        """Reading the log; whether it could be read."""

    @property
    def is_read(self) -> bool:
        """Whether there is a board yet: a new site has none until it was read."""
        return self.epoch is not None

    @property
    def has_hole(self) -> bool:
        """Whether bells wait here for an earlier one, or something was told that must be read."""
        return bool(self._early) or self._told_of > self.offset

    def must_read(self, batch: SiteChanges) -> None:
        """A batch of this epoch that isn't to be applied: it is read from the log."""
        self._told_of = max(self._told_of, batch.offset)

    def replace(self, epoch: UUID, offset: int, people: Sequence[Change], recent: Sequence[Change] = ()) -> None:
        """Start over from a fresh state; `recent` is the changes up to it, from which clients of any hub resume."""
        if self.epoch is not None and self.epoch != epoch:
            self._left_epochs.append(self.epoch)
            self._told_of = 0
        self.epoch, self.offset = epoch, offset
        self.people = {person.employee_id: person for person in people}
        self._recent.clear()
        self._recent.extend(recent)
        self._apply_early()

    def apply(self, batch: SiteChanges) -> bool:
        """Apply what is new of a batch; False when it is of another epoch or there is a hole before it.

        Behind a hole it waits: hubs ring each for themselves, so neighbours often come in the wrong order.
        """
        if batch.epoch != self.epoch:
            return False
        if batch.after > self.offset:
            if len(self._early) < _EARLY_BELLS:
                self._early.append(batch)
            return False
        self._append(batch)
        self._apply_early()
        return True

    def contradicts(self, batch: SiteChanges) -> bool:
        """Whether another change than the batch's stands here at one of its offsets, in the same epoch."""
        if batch.epoch != self.epoch or batch.after >= self.offset:
            return False
        oldest = self.offset - len(self._recent)
        return any(
            oldest < offset <= self.offset and self._recent[offset - oldest - 1] != change
            for offset, change in enumerate(batch.changes, start=batch.after + 1)
        )

    def _apply_early(self) -> None:
        waiting = sorted(self._early, key=lambda batch: batch.after)
        self._early.clear()
        for batch in waiting:
            if batch.epoch != self.epoch or batch.offset <= self.offset:
                continue
            if batch.after > self.offset:
                self._early.append(batch)
            else:
                self._append(batch)

    def _append(self, batch: SiteChanges) -> None:
        for change in islice(batch.changes, self.offset - batch.after, None):
            self.offset += 1
            self._recent.append(change)
            if change.on_board:
                self.people[change.employee_id] = change
            else:
                self.people.pop(change.employee_id, None)

    def can_resume(self, epoch: UUID, offset: int) -> bool:
        """Whether all changes after `offset` are still here."""
        return epoch == self.epoch and self.offset - len(self._recent) <= offset <= self.offset

    def is_behind(self, epoch: UUID, offset: int) -> bool:
        """Whether who stands there may have been told of what isn't here yet.

        Nobody in an epoch that ended here: no epoch comes back. Else each client that hears of a new one, once for
        each of its sites, would wait for another look at the database.
        """
        return offset > self.offset if epoch == self.epoch else epoch not in self._left_epochs

    def departures(self, offset: int) -> dict[UUID, set[UUID]]:
        """The departments that people left after `offset`."""
        skipped = len(self._recent) - (self.offset - offset)
        left: dict[UUID, set[UUID]] = {}
        for change in islice(self._recent, skipped, None):
            if change.left_department_id is not None:
                left.setdefault(change.employee_id, set()).add(change.left_department_id)
        return left

    def since(self, offset: int) -> dict[UUID, Change]:
        """The changes after `offset`, the last of each person."""
        skipped = len(self._recent) - (self.offset - offset)
        return {change.employee_id: change for change in islice(self._recent, skipped, None)}
