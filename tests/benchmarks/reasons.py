"""Why a figure falls short of what was asked, by the row's `what`: found by profile, shown only while it does."""

from __future__ import annotations

from typing import Final

_BELL: Final = (
    "Two thirds of the hub's time to 1,000 boards is the kernel's write, as nearly all of picows' is; the rest is"
    " looking up, for each board, what it has and may see. To 100 boards half is hearing of the change"
    " from Redis and applying it: a few hundred microseconds a change, whatever the number of boards."
)
_NAIVE: Final = (
    "On this machine's disk a commit is quick and the naive design pays for no crypto: of the hub's CPU a third is"
    " checking signatures, a tenth opening seals. Its other half buys what the naive design leaves out: journals"
    " without holes, judged kinds, boards."
)
REASONS: Final[dict[str, str]] = {
    "one change, one frame to each of 100 boards: hub CPU a delivery": _BELL,
    "one change, one frame to each of 1,000 boards: hub CPU a delivery": _BELL,
    "one change, one frame to each of 5,000 boards: hub CPU a delivery": _BELL,
    "the same beside python-socketio, 100, 1,000 and 5,000 boards": (
        "The kernel's write alone, which is all that picows' prebuilt frame costs, is over a tenth of python-socketio's"
        " CPU to 100 and 1,000 boards: no server that sends a frame to each reaches that there."
    ),
    "2,000 changes a second to 1,000 boards, coalesced": (
        "Between two rounds of writes the hub rests in proportion to how long the first took by the clock: so it keeps"
        " well under its share of the core, and a core that others use too stretches round and rest alike. Two thirds"
        " of its time are the kernel's writes."
    ),
    "durable punches a second, 50 kiosks, 16 in flight": _NAIVE,
    "durable punches a second, 500 kiosks, 16 in flight": _NAIVE,
    "the same with the crypto taken out of both, 50 kiosks": (
        "The group commit has both cores to itself; the hub shares them with clients, and decodes, judges and answers"
        " each punch in the loop that also drives PostgreSQL."
    ),
    "5,000 boards at rest: pings, pongs and a head every 5 s": (
        "More is measured than was asked: heads are five of six frames that the hub writes to boards at rest. By what a"
        " delivery costs above (reckoned, not profiled) they alone are some 2 % of a core."
    ),
}
