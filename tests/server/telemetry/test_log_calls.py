"""No log call in the hub names a field that would be dropped."""

import ast
from collections.abc import Iterator
from pathlib import Path

import server
from server.telemetry.logging import ALLOWED_FIELDS

ROOT = Path(server.__file__).parent


def logged_fields(path: Path) -> Iterator[tuple[str, int, str]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="_log") | ast.Call(func=ast.Attribute(attr="get_logger")), attr=_),
                keywords=keywords,
            ):
                for keyword in keywords:
                    yield path.name, node.lineno, keyword.arg or "**"
            case _:
                pass


def test_every_logged_field_is_allowed() -> None:
    found = [field for path in ROOT.rglob("*.py") for field in logged_fields(path)]
    assert len(found) > 10, "log calls look different now: look for them as they are"
    assert [field for field in found if field[2] not in ALLOWED_FIELDS | {"exc_info"}] == []
