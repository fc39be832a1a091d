"""People as a table of text (RFC 4180 and what spreadsheets make of it): which column is which, and each line's faults.

Pure. Whatever the text is, it gives lines and faults, never an error: who reads the report mends the file.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

import msgspec

from protocol.errors import Invalid
from protocol.roster import ImportField
from protocol.values import Contact, Name, NationalId, Notes

DELIMITERS: Final = (",", ";", "\t")
MAX_SHOWN: Final = 32
_HEADER_LINE: Final = 1
_FORMULA: Final = frozenset("=+-@\uff1d\uff0b\uff0d\uff20")
"""What spreadsheets take for the beginning of a formula, in both widths."""

_ABOUT: Final[Mapping[str, object]] = {"national_id": NationalId, "contact": Contact, "notes": Notes}
_NO_BREAK: Final = "\u00a0"
"""Spreadsheets put it where people typed a space."""

_Column = ImportField | Literal["surname"]
_USUAL_NAMES: Final[Mapping[_Column, str]] = {
    "employee_number": "employee_number number employee employee_id employee_no emp_no emp_number staff_number "
    "staff_id personnel_number payroll_number numero num no n numero_empleado num_empleado no_empleado n_empleado "
    "numero_de_empleado no_de_empleado n_de_empleado codigo_empleado codigo_de_empleado numero_trabajador "
    "numero_de_trabajador matricula legajo",
    "display_name": "display_name name full_name employee_name first_name given_name nombre nombre_completo "
    "nombre_y_apellidos apellidos_y_nombre nombre_apellidos empleado trabajador",
    "surname": "surname surnames last_name family_name apellidos apellido",
    "site": "site site_name location workplace branch centro centro_de_trabajo centro_trabajo sede lugar "
    "lugar_de_trabajo delegacion sucursal tienda",
    "department": "department department_name dept team section departamento depto dpto seccion equipo area",
    "national_id": "national_id dni nif nie",
    "contact": "contact contacto",
    "badge": "badge badge_number badge_id card card_number card_id tag tarjeta numero_de_tarjeta numero_tarjeta "
    "num_tarjeta no_tarjeta n_tarjeta codigo_tarjeta codigo_de_tarjeta credencial acreditacion",
}
_FIELDS: Final[Mapping[str, _Column]] = {
    name.replace("_", ""): column for column, names in _USUAL_NAMES.items() for name in names.split()
}


class TooManyRowsError(Exception):
    """More people than one import may hold."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a line, and in which field of it, where it is one's."""

    line: int
    employee_number: str
    field: str | None
    problem: str


@dataclass(frozen=True, slots=True)
class Row:
    """A person as a line has them. Null: there is no such column, or nothing in it."""

    line: int
    employee_number: str
    display_name: str | None
    site: str | None
    department: str | None
    badge: str | None
    national_id: str | None = None
    contact: str | None = None
    notes: str | None = None

    @property
    def personal(self) -> dict[str, str | None]:
        """What it says of the person."""
        return {
            "display_name": self.display_name,
            "national_id": self.national_id,
            "contact": self.contact,
            "notes": self.notes,
        }


@dataclass(slots=True)
class Table:
    rows: list[Row] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Grammar:
    """What cells must look like."""

    number: re.Pattern[str]
    badge: re.Pattern[str]


def read_table(text: str, mapping: Mapping[str, ImportField] | None, grammar: Grammar, *, max_rows: int) -> Table:
    """Lines in their order, those with a fault among the faults alone.

    Raises Invalid for a mapping that doesn't fit the header, TooManyRowsError.
    """
    text = text.removeprefix("\ufeff")
    table = Table()
    records = _records(text, _delimiter(text, mapping or {}, max_rows), table, max_rows)
    _, header = next(records, (_HEADER_LINE, []))
    columns = _columns(header, mapping or {}, table)
    if table.faults:
        return table
    count = 0
    for line, cells in records:
        if not any(cell.strip() for cell in cells):
            continue
        count += 1
        if count > max_rows:
            raise TooManyRowsError
        row = _row(line, cells, columns)
        faults = list(_faults(row, grammar))
        if any(extra.strip() for extra in cells[len(header) :]):
            faults.append((None, "has more cells than the header"))
        table.faults += [Fault(line, shown(row.employee_number), name, problem) for name, problem in faults]
        table.rows.append(row)
    _name_repeated(table)
    at_fault = {fault.line for fault in table.faults}
    table.rows = [row for row in table.rows if row.line not in at_fault]
    return table


def shown(text: str) -> str:
    """A cell as a report may repeat it: short, and nothing in it that a screen obeys."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text[:MAX_SHOWN])


def _records(text: str, delimiter: str, table: Table, max_broken: int) -> Iterator[tuple[int, list[str]]]:
    """Each record with the number of its first line. Raises TooManyRowsError where too many aren't any."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    broken = 0
    while True:
        line = reader.line_num + 1
        try:
            yield line, next(reader)
        except StopIteration:
            return
        except csv.Error:
            # Each stands in the report, which is kept as an answer: five bytes of a file are a hundred of that.
            broken += 1
            if broken > max_broken:
                raise TooManyRowsError from None
            table.faults.append(Fault(line, "", None, "its quotes or line ends don't fit, or a cell is too long"))


