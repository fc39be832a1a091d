"""A second socket of a kiosk's device, which says again what was said before."""

from collections.abc import Sequence
from functools import partial

import msgspec

from kiosk.identity import Identity
from kiosk.link.client import LinkDown
from kiosk.link.session import DeviceSignIn, Phase, Session
from protocol.commands import PunchRecord
from tests.builders import ADevice
from tests.journey.network import Line


async def repeat(line: Line, device: ADevice, records: Sequence[PunchRecord]) -> None:
    """Sign in as the device and send its punches once more; whoever watches the hub hears its answers."""
    session = Session(DeviceSignIn(Identity(device.device_id, device.key)), "en")
    sent = False
    try:
        while True:
            session.receive(await line.wire.receive(), 0)
            if session.phase is Phase.OPEN and not sent:
                sent = True
                for record in records:
                    session.ask(partial(_again, record), 0)
            await line.wire.send(session.take_frames())
    except LinkDown:
        return


def _again(record: PunchRecord, *, id: int) -> PunchRecord:  # noqa: A002 - the wire's name
    return msgspec.structs.replace(record, id=id)
