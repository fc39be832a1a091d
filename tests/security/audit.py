"""The dependency audit: what pip-audit says of a lock, where its own exit code would call silence a pass."""

import json
from typing import Final, NamedTuple

NOT_AUDITED: Final = "not audited"


class Verdict(NamedTuple):
    """`good`, and a line that says why or why not."""

    good: bool
    text: str


def judge(written: str, *, offline: bool) -> Verdict:
    """Judge pip-audit's JSON of one lock. Nothing audited is a failure, unless `offline`, which then says so.

    A part that couldn't be audited is a failure too: it is what an attacker would choose.
    """
    try:
        dependencies = json.loads(written)["dependencies"]
        hurt = [f"{one['name']} {bug['id']}" for one in dependencies for bug in one.get("vulns", ())]
        skipped = [one["name"] for one in dependencies if "skip_reason" in one or "vulns" not in one]
    except (ValueError, KeyError, TypeError):
        dependencies, hurt, skipped = [], [], []
    if hurt:
        return Verdict(good=False, text="vulnerable: " + ", ".join(hurt))
    if dependencies and not skipped:
        return Verdict(good=True, text=f"{len(dependencies)} packages, no known vulnerability")
    many = f"{len(skipped)} of {len(dependencies)} packages" if dependencies else "nothing could be read"
    return Verdict(good=offline, text=f"{NOT_AUDITED} ({many}{'; OFFLINE=1' if offline else ''})")
