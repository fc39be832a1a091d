"""The table between the README's markers, and the chart beside it."""

from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.benchmarks.chart import DARK, LIGHT, svg
from tests.benchmarks.figures import Bar, Row
from tests.benchmarks.report import BEGIN, END, UNEXPLAINED, into, section

MET = Row(part="p", what="speed", measured="3 × theirs", asked="≥ 2 ×", met=True, limit="hub CPU")
SHORT = Row(part="p", what="memory", measured="30 KB", asked="≤ 20 KB", met=False)
FREE = Row(part="p", what="latency | p99", measured="9 ms")
BARS = [
    Bar(group="speed", name="ours <1>", value=40, label="40", ours=True),
    Bar(group="speed", name="theirs", value=10, label="10"),
    Bar(group="size", name="alone", value=3, label="3 KB"),
]


def told(*rows: Row, reasons: dict[str, str] | None = None) -> list[str]:
    return section(rows, {"cores": "2"}, when="Today", alt="bars", reasons=reasons or {}).split("\n")


def test_each_row_says_what_was_asked_and_whether_it_was_met() -> None:
    lines = told(MET, FREE)
    assert "| speed | 3 × theirs |  | ≥ 2 × ✓ | hub CPU |" in lines
    assert "| latency \\| p99 | 9 ms |  |  |  |" in lines
    assert lines[-1] == "Today, cores 2."


def test_a_row_that_falls_short_says_so_with_its_reason_below_or_that_there_is_none_yet() -> None:
    lines = told(MET, SHORT, reasons={"memory": "Half of it is aiohttp's.", "speed": "never shown"})
    assert "| memory | 30 KB |  | ≤ 20 KB ✗ (1) |  |" in lines
    assert "1. Half of it is aiohttp's." in lines
    assert not any("never shown" in line for line in lines)
    assert f"1. {UNEXPLAINED}" in told(SHORT)


def test_only_what_stands_between_the_markers_is_replaced_and_again_gives_the_same() -> None:
    before = f"# Head\n{BEGIN}\nold\n{END}\ntail\n"
    once = into(before, "new")
    assert once == f"# Head\n{BEGIN}\n\nnew\n\n{END}\ntail\n"
    assert into(once, "new") == once


@pytest.mark.parametrize("text", ["", BEGIN, f"{END}{BEGIN}", f"{BEGIN}{BEGIN}{END}"])
def test_a_text_without_its_markers_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="markers"):
        into(text, "new")


def test_the_readme_has_its_markers() -> None:
    into(Path("README.md").read_text(), "new")


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_bars_of_a_group_share_a_scale_and_ours_stands_out(theme: object) -> None:
    assert theme in (LIGHT, DARK)
    picture = ET.fromstring(svg(BARS, LIGHT if theme is LIGHT else DARK))
    rects = picture.findall("{http://www.w3.org/2000/svg}rect")
    ours, theirs, alone = (float(rect.attrib["width"]) for rect in rects)
    assert ours == pytest.approx(4 * theirs, abs=0.3)
    assert alone == pytest.approx(ours), "the longest of each group fills it"
    assert rects[0].attrib["fill"] != rects[1].attrib["fill"]
    assert rects[1].attrib["fill"] == rects[2].attrib["fill"]


def test_every_bar_lies_within_the_picture_and_none_upon_another() -> None:
    picture = ET.fromstring(svg(BARS, DARK))
    tops = [float(rect.attrib["y"]) for rect in picture.iter("{http://www.w3.org/2000/svg}rect")]
    assert all(later - earlier >= 16 for earlier, later in pairwise(tops))
    assert max(tops) + 16 < float(picture.attrib["height"])


def test_a_bar_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="above zero"):
        svg([Bar(group="g", name="n", value=0, label="0")], LIGHT)
