import csv
import io
import re
from typing import Final, Literal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from protocol.errors import Invalid
from server.rules.people_csv import MAX_SHOWN, Grammar, Row, Table, TooManyRowsError, read_table

GRAMMAR: Final = Grammar(number=re.compile("[0-9]{1,10}"), badge=re.compile("[0-9A-Z]{8,20}"))
HEADER: Final = ("employee_number", "display_name", "site", "department", "badge")
Mapping = dict[str, Literal["employee_number", "display_name", "site", "department", "badge", "ignore"]]


def read(text: str, mapping: Mapping | None = None, max_rows: int = 1_000) -> Table:
    return read_table(text, mapping, GRAMMAR, max_rows=max_rows)


def faults(text: str) -> list[tuple[int, str | None, str]]:
    return [(fault.line, fault.field, fault.problem) for fault in read(text).faults]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_a_spreadsheets_text_is_read(delimiter: str, line_end: str, bom: str) -> None:
    lines = [
        ["Nº empleado", "Nombre", "Apellidos", "Centro de trabajo", "Departamento", "Tarjeta", "Notas"],
        ["41", "Íñigo", "Núñez", "Las Palmas", "Almacén", "04A1B2C3D4", "=1+1"],
        ["42", '"Ana, ""la jefa""; Soto"', "", "", "", "", ""],
    ]
    text = bom + line_end.join(delimiter.join(cells) for cells in lines)
    table = read(text)
    assert table.faults == []
    assert table.rows == [
        Row(2, "41", "Íñigo Núñez", "Las Palmas", "Almacén", "04A1B2C3D4"),
        Row(3, "42", 'Ana, "la jefa"; Soto', None, None, None),
    ]


@pytest.mark.parametrize(
    "header",
    [
        "employee_number,display_name,site,department,badge",
        "Employee No.,Full Name,Location,Dept.,Card number",
        "NÚMERO DE EMPLEADO,Nombre y apellidos,Sede,Sección,Nº tarjeta",
        "matrícula,Trabajador,Centro,Área,Credencial",
    ],
)
def test_usual_headers_are_known_by_themselves(header: str) -> None:
    (row,) = read(f"{header}\n7,Ana,Sede,Taller,ABCDEFGH\n").rows
    assert row == Row(2, "7", "Ana", "Sede", "Taller", "ABCDEFGH")


def test_a_mapping_overrides_what_is_known() -> None:
    text = "number,name,who,site\n7,ana.soto,Ana Soto,Sede\n"
    (row,) = read(text, {"who": "display_name", "SITE": "ignore"}).rows
    assert row == Row(2, "7", "Ana Soto", None, None, None)


def test_a_byte_order_mark_before_a_quoted_name_is_no_part_of_it() -> None:
    (row,) = read('\ufeff"who, by number",name\n7,Ana\n', {"who, by number": "employee_number"}).rows
    assert (row.employee_number, row.display_name) == ("7", "Ana")