def _delimiter(text: str, mapping: Mapping[str, ImportField], max_broken: int) -> str:
    """The one that finds most known columns in the header, else most columns."""

    def found(delimiter: str) -> tuple[int, int]:
        _, header = next(_records(text, delimiter, Table(), max_broken), (_HEADER_LINE, []))
        mapped = {_folded(name) for name in mapping}
        known = sum(_folded(name) in mapped or _folded(name) in _FIELDS for name in header)
        return known, len(header)

    return max(DELIMITERS, key=found)


def _columns(header: Sequence[str], mapping: Mapping[str, ImportField], table: Table) -> dict[_Column, int]:
    """The place of each field's column: the mapping's first, then those that are known by their names."""
    wanted = {_folded(name): column for name, column in mapping.items()}
    if missing := set(wanted) - {_folded(name) for name in header}:
        raise Invalid("mapping", f"{len(missing)} of its columns are not in the header")
    chosen = [column for column in wanted.values() if column != "ignore"]
    if len(chosen) != len(set(chosen)):
        raise Invalid("mapping", "has two columns for one field")
    places: defaultdict[_Column, list[int]] = defaultdict(list)
    for place, name in enumerate(header):
        key = _folded(name)
        column: _Column | None = wanted.get(key)
        if column is None and (usual := _FIELDS.get(key)) is not None and usual not in chosen:
            column = usual
        if column is not None and column != "ignore":
            places[column].append(place)
    if "display_name" in chosen:
        places.pop("surname", None)
    for column, found in places.items():
        if len(found) > 1:
            table.faults.append(Fault(_HEADER_LINE, "", column, "has two columns"))
    if "employee_number" not in places:
        table.faults.append(Fault(_HEADER_LINE, "", "employee_number", "has no column"))
    return {column: found[0] for column, found in places.items()}


def _row(line: int, cells: Sequence[str], columns: Mapping[_Column, int]) -> Row:
    def cell(column: _Column) -> str:
        place = columns.get(column)
        if place is None or place >= len(cells):
            return ""
        return cells[place].replace(_NO_BREAK, " ").strip()

    name = " ".join(part for part in (cell("display_name"), cell("surname")) if part)
    return Row(
        line=line,
        employee_number=cell("employee_number"),
        display_name=name or None,
        site=cell("site") or None,
        department=cell("department") or None,
        badge=cell("badge") or None,
        national_id=cell("national_id") or None,
        contact=cell("contact") or None,
        notes=cell("notes") or None,
    )


def _faults(row: Row, grammar: Grammar) -> Iterator[tuple[str | None, str]]:
    cells = {
        "employee_number": row.employee_number,
        "display_name": row.display_name,
        "site": row.site,
        "department": row.department,
        "badge": row.badge,
        "national_id": row.national_id,
        "contact": row.contact,
        "notes": row.notes,
    }
    for name, text in cells.items():
        if text is not None and text[:1] in _FORMULA:
            yield name, "begins like a formula"
        elif text is not None and not text.isprintable():
            yield name, "has characters that aren't printed"
        elif name == "employee_number" and not text:
            yield name, "is empty"
        elif name == "employee_number" and text and grammar.number.fullmatch(text) is None:
            yield name, "is not what an employee number looks like"
        elif name == "badge" and text is not None and grammar.badge.fullmatch(text) is None:
            yield name, "is not what a badge looks like"
        elif name == "display_name" and text is not None and not _fits(text, Name):
            yield name, "is no name, or too long"
        elif name in _ABOUT and text is not None and not _fits(text, _ABOUT[name]):
            yield name, "is too long"


def _fits(text: str, type_: object) -> bool:
    try:
        msgspec.convert(text, type=type_)
    except msgspec.ValidationError:
        return False
    return True


def _name_repeated(table: Table) -> None:
    """A number or a badge on two lines: both are at fault, and say where the other is."""
    for name in ("employee_number", "badge"):
        values = [(getattr(row, name), row) for row in table.rows if getattr(row, name)]
        counts = Counter(value for value, _ in values)
        lines: defaultdict[str, list[Row]] = defaultdict(list)
        for value, row in values:
            if counts[value] > 1:
                lines[value].append(row)
        for rows in lines.values():
            for row in rows:
                other = next(one.line for one in rows if one is not row)
                table.faults.append(Fault(row.line, shown(row.employee_number), name, f"is on line {other} too"))


def _folded(name: str) -> str:
    """A column's name without case, accents, spaces and points."""
    decomposed = unicodedata.normalize("NFKD", name.casefold())
    return "".join(character for character in decomposed if character.isalnum())
