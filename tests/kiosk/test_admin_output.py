"""What the command line prints steers no terminal, lines up for people and parses for programs."""

from __future__ import annotations

import io
import json
import stat
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from kiosk.admin.command_line import parser
from kiosk.admin.faults import StateUnusable
from kiosk.admin.output import Output, local_time
from kiosk.admin.saved_session import SavedSession, SessionFile
from kiosk.admin.tables import Column, Fit
from kiosk.folders import kiosk_folder, state_folder
from protocol.replies import DepartmentItem, HubStatusResult

HUB = "http://127.0.0.1:8080"
NASTY = "Ana\x1b]52;c;aGk=\x07\u202e\x9b31m\nLópez"
SESSION = SavedSession(hub=HUB, username="admin", access_token="access", expires_at=2e9, refresh_token="refresh")


def department(name: str) -> DepartmentItem:
    return DepartmentItem(department_id=UUID(int=1), site_id=UUID(int=2), name=name)


def printed(output_of: io.StringIO) -> str:
    return output_of.getvalue()


def test_a_table_lines_up_by_cells_and_holds_no_controls() -> None:
    out = io.StringIO()
    columns = [Column("name", lambda item: item.name), Column("site", lambda item: item.site_id, Fit.WHOLE)]
    Output(as_json=False, out=out).items(columns, [department(NASTY), department("東京"), department("Ñuñoa")])
    lines = printed(out).splitlines()
    assert len(lines) == 4
    assert all(character.isprintable() for line in lines for character in line)
    site = str(department("").site_id)
    starts = {sum(2 if ord(sign) > 0x2E80 else 1 for sign in line[: line.index(site)]) for line in lines[1:]}
    assert len(starts) == 1, "in terminal cells, not in characters"


def test_json_is_one_object_a_line_of_ascii() -> None:
    out = io.StringIO()
    Output(as_json=True, out=out).items([], [department(NASTY), department("b")])
    lines = printed(out).splitlines()
    assert [json.loads(line)["name"] for line in lines] == [NASTY, "b"]
    assert printed(out).isascii()
    assert "\x1b" not in printed(out)


@pytest.mark.parametrize("as_json", [True, False])
def test_an_answers_envelope_is_left_out(as_json: bool) -> None:
    out = io.StringIO()
    status = HubStatusResult(
        re=7,
        hub_id=department("").site_id,
        version="1",
        started_at="2026-11-24T08:00:00.000000Z",
        connections={"kiosk": 3, "admin": 1},
        ingest_depth=0,
        postgres="ok",
        redis="ok",
        secrets="ok",
        draining=False,
    )
    columns = [
        Column("connections", lambda item: item.connections),
        Column("draining", lambda item: item.draining),
    ]
    Output(as_json=as_json, out=out).details(columns, status)
    if as_json:
        assert {"re", "type"}.isdisjoint(json.loads(printed(out)))
    else:
        assert printed(out) == "connections  admin 1, kiosk 3\ndraining     no\n"


def test_times_bear_their_offset() -> None:
    text = "2026-11-24T07:58:00.123456Z"
    assert local_time(text, ZoneInfo("Europe/Madrid")) == "2026-11-24 08:58:00+01:00"
    assert local_time(None, None) is None


def test_a_session_is_kept_for_its_user_alone_and_per_hub(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    file = SessionFile(folder, HUB)
    assert file.load() is None
    with file.locked():
        file.save(SESSION)
    assert SessionFile(folder, "ws://127.0.0.1:8080/ws").load() == SESSION, "the same hub by another address"
    assert SessionFile(folder, "http://127.0.0.1:8081").load() is None
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(each.stat().st_mode) for each in folder.iterdir()} == {0o600}
    file.remove()
    assert file.load() is None


def test_a_session_that_others_can_read_or_that_is_damaged_is_said_so(tmp_path: Path) -> None:
    file = SessionFile(tmp_path, HUB)
    file.save(SESSION)
    (path,) = tmp_path.glob("session-*.json")
    path.chmod(0o644)
    with pytest.raises(StateUnusable, match="0600"):
        file.load()
    path.chmod(0o600)
    path.write_text("{")
    with pytest.raises(StateUnusable, match="damaged"):
        file.load()


def test_tokens_are_in_no_repr() -> None:
    assert "access" not in repr(SESSION)
    assert "refresh" not in repr(SESSION)


def test_the_state_folder_is_xdgs() -> None:
    assert state_folder({"XDG_STATE_HOME": "/x"}, "p") == Path("/x/p")
    assert state_folder({"XDG_STATE_HOME": "relative"}, "p") == Path.home() / ".local/state/p"
    assert state_folder({}, "p") == Path.home() / ".local/state/p"


def test_a_terminals_folder_is_its_service_managers_where_there_is_one() -> None:
    assert kiosk_folder({"STATE_DIRECTORY": "/var/lib/a:/var/lib/b", "XDG_STATE_HOME": "/x"}) == Path("/var/lib/a")
    assert kiosk_folder({"XDG_STATE_HOME": "/x"}) == Path("/x/attendance-kiosk")


@pytest.mark.parametrize(
    "line",
    [
        "login admin --password secret",
        "employee list --limit 0",
        "punch list --from yesterday",
        "punch list --outcome lost",
        "employee",
        "",
        "--hub nonsense hub status",
    ],
)
def test_what_is_not_understood_is_exit_code_two(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    hub = [] if line.startswith("--hub") else ["--hub", HUB]
    with pytest.raises(SystemExit) as raised:
        parser().parse_args([*hub, *line.split()])
    assert raised.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_json_may_stand_before_or_behind_the_command() -> None:
    for line in ("--json hub status", "hub status --json"):
        assert parser().parse_args(["--hub", HUB, *line.split()]).json is True
    assert parser().parse_args(["--hub", HUB, "hub", "status"]).json is False
