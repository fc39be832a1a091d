"""Tables fit the terminal that shows them, and lose nothing elsewhere."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from kiosk.admin.tables import Column, Fit, lay_out

ID = "01a20cb3-e9a9-7063-865e-6f4595973525"
COLUMNS = [
    Column("number", str, Fit.WHOLE),
    Column("name", str),
    Column("site", str),
    Column("badges", str, Fit.WHOLE),
    Column("id", str, Fit.SPARE),
]
ROWS = [
    ["1042", "Lucía Fernández Ortega de la Torre y Mendoza", "Planta Norte", "1", ID],
    ["7", "東京太郎", "Planta Sur de Villanueva de la Serena", "12", ID],
]


def test_a_wide_terminal_or_none_shows_everything() -> None:
    for width in (None, 200):
        table = lay_out(COLUMNS, ROWS, width)
        assert table.left_out == []
        assert all(cell in line for cell, line in zip((ROWS[0][1], ROWS[1][2]), table.lines[1:], strict=True))


@pytest.mark.parametrize("width", [80, 100, 120])
def test_a_line_never_runs_over_the_edge(width: int) -> None:
    table = lay_out(COLUMNS, ROWS, width)
    assert max(cell_len(line) for line in table.lines) <= width
    starts = {cell_len(line[: line.index(badges)]) for line, badges in zip(table.lines[1:], (" 1", "12"), strict=True)}
    assert len(starts) <= 2


def test_texts_are_shortened_before_a_column_goes() -> None:
    table = lay_out(COLUMNS, ROWS, 100)
    assert table.left_out == []
    assert all(ID in line for line in table.lines[1:]), "an id is whole or not there"
    assert "…" in table.lines[1]


def test_what_does_not_fit_is_left_out_whole_and_named() -> None:
    table = lay_out(COLUMNS, ROWS, 80)
    assert table.left_out == ["id"]
    assert not any("01a2" in line for line in table.lines)
    assert "1042" in table.lines[1]


def test_only_what_is_spare_goes_wherever_it_stands() -> None:
    columns = [Column("id", str, Fit.SPARE), Column("badge id", str, Fit.WHOLE)]
    table = lay_out(columns, [[ID, ID]], 60)
    assert table.left_out == ["id"]
    assert table.lines == ["badge id", ID]


def test_wide_letters_are_counted_as_the_terminal_shows_them() -> None:
    columns = [Column("name", str), Column("number", str, Fit.WHOLE)]
    lines = lay_out(columns, [["東" * 12, "1"], ["a", "2"]], 26).lines
    assert [cell_len(line) for line in lines[1:]] == [21, 21]
    assert [line[-1] for line in lines[1:]] == ["1", "2"]


def test_in_a_tiny_terminal_numbers_stay_whole() -> None:
    table = lay_out(COLUMNS, ROWS, 20)
    assert [line.split()[0] for line in table.lines[1:]] == ["1042", "7"]


def test_an_empty_list_has_its_headings() -> None:
    assert lay_out(COLUMNS, [], 80).lines == ["number  name  site  badges  id"]
