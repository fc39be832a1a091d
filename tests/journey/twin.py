"""A second socket of a kiosk's device, at any hub, which says again what was said before, and whatever is said now."""

from collections.abc import Iterable
from functools import partial
from typing import Any

import msgspec

from kiosk.identity import Identity
from kiosk.link.client import LinkDown
from kiosk.link.session import DeviceSignIn, Phase, Session
from protocol.commands import PunchRecord
from tests.builders import ADevice
from tests.journey.network import Line


class Twin:
    """Whoever watches the hub hears the answers."""

    def __init__(self, line: Line, device: ADevice, said: Iterable[dict[str, Any]]) -> None:
        self._line = line
        self._session = Session(DeviceSignIn(Identity(device.device_id, device.key)), "en")
        self._to_say = list(said)

    def echo(self, message: dict[str, Any]) -> None:
        """Say this at once, if it is welcomed by now."""
        self._to_say.append(message)
        if self._session.phase is Phase.OPEN and not self._line.wire.closed:
            self._speak()

    async def live(self) -> None:
        try:
            while True:
                self._session.receive(await self._line.wire.receive(), 0)
                self._speak()
        except LinkDown:
            return

    def _speak(self) -> None:
        if self._session.phase is Phase.OPEN:
            for message in self._to_say:
                self._session.ask(partial(_again, message), 0)
            self._to_say.clear()
        self._line.wire.send_now(self._session.take_frames())


def _again(message: dict[str, Any], *, id: int) -> PunchRecord:  # noqa: A002 - the wire's name
    return msgspec.structs.replace(msgspec.convert(message, PunchRecord), id=id)
