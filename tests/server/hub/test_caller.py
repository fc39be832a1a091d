from uuid import uuid4

from protocol.replies import DeviceState
from protocol.values import DeviceStatus
from server.hub.caller import Kiosk
from storage.repositories.devices import FORMER_KEYS


def test_a_terminal_that_changes_its_key_all_day_keeps_its_latest_alone() -> None:
    state = DeviceState(
        status=DeviceStatus.ACTIVE,
        site_id=uuid4(),
        site_name="Door",
        log_id=None,
        last_seq=0,
        last_digest=None,
        sealing_keys=[],
    )
    keys = [bytes([number]) * 32 for number in range(20)]
    kiosk = Kiosk(uuid4(), keys[0], state)
    for key in keys[1:]:
        kiosk.take_key(key)
        kiosk.take_key(key)  # an answer that was lost is asked for again
    assert kiosk.public_key == keys[-1]
    assert kiosk.former_keys == tuple(reversed(keys[:-1]))[:FORMER_KEYS]
