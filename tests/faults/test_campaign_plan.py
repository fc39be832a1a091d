"""What a campaign is drawn from, and what its report calls red."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.campaign.checker.judge import Finding, Wrong
from tests.faults.campaign.fault_log import FaultLog
from tests.faults.campaign.history import History
from tests.faults.campaign.report import Report
from tests.faults.campaign.schedule import CUTS, FULL, HARMS, KILLS, LAST, PAIRS, PLANS, SHORT, Plan, draw


@pytest.mark.parametrize("plan", PLANS.values(), ids=lambda plan: plan.name)
def test_a_seed_draws_the_same_schedule_again(plan: Plan) -> None:
    assert draw(plan, 7) == draw(plan, 7)
    assert draw(plan, 7) != draw(plan, 8)
    drawn = Counter(step.kind for step in (*draw(plan, 7).processes, *draw(plan, 7).network, *LAST))
    assert drawn == plan.planned


def test_both_plans_have_every_kind_of_fault() -> None:
    kinds = {f"{harm} {pair}" for harm in HARMS for pair in PAIRS} | set(KILLS)
    kinds |= {"swallow kiosk-hub", "swallow hub-postgres", "flush valkey", "step clock"}
    kinds |= {f"{how} {whom}" for how in ("freeze", "restart") for whom in ("hub", "postgres", "valkey")}
    kinds |= {"freeze kiosk"}
    assert FULL.planned.keys() == SHORT.planned.keys() == kinds


def test_the_full_plan_is_as_large_as_it_must_be() -> None:
    assert FULL.punches >= 50_000
    assert sum(FULL.planned[kind] for kind in KILLS) >= FULL.least_kills >= 30
    assert sum(FULL.planned[kind] for kind in CUTS) >= FULL.least_cuts >= 20


def a_report(**changes: object) -> Report:
    good = Report(
        plan=SHORT,
        seed=1,
        struck=SHORT.planned,
        missed=Counter(),
        not_run={},
        kept=SHORT.punches,
        answers=SHORT.punches,
        acknowledged=SHORT.punches,
        recorded=SHORT.punches,
        findings=[],
        boards=6,
        equal_after_seconds=0.5,
        drained_after_seconds=0.5,
        judged_after_seconds=2.0,
        load_seconds=40.0,
    )
    return replace(good, **changes)  # type: ignore[arg-type]  # each test changes what it names


def test_a_campaign_that_went_well_is_green() -> None:
    assert a_report().faults() == []
    assert a_report().text().endswith("GREEN")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"struck": SHORT.planned - Counter({"kill hub": 99})}, "kill hub: planned, and never struck"),
        ({"struck": Counter()}, "swallow kiosk-hub: planned, and never struck"),
        ({"not_run": {"step clock": "no library"}}, "step clock: not run (no library)"),
        ({"recorded": SHORT.punches - 1}, f"{SHORT.punches - 1} punches, at least {SHORT.punches} were wanted"),
        ({"plan": replace(SHORT, least_kills=30)}, "kills, at least 30 were wanted"),
        ({"plan": replace(SHORT, least_cuts=20)}, "cuts, at least 20 were wanted"),
        ({"findings": [Finding(Wrong.LOST, "punch", "gone")]}, "1 × lost"),
        ({"equal_after_seconds": None}, "boards never became equal"),
        ({"troubles": ["hub 1 ended by itself"]}, "hub 1 ended by itself"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_makes_a_campaign_red_is_said(changes: dict[str, object], why: str) -> None:
    report = a_report(**changes)
    assert any(why in fault for fault in report.faults())
    assert "RED: " in report.text()
    assert why in report.text()
    assert report.document()["red"] == report.faults()


def test_a_fault_that_can_not_be_run_is_listed_and_never_silent(tmp_path: Path) -> None:
    report = a_report(not_run={"step clock": "no library"}, struck=SHORT.planned - Counter({"step clock": 99}))
    (line,) = [line for line in report.text().splitlines() if line.startswith("step clock")]
    assert "NOT RUN: no library" in line
    report.write(tmp_path)
    assert json.loads((tmp_path / "report.json").read_text())["faults"]["step clock"]["not_run"] == "no library"


def test_a_fault_without_proof_did_not_strike(tmp_path: Path) -> None:
    log = FaultLog(tmp_path / "faults.jsonl")
    assert not log.note("cut kiosk-hub", "kiosks", 1.0, {})
    assert log.note("cut kiosk-hub", "kiosks", 2.0, {"connections_cut": 3})
    log.could_not("step clock", "no library")
    log.close()
    assert (log.struck, log.missed) == (Counter({"cut kiosk-hub": 1}), Counter({"cut kiosk-hub": 1}))
    lines = [json.loads(line) for line in (tmp_path / "faults.jsonl").read_text().splitlines()]
    assert [line["did"] for line in lines] == ["begin", "fault", "fault", "not_run"]
    assert [line["struck"] for line in lines[1:3]] == [False, True]
    assert lines[2]["proof"] == {"connections_cut": 3}


def test_a_line_that_a_killed_writer_left_unfinished_stands_alone(tmp_path: Path) -> None:
    path = tmp_path / "kiosk-1.jsonl"
    first = History(path)
    first.write({"did": "keep", "punch_id": "one"}, {"did": "keep", "punch_id": "two"})
    first.close()
    path.write_bytes(path.read_bytes()[:-20])
    second = History(path)
    second.write({"did": "keep", "punch_id": "three"})
    second.close()
    lines = path.read_text().splitlines()
    assert len(lines) == 3
    assert json.loads(lines[0])["punch_id"] == "one"
    assert json.loads(lines[2])["punch_id"] == "three"
