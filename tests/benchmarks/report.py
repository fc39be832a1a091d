"""What a run found, as a table and a chart between two markers of the README."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from tests.benchmarks.figures import Row

BEGIN: Final = "<!-- bench: written by `make bench` -->"
END: Final = "<!-- end of bench -->"
CHART: Final = ".github/pictures/bench-{theme}.svg"

_MARKS: Final = {True: "✓", False: "✗", None: ""}
_PICTURE: Final = """<picture>
  <source media="(prefers-color-scheme: dark)" srcset="{dark}">
  <img src="{light}" alt="{alt}">
</picture>"""
UNEXPLAINED: Final = "No reason is known yet."


def section(rows: Sequence[Row], machine: Mapping[str, str], *, when: str, alt: str, reasons: Mapping[str, str]) -> str:
    """The Markdown between the markers. A row that falls short gets a footnote: its reason, by what was measured."""
    notes = [note for row in rows if (note := _note(row, reasons))]
    numbers = {note: place for place, note in enumerate(dict.fromkeys(notes), start=1)}
    return "\n".join(
        [
            _PICTURE.format(dark=CHART.format(theme="dark"), light=CHART.format(theme="light"), alt=_cell(alt)),
            "",
            "| what | measured | beside it | asked | held back by |",
            "| --- | --- | --- | --- | --- |",
            *(_line(row, numbers.get(_note(row, reasons))) for row in rows),
            "",
            *(f"{number}. {note}" for note, number in numbers.items()),
            *([""] if numbers else []),
            f"{when}, {'; '.join(f'{name} {value}' for name, value in machine.items())}.",
        ]
    )


def into(text: str, written: str) -> str:
    """`text` with what stands between the markers replaced. Raises ValueError unless both are there once, in order."""
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(END) < text.index(BEGIN):
        raise ValueError("the markers must stand in it once, in order")
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{written}\n\n{END}{rest.partition(END)[2]}"


def _note(row: Row, reasons: Mapping[str, str]) -> str:
    if row.met is not False:
        return row.note
    return " ".join(part for part in (row.note, reasons.get(row.what, UNEXPLAINED)) if part)


def _line(row: Row, number: int | None) -> str:
    asked = f"{row.asked} {_MARKS[row.met]}".strip()
    if number is not None:
        asked = f"{asked} ({number})".strip()
    return "| " + " | ".join(map(_cell, (row.what, row.measured, row.beside, asked, row.limit))) + " |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
