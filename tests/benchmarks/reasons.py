"""Why a figure falls short of what was asked, by the row's `what`: shown only while it does.

Behind what the run itself sampled of the hub (`shares`), where it did.
"""

from __future__ import annotations

from typing import Final

_BELL: Final = (
    "The kernel's part is what picows pays too. Own code looks up, for each board, what it has and may see, and checks"
    " what its socket still holds; hearing of a change from Redis and applying it costs a few hundred microseconds"
    " whatever the number of boards, which few boards share among them."
)
_NAIVE: Final = (
    "The ceiling, which has no hub and no socket, is itself no more than the multiple of the naive design that stands"
    " beside it: the naive design checks no signature and opens no seal, and this disk commits quickly. So 3 × naive"
    " can't be had here by any design with this crypto."
)
REASONS: Final[dict[str, str]] = {
    "one change, one frame to each of 100 boards: hub CPU a delivery": _BELL,
    "one change, one frame to each of 1,000 boards: hub CPU a delivery": _BELL,
    "one change, one frame to each of 5,000 boards: hub CPU a delivery": _BELL,
    "the same beside python-socketio, 100, 1,000 and 5,000 boards": (
        "picows' prebuilt frame, which is little but the kernel's write, is itself over a tenth of python-socketio's"
        " CPU where this falls shortest: see beside."
    ),
    "2,000 changes a second to 1,000 boards, coalesced": (
        "Between two rounds of writes the hub rests in proportion to how long the first took by the clock: so it keeps"
        " well under its share of the core, and a core that others use too stretches round and rest alike."
    ),
    "durable punches a second, 50 kiosks, 16 in flight": _NAIVE,
    "durable punches a second, 500 kiosks, 16 in flight": _NAIVE,
    "the same with the crypto taken out of both, 50 kiosks": (
        "The group commit has both cores to itself and rows that are known beforehand; the hub shares them with"
        " clients, and reads, judges and answers each punch in the loop that also drives PostgreSQL."
    ),
}
