"""Everything that the command line says itself is said in Spanish too."""

from __future__ import annotations

import argparse
import ast
import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

import kiosk.admin
from kiosk.admin import faults
from kiosk.admin.__main__ import main
from kiosk.admin.command_line import language_of, parser
from kiosk.admin.words import SPANISH, Words
from kiosk.admin.words.spanish_recognised import RECOGNISED
from kiosk.link import client
from protocol.values import Language

SAY = Words(Language.ES)
FOLDER = Path(kiosk.admin.__file__).parent
FAULTS = {
    name
    for name, each in vars(faults).items()
    if isinstance(each, type) and issubclass(each, faults.AdminFault) and name not in {"CommandRefused", "AnswerLost"}
}
HUBS_OWN = {"sign_in.py: words"}
"""Sentences that the hub has put into the reader's language already."""


def said() -> Iterator[tuple[str, str | None]]:
    """Where a sentence stands, and the sentence (None: it isn't written there)."""
    for file in sorted(FOLDER.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not node.args:
                continue
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            if name in {"say", "_say"} | FAULTS:
                first = node.args[0]
                written = isinstance(first, ast.Constant) and isinstance(first.value, str)
                place = f"{file.name}: {ast.unparse(first)}"
                yield place, str(first.value) if isinstance(first, ast.Constant) and written else None


def gaps(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def test_every_sentence_has_its_translation_and_no_translation_is_left_over() -> None:
    sentences = dict(said())
    assert {place for place, text in sentences.items() if text is None} - HUBS_OWN == {"faults.py: self._sentence"}
    written = {text for text in sentences.values() if text is not None}
    assert len(written) > 250
    assert written - SPANISH.keys() == set()
    from_faults = {text for text in SPANISH if text not in written}
    source = (FOLDER / "faults.py").read_text(encoding="utf-8")
    assert {text for text in from_faults if text not in source} == set()


def test_translations_have_the_same_gaps_and_say_something() -> None:
    for english, spanish in {**SPANISH, **RECOGNISED}.items():
        assert spanish.strip()
        assert gaps(english) == gaps(spanish) | ({"kind"} & gaps(english)), english


def test_what_the_link_says_is_recognised() -> None:
    tree = ast.parse(Path(client.__file__).read_text(encoding="utf-8"))
    calls = [
        node.args[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "LinkDown" and node.args
    ]
    texts = [re.sub(r"\{[^}]*\}", "x", ast.unparse(each)).strip("f'\"") for each in calls]
    assert len(texts) > 8
    untold = [text for text in texts if text != "_plain_reason(fault)" and SAY.recognised(text) == text]
    assert untold == []
    assert SAY.recognised("the hub can't be reached at hub.example:443: connection refused") == (
        "no se llega al hub en hub.example:443: connection refused"
    )


def test_every_help_is_in_spanish_with_every_option_explained() -> None:
    for command in commands(parser(SAY)):
        text = command.format_help()
        assert text.startswith("uso: ")
        assert not re.search(r"^(usage|options|positional arguments|commands):", text, re.MULTILINE)
        about = command.description
        assert about in SPANISH.values(), command.prog
        for action in command._actions:
            if not isinstance(action, argparse._SubParsersAction):
                assert action.help, f"{command.prog} {action.dest}"


def commands(whole: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield whole
    for action in whole._actions:
        if isinstance(action, argparse._SubParsersAction):
            for each in action.choices.values():
                yield from commands(each)


@pytest.mark.parametrize(
    ("arguments", "language"),
    [
        (["--lang", "es", "hub", "status"], Language.ES),
        (["--hub", "http://h", "--lang=es", "hub"], Language.ES),
        (["hub", "status"], Language.EN),
        (["--lang", "fr"], Language.EN),
        (["--lang"], Language.EN),
    ],
)
def test_the_language_is_known_before_anything_is_understood(arguments: list[str], language: Language) -> None:
    assert language_of(arguments) is language


def test_a_command_line_that_is_not_understood_is_told_so_in_spanish(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        main(["--hub", "http://127.0.0.1:9", "--lang", "es", "employee", "create", "1"])
    assert raised.value.code == 2
    assert "faltan estos argumentos: NOMBRE, --site, --department" in capsys.readouterr().err


def test_a_hub_that_is_missing_and_one_that_is_away_are_told_in_spanish(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ATTENDANCE_HUB_URL", raising=False)
    with pytest.raises(SystemExit) as raised:
        main(["--lang", "es", "hub", "status"])
    assert raised.value.code == 2
    assert "falta el hub" in capsys.readouterr().err
    arguments = ["--hub", "http://127.0.0.1:9", "--state", str(tmp_path), "--lang", "es", "hub", "status"]
    assert main(arguments) == 3
    assert capsys.readouterr().err == "attendance-admin: no hay sesión: use `login`\n"
