"""People from files as offices have them: encodings, parts, columns, reports."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.admin.faults import CommandRefused, Exit, FaultsInFile, FileUnusable, UsageFault
from kiosk.admin.imports import PART_CHARACTERS, decoded, parts_of
from protocol.codec import encode
from protocol.errors import ErrorCode
from protocol.replies import Error
from protocol.roster import EmployeeImport, EmployeeImported, ImportLine
from protocol.values import MAX_FRAME_BYTES
from tests.kiosk.admin_desk import KEY, Answer, ScriptedHub, Typed

SHEET = "número;nombre\r\n1;Núñez “Pepe” D’Angelo\r\n"


def report(**changes: Any) -> EmployeeImported:  # noqa: ANN401 - the fields of EmployeeImported
    counts = {"created": 1, "updated": 1, "unchanged": 1, "faults": 0}
    members: dict[str, Any] = {"re": 1, "done": True, "lines": [], **counts}
    return EmployeeImported(**(members | changes))


def hub(answer: Answer) -> ScriptedHub:
    return ScriptedHub({"employee.import": answer})


def sheet(folder: Path, data: bytes) -> str:
    file = folder / "people.csv"
    file.write_bytes(data)
    return str(file)


@pytest.mark.parametrize(
    ("encoding", "said"),
    [
        ("utf-8", None),
        ("utf-8-sig", None),
        ("windows-1252", "Latin-1 (Windows-1252)"),
        ("utf-16", "UTF-16"),
    ],
)
def test_what_spreadsheets_write_is_read(encoding: str, said: str | None) -> None:
    assert decoded(SHEET.encode(encoding)) == (SHEET, said)


def test_no_byte_is_beyond_reading() -> None:
    text, said = decoded(bytes(range(256)))
    assert (len(text), said) == (256, "Latin-1")


async def test_another_encoding_is_said_aloud(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = Typed("employee", "import", sheet(tmp_path, SHEET.encode("windows-1252")), hub=hub(report()))
    await run.run()
    assert "Latin-1" in capsys.readouterr().err
    assert run.hub.asked[0].csv == SHEET


@given(st.text(alphabet=st.sampled_from('aé東😀"\\\n\r;'), max_size=20), st.integers(0, 12_000))
def test_parts_make_up_the_text_and_each_fits_a_frame(piece: str, times: int) -> None:
    text = piece * times
    parts = list(parts_of(text))
    assert "".join(parts) == text
    assert all(len(part) <= PART_CHARACTERS for part in parts)
    for part in parts:
        command = EmployeeImport(id=2**53 - 1, request_key=KEY, part=10_000, last=True, csv=part, dry_run=True)
        assert len(encode(command)) < MAX_FRAME_BYTES
        msgspec.convert(msgspec.to_builtins(command), EmployeeImport)


async def test_a_long_file_goes_in_order_with_the_mapping_at_its_end(tmp_path: Path) -> None:
    text = "".join(f"{number};Persona {number}\n" for number in range(6_000))
    run = Typed(
        *("employee", "import", sheet(tmp_path, text.encode()), "--dry-run"),
        *("--map", "Nº=employee_number", "--map", "a=b=display_name"),
        hub=hub(report(done=False)),
    )
    await run.run()
    asked = run.hub.asked
    assert len(asked) > 2
    assert [each.part for each in asked] == list(range(len(asked)))
    assert [each.last for each in asked] == [False] * (len(asked) - 1) + [True]
    assert "".join(each.csv for each in asked) == text
    assert {each.request_key for each in asked} == {KEY}
    assert {each.dry_run for each in asked} == {True}
    assert [each.mapping for each in asked[-2:]] == [None, {"Nº": "employee_number", "a=b": "display_name"}]


async def test_a_mapping_of_many_long_columns_has_a_frame_of_its_own(tmp_path: Path) -> None:
    columns = [argument for number in range(50) for argument in ("--map", f"{number:東>200}=ignore")]
    run = Typed("employee", "import", sheet(tmp_path, b"a" * 39_000), *columns, hub=hub(report()))
    await run.run()
    assert len(run.hub.asked[-1].mapping) == 50
    assert all(len(encode(each)) < MAX_FRAME_BYTES for each in run.hub.asked)


async def test_a_hub_that_can_not_go_on_gets_the_file_from_its_beginning(tmp_path: Path) -> None:
    told = hub(report())
    refusals = [ErrorCode.UNAVAILABLE]
    ask = told.ask

    async def busy_at_the_end(make: Any, answer: Any, **how: Any) -> Any:  # noqa: ANN401 - as ScriptedHub.ask
        if make(id=1).last and refusals:
            raise CommandRefused(Error(re=1, code=refusals.pop(), message="not now", retry=True, retry_after_ms=1))
        return await ask(make, answer, **how)

    told.ask = busy_at_the_end  # type: ignore[method-assign]  # the one method that is scripted here
    await Typed("employee", "import", sheet(tmp_path, b"a" * 90_000), hub=told).run()
    assert [each.part for each in told.asked] == [0, 1, 0, 1, 2]


LINES = [
    ImportLine(line=2, employee_number="1", outcome="create"),
    ImportLine(line=3, employee_number="2", outcome="unchanged"),
    ImportLine(line=4, employee_number="3\x1b[2J", outcome="fault", field="site", problem="no such site"),
]


async def test_faults_are_told_line_by_line_and_nothing_else(tmp_path: Path) -> None:
    run = Typed("employee", "import", sheet(tmp_path, b"x"), hub=hub(report(done=False, faults=1, lines=LINES)))
    with pytest.raises(FaultsInFile) as raised:
        await run.run()
    assert raised.value.exit_code == Exit.REFUSED
    heading, fault, summary = run.out.getvalue().splitlines()
    assert fault.split() == ["4", "3", "fault", "site", "no", "such", "site"]
    assert heading.startswith("line")
    assert summary.startswith("nothing written: 1 new")


async def test_what_was_done_is_told_without_what_stayed(tmp_path: Path) -> None:
    printed = await Typed("employee", "import", sheet(tmp_path, b"x"), hub=hub(report(lines=LINES[:2]))).run()
    assert printed.splitlines()[1:] == ["2     1       new", "written: 1 new, 1 changed, 1 as they were, 0 faults"]


async def test_programs_get_every_line_and_the_sum(tmp_path: Path) -> None:
    run = Typed(
        *("employee", "import", sheet(tmp_path, b"x"), "--json"),
        hub=hub(report(done=False, faults=1, lines=LINES)),
    )
    with pytest.raises(FaultsInFile):
        await run.run()
    *lines, total = (json.loads(line) for line in run.out.getvalue().splitlines())
    assert [each["line"] for each in lines] == [2, 3, 4]
    assert total == {"done": False, "created": 1, "updated": 1, "unchanged": 1, "faults": 1}


@pytest.mark.parametrize("mapping", ["Nº", "Nº=number", "=", "Nº="])
async def test_a_column_is_mapped_to_a_field_that_there_is(tmp_path: Path, mapping: str) -> None:
    with pytest.raises(UsageFault, match="employee_number"):
        await Typed("employee", "import", sheet(tmp_path, b"x"), "--map", mapping).run()


async def test_a_file_that_is_not_there_or_no_text_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(FileUnusable, match="No such file"):
        await Typed("employee", "import", str(tmp_path / "none.csv")).run()
    with pytest.raises(FileUnusable, match="no CSV"):
        await Typed("employee", "import", sheet(tmp_path, b"PK\x03\x04\x00\x00")).run()
