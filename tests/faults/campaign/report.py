"""What a campaign comes to, written by the run itself: as text for people, as JSON for programs."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.campaign.checker.judge import Finding, Wrong
from tests.faults.campaign.schedule import CUTS, KILLS, Plan

BOARDS_LATE_SECONDS = 2.0
SHOWN_FINDINGS = 20


@dataclass
class Report:
    plan: Plan
    seed: int
    struck: Counter[str]
    missed: Counter[str]
    not_run: Mapping[str, str]
    kept: int
    answers: int
    acknowledged: int
    recorded: int
    findings: Sequence[Finding]
    boards: int
    equal_after_seconds: float | None
    drained_after_seconds: float
    """From the end of the last fault to the last kiosk's last answer."""
    judged_after_seconds: float
    """From the end of the last fault to the view of the boards that was judged."""
    load_seconds: float
    troubles: list[str] = field(default_factory=list)
    """What went wrong in the campaign itself, or ended without being told to."""

    @property
    def kills(self) -> int:
        return sum(self.struck[kind] for kind in KILLS)

    @property
    def cuts(self) -> int:
        return sum(self.struck[kind] for kind in CUTS)

    @property
    def counted(self) -> Counter[Wrong]:
        return Counter(finding.wrong for finding in self.findings)

    def faults(self) -> list[str]:
        """Why the campaign is red; empty where it is green."""
        found = [f"{count} × {wrong}" for wrong, count in sorted(self.counted.items())]
        found += [f"{kind}: not run ({reason})" for kind, reason in sorted(self.not_run.items())]
        found += [
            f"{kind}: planned, and never struck"
            for kind in self.plan.planned
            if not self.struck[kind] and kind not in self.not_run
        ]
        for name, had, wanted in (
            ("punches", self.recorded, self.plan.punches),
            ("kills", self.kills, self.plan.least_kills),
            ("cuts", self.cuts, self.plan.least_cuts),
        ):
            if had < wanted:
                found.append(f"{had} {name}, at least {wanted} were wanted")
        if self.equal_after_seconds is None:
            found.append("boards never became equal to the punches")
        return found + self.troubles

    def text(self) -> str:
        lines = [
            f"fault campaign {self.plan.name!r}, seed {self.seed}: {self.load_seconds:.0f} s under load",
            "",
            f"{'fault':<24} {'planned':>8} {'struck':>8} {'not struck':>11}  not run",
        ]
        for kind, planned in self.plan.planned.items():
            why = f"NOT RUN: {self.not_run[kind]}" if kind in self.not_run else ""
            lines.append(f"{kind:<24} {planned:>8} {self.struck[kind]:>8} {self.missed[kind]:>11}  {why}")
        total = self.plan.planned.total(), self.struck.total(), self.missed.total()
        lines += [f"{'all':<24} {total[0]:>8} {total[1]:>8} {total[2]:>11}", ""]
        lines.append(f"{self.kills} kills, {self.cuts} cuts (of a line or more each)")
        lines.append(
            f"{self.kept} punches kept by kiosks, {self.acknowledged} acknowledged ({self.answers} answers), "
            f"{self.recorded} in the record"
        )
        lines.append("; ".join(f"{wrong} {self.counted[wrong]}" for wrong in Wrong))
        when = "never" if self.equal_after_seconds is None else f"{self.equal_after_seconds:.2f} s after the last fault"
        judged = (
            f"all was sent after {self.drained_after_seconds:.2f} s, judged after {self.judged_after_seconds:.2f} s"
        )
        lines.append(f"{self.boards} boards equal to SQL over the punches {when} ({judged})")
        lines += [f"  {one.wrong}: {one.subject}: {one.detail}" for one in self.findings[:SHOWN_FINDINGS]]
        red = self.faults()
        lines += ["", "GREEN" if not red else "RED: " + "; ".join(red)]
        return "\n".join(line.rstrip() for line in lines)

    def document(self) -> dict[str, Any]:
        return {
            "plan": self.plan.name,
            "seed": self.seed,
            "faults": {
                kind: {
                    "planned": planned,
                    "struck": self.struck[kind],
                    "not_struck": self.missed[kind],
                    "not_run": self.not_run.get(kind),
                }
                for kind, planned in self.plan.planned.items()
            },
            "kills": self.kills,
            "cuts": self.cuts,
            "punches": {
                "kept": self.kept,
                "acknowledged": self.acknowledged,
                "answers": self.answers,
                "recorded": self.recorded,
            },
            "wrong": {wrong.value: self.counted[wrong] for wrong in Wrong},
            "findings": [[one.wrong.value, one.subject, one.detail] for one in self.findings[:500]],
            "boards": self.boards,
            "boards_equal_after_seconds": self.equal_after_seconds,
            "drained_after_seconds": self.drained_after_seconds,
            "boards_judged_after_seconds": self.judged_after_seconds,
            "load_seconds": self.load_seconds,
            "red": self.faults(),
        }

    def write(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "report.txt").write_text(self.text() + "\n")
        (folder / "report.json").write_text(json.dumps(self.document(), indent=1) + "\n")
