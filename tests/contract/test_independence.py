"""The client knows the page alone: nothing of this project is imported by it, directly or by the way."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

OURS = {"protocol", "storage", "server", "kiosk"}
HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SOURCES = sorted([*HERE.glob("*.py"), HERE.parent / "conftest.py", HERE.parent / "running_hub.py"])


def imported(source: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(source.read_text())):
        match node:
            case ast.Import():
                names |= {alias.name.partition(".")[0] for alias in node.names}
            case ast.ImportFrom(module=str(module)):
                names.add(module.partition(".")[0])
            case _:
                pass
    return names


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_no_source_imports_the_project(source: Path) -> None:
    assert not imported(source) & OURS


def test_loading_the_client_loads_nothing_of_the_project() -> None:
    modules = [f"tests.contract.{path.stem}" for path in HERE.glob("*.py") if not path.stem.startswith("test_")]
    program = f"import importlib, sys\nfor name in {modules!r}: importlib.import_module(name)\nprint(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    ).stdout.split()
    assert set(modules) <= set(loaded)
    assert not {name.partition(".")[0] for name in loaded} & OURS
