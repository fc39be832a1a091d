import json
import subprocess
from pathlib import Path

import pytest

from tests.security import secret_scan
from tests.security.audit import judge

PLANTED = {
    "private key": "-----BEGIN " + "PRIVATE KEY-----",
    "cloud key": "AKIA" + "Q" * 16,
    "forge token": "ghp_" + "a1" * 18,
    "registry token": "npm_" + "b2" * 18,
    "key service token": "hvs." + "c3" * 14,
    "chat token": "xoxb-" + "1" * 24,
    "signed token": ".".join(["eyJ" + "a" * 24, "eyJ" + "b" * 24, "c" * 43]),
}
GOOD = {"name": "a", "version": "1", "vulns": []}
HURT = {"name": "b", "version": "1", "vulns": [{"id": "PYSEC-1"}]}
SKIPPED = {"name": "c", "skip_reason": "not reached"}


@pytest.mark.parametrize("shape", secret_scan.SHAPES)
def test_a_secret_of_each_shape_is_found(shape: str) -> None:
    assert secret_scan.shapes_in(f'key = "{PLANTED[shape]}"') == [shape]


def test_a_secret_is_found_in_the_tree_and_in_a_history_that_deleted_it(tmp_path: Path) -> None:
    def git(*words: str) -> None:
        who = ["-c", "user.name=x", "-c", "user.email=x@localhost", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *who, *words], cwd=tmp_path, check=True, capture_output=True)

    git("init", "--quiet")
    file = tmp_path / "x.txt"
    file.write_text("first\n" + PLANTED["cloud key"])
    assert secret_scan.in_tree(tmp_path) == [secret_scan.Finding("x.txt:2", "cloud key")]
    git("add", ".")
    git("commit", "--quiet", "-m", "one")
    file.write_text("clean\n")
    git("commit", "--quiet", "-am", "two")
    assert secret_scan.in_tree(tmp_path) == []
    assert [one.shape for one in secret_scan.in_history(tmp_path)] == ["cloud key"]


def test_an_audit_passes_where_every_package_was_audited() -> None:
    assert judge(json.dumps({"dependencies": [GOOD]}), offline=False).good


@pytest.mark.parametrize("offline", [False, True])
def test_an_audit_fails_on_a_vulnerable_package_also_offline(*, offline: bool) -> None:
    assert not judge(json.dumps({"dependencies": [GOOD, HURT, SKIPPED]}), offline=offline).good


@pytest.mark.parametrize("written", ["", "[]", "{}", '{"dependencies": []}', json.dumps({"dependencies": [SKIPPED]})])
def test_an_audit_of_nothing_fails_and_passes_offline_saying_so(written: str) -> None:
    assert not judge(written, offline=False).good
    verdict = judge(written, offline=True)
    assert verdict.good
    assert verdict.text.startswith("not audited")
