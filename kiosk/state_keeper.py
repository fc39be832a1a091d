"""The terminal's state as its screens see it: one snapshot at a time, and whoever wants to know of the next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from kiosk.terminal import Fault, TerminalState


class StateKeeper:
    """Holds the faults apart, so that one that is mended uncovers the next."""

    def __init__(self, state: TerminalState) -> None:
        self._state = state
        self._link_detail: str | None = None
        self._faults: dict[Fault, str] = {}
        self._subscribers: list[Callable[[TerminalState], None]] = []

    @property
    def state(self) -> TerminalState:
        return self._state

    def subscribe(self, callback: Callable[[TerminalState], None]) -> Callable[[], None]:
        self._subscribers.append(callback)

        def end() -> None:
            if callback in self._subscribers:
                self._subscribers.remove(callback)

        return end

    def link_detail(self, detail: str | None) -> None:
        """Why there is no link; None when there is one. Shown by the next `update`."""
        self._link_detail = detail

    def has(self, fault: Fault) -> bool:
        return fault in self._faults

    def raise_fault(self, fault: Fault, detail: str) -> None:
        self._faults[fault] = detail
        self.update()

    def clear_fault(self, fault: Fault) -> None:
        if self._faults.pop(fault, None) is not None:
            self.update()

    def update(self, **changes: Any) -> None:  # noqa: ANN401 - fields of TerminalState, checked by its constructor
        """Make the next snapshot, telling it only if it differs."""
        # The order of Fault is by gravity: the gravest one shows.
        fault = next((fault for fault in Fault if fault in self._faults), None)
        detail = self._link_detail if fault is None else self._faults[fault]
        state = replace(self._state, fault=fault, detail=detail, **changes)
        if state != self._state:
            self._state = state
            for callback in tuple(self._subscribers):
                callback(state)
