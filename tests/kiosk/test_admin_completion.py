"""Shells complete commands and options from a script that the program prints."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from kiosk.admin.__main__ import main
from kiosk.admin.nouns.completion import SHELLS

ASK = """
source /dev/stdin
COMP_WORDS=({line}); COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 ))
cur=${{COMP_WORDS[$COMP_CWORD]}}; COMP_LINE="{line}"; COMP_POINT=${{#COMP_LINE}}
complete -p attendance-admin > /dev/null || exit 1
_shtab_attendance_admin 2> /dev/null
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.fixture
def bash_script(capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["completion", "bash"]) == 0, "no hub is needed for it"
    return capsys.readouterr().out


def completed(script: str, line: str) -> set[str]:
    bash = shutil.which("bash")
    assert bash is not None
    asking = [bash, "--norc", "-c", ASK.format(line=line)]
    done = subprocess.run(asking, input=script, capture_output=True, text=True, timeout=20, check=True)
    return {word.strip() for word in done.stdout.splitlines() if word.strip()}


def test_bash_completes_nouns_verbs_options_and_choices(bash_script: str) -> None:
    assert {"employee", "badge", "device", "audit"} <= completed(bash_script, "attendance-admin ''")
    assert completed(bash_script, "attendance-admin dev") == {"device"}
    assert completed(bash_script, "attendance-admin device re") == {"retire", "revoke"}
    assert "--fingerprint" in completed(bash_script, "attendance-admin device confirm --")
    assert completed(bash_script, "attendance-admin account create --role ins") == {"inspector"}


SIGNS = {"bash": "COMPREPLY", "zsh": "#compdef attendance-admin", "fish": "complete -c attendance-admin"}


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_has_a_script_of_its_own_that_names_the_commands(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert [name for name, sign in SIGNS.items() if sign in script] == [shell]
    for word in ("attendance-admin", "last-unknown", "reset-totp"):
        assert word in script