@pytest.mark.parametrize(
    "mapping", [{"nowhere": "badge"}, {"name": "display_name", "site": "display_name"}], ids=["no column", "two"]
)
def test_a_mapping_that_does_not_fit_the_header_is_invalid(mapping: Mapping) -> None:
    with pytest.raises(Invalid) as fault:
        read("number,name,site\n", mapping)
    assert fault.value.field == "mapping"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [(1, "employee_number", "has no column")]),
        ("name,site\nAna,Sede\n", [(1, "employee_number", "has no column")]),
        ("number,name,nombre\n", [(1, "display_name", "has two columns")]),
        ("number\n\n \n12a\n", [(4, "employee_number", "is not what an employee number looks like")]),
        ("number,name\n,Ana\n", [(2, "employee_number", "is empty")]),
        ("number,name\n7,=HYPERLINK(1)\n", [(2, "display_name", "begins like a formula")]),
        ("number,name\n7, @SUM(A1)\n", [(2, "display_name", "begins like a formula")]),
        ("number,name\n7,\uff1dcmd\n", [(2, "display_name", "begins like a formula")]),
        ("number,name\n7,Ana\x1b[2J\n", [(2, "display_name", "has characters that aren't printed")]),
        ("number,name\n7,Ana\u202eairaM\n", [(2, "display_name", "has characters that aren't printed")]),
        ('number,name\n7,"Ana\nSoto"\n', [(2, "display_name", "has characters that aren't printed")]),
        (f"number,name\n7,{'n' * 201}\n", [(2, "display_name", "is no name, or too long")]),
        ("number,badge\n7,short\n", [(2, "badge", "is not what a badge looks like")]),
        ("number,name\n7,Ana,more\n", [(2, None, "has more cells than the header")]),
        (
            "number,badge\n7,ABCDEFGH\n8,\n7,ABCDEFGH\n",
            [
                (2, "employee_number", "is on line 4 too"),
                (4, "employee_number", "is on line 2 too"),
                (2, "badge", "is on line 4 too"),
                (4, "badge", "is on line 2 too"),
            ],
        ),
        (
            'number,name\n7,"Ana\n',
            [(2, None, "its quotes or line ends don't fit, or a cell is too long")],
        ),
    ],
)
def test_a_fault_names_line_and_field(text: str, expected: list[tuple[int, str | None, str]]) -> None:
    assert faults(text) == expected


def test_a_line_after_a_cell_of_several_lines_is_named_by_its_own_number() -> None:
    assert faults('number,notes\n7,"a\nb\nc"\nx,\n') == [
        (5, "employee_number", "is not what an employee number looks like")
    ]


def test_more_rows_than_are_allowed_are_too_many_and_blank_lines_are_none() -> None:
    assert len(read("number\n1\n\n2\n", max_rows=2).rows) == 2
    with pytest.raises(TooManyRowsError):
        read("number\n1\n2\n3\n", max_rows=2)


@pytest.mark.parametrize("header", ["number\n", ""])
def test_more_broken_lines_than_rows_are_allowed_are_too_many(header: str) -> None:
    assert len(read(header + '"a"b\n' * 2, max_rows=2).faults) >= 2
    with pytest.raises(TooManyRowsError):
        read(header + '"a"b\n' * 3, max_rows=2)


def test_what_a_report_repeats_of_a_cell_is_short_and_harmless() -> None:
    (fault,) = read(f"number\n\x1b]52;c;{'x' * 100_000}\x07\n").faults
    assert len(fault.employee_number) == MAX_SHOWN
    assert fault.employee_number.isprintable()


@given(st.text(), st.sampled_from([None, {"number": "employee_number"}]))
@example("number\r\r7\x00", None)
@example('"', None)
@example("number\n" + "x" * 200_000, None)
def test_any_text_gives_rows_and_faults(text: str, mapping: Mapping | None) -> None:
    try:
        table = read(text, mapping)
    except (Invalid, TooManyRowsError):
        return
    assert all(GRAMMAR.number.fullmatch(row.employee_number) for row in table.rows)
    assert all(fault.line >= 1 for fault in table.faults)
    assert not {row.line for row in table.rows} & {fault.line for fault in table.faults}


CELLS: Final = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)


@given(
    st.lists(st.tuples(st.integers(0, 10**10 - 1), CELLS, CELLS, CELLS), max_size=8, unique_by=lambda line: line[0]),
    st.sampled_from([",", ";", "\t"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_what_was_written_is_read_again_or_named_as_a_fault(
    people: list[tuple[int, str, str, str]], delimiter: str, quoting: Literal[0, 1]
) -> None:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, quoting=quoting)
    writer.writerow(HEADER[:4])
    writer.writerows(people)
    table = read(out.getvalue())
    named = {fault.employee_number for fault in table.faults}
    rows = {row.employee_number: row for row in table.rows}
    for number, *cells in people:
        if str(number) not in named:
            row = rows.pop(str(number))
            told = [cell.replace("\u00a0", " ").strip() or None for cell in cells]
            assert [row.display_name, row.site, row.department] == told
    assert not rows
