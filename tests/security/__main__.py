"""`make security-check`: each check is first shown a planted fault and must turn red, then it judges the tree."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.security import secret_scan
from tests.security.audit import judge

ROOT: Final = Path(__file__).parents[2]
BIN: Final = Path(sys.executable).parent
OFFLINE: Final = os.environ.get("OFFLINE") == "1"
CHECK_SECONDS: Final = 300
CODE: Final = ("server", "kiosk", "protocol", "storage")

FAULTY_PYTHON: Final = "import subprocess\n\n\ndef run(text: str) -> None:\n    subprocess.run(text, shell=True)\n"
FAULTY_WORKFLOW: Final = """name: x
on: pull_request_target
jobs:
  x:
    runs-on: ubuntu-24.04
    steps:
      - uses: actions/checkout@main
      - run: echo ${{ github.event.pull_request.title }} ${{ nothing.there }}
"""
FAULTY_SHELL: Final = "#!/bin/sh\nrm -rf $1/*\n[[ $2 == x ]]\n"
FAULTY_IMAGE: Final = "FROM debian:latest\nRUN sudo apt-get install curl\n"


def tool(*words: str) -> tuple[bool, str]:
    """Whether a program is content, and what it wrote."""
    done = subprocess.run(
        [str(BIN / words[0]), *words[1:]], cwd=ROOT, capture_output=True, text=True, timeout=CHECK_SECONDS, check=False
    )
    return done.returncode == 0, done.stdout + done.stderr


def ruff(paths: list[str]) -> tuple[bool, str]:
    # S603 flags every process that is started; pyproject.toml says the same.
    return tool("ruff", "check", "--no-cache", "--select", "S", "--ignore", "S603", *paths)


def bandit(paths: list[str]) -> tuple[bool, str]:
    # Statements put together from constants: ruff's S608 judges them, with a reason at each that stays.
    return tool("bandit", "--quiet", "--recursive", "--severity-level", "medium", "--skip", "B608", *paths)


def zizmor(paths: list[str]) -> tuple[bool, str]:
    return tool("zizmor", "--offline", "--no-progress", *paths)


def actionlint(paths: list[str]) -> tuple[bool, str]:
    return tool("actionlint", "-shellcheck", str(BIN / "shellcheck"), "-pyflakes=", *paths)


def shellcheck(paths: list[str]) -> tuple[bool, str]:
    return tool("shellcheck", *paths)


def hadolint(paths: list[str]) -> tuple[bool, str]:
    return tool("hadolint", *paths)


def tracked(wanted: Callable[[Path], bool]) -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [name for name in listed.split("\0") if name and (ROOT / name).is_file() and wanted(ROOT / name)]


def is_shell(path: Path) -> bool:
    first = path.open("rb").readline(100)
    return path.suffix == ".sh" or (
        first.startswith(b"#!") and first.split()[-1].rpartition(b"/")[2] in {b"sh", b"bash"}
    )


def is_image(path: Path) -> bool:
    return "dockerfile" in path.name.lower() or "containerfile" in path.name.lower()


def checks() -> list[tuple[Callable[[list[str]], tuple[bool, str]], list[str], str, str]]:
    """Each: what judges, the files it judges, and a file's name and text that it must not be content with."""
    workflows = tracked(lambda path: path.parent.name == "workflows")
    return [
        (ruff, list(CODE), "faulty.py", FAULTY_PYTHON),
        (bandit, list(CODE), "faulty.py", FAULTY_PYTHON),
        (zizmor, workflows, ".github/workflows/faulty.yml", FAULTY_WORKFLOW),
        (actionlint, workflows, ".github/workflows/faulty.yml", FAULTY_WORKFLOW),
        (shellcheck, tracked(is_shell), "faulty.sh", FAULTY_SHELL),
        (hadolint, tracked(is_image), "Dockerfile", FAULTY_IMAGE),
    ]


def lint(folder: Path) -> list[str]:
    faults = []
    for judged_by, paths, name, text in checks():
        planted = folder / name
        planted.parent.mkdir(parents=True, exist_ok=True)
        planted.write_text(text)
        content, said = judged_by([str(planted)])
        title = judged_by.__name__
        if content or planted.name not in said:
            faults.append(f"{title}: did not see a planted fault\n{said}")
        elif not paths:
            print(f"{title}: none to check")
        else:
            content, said = judged_by(paths)
            print(f"{title}: {'good' if content else 'FAULTS'}")
            faults += [] if content else [f"{title}:\n{said}"]
    return faults


def secrets(folder: Path) -> list[str]:
    planted = folder / "planted"
    planted.mkdir()
    for words in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message=planted"]):
        (planted / "x.txt").write_text("AKIA" + "Q" * 16)
        who = ["-c", "user.name=x", "-c", "user.email=x@localhost", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *who, *words], cwd=planted, check=True, capture_output=True)
    if not secret_scan.in_tree(planted) or not secret_scan.in_history(planted):
        return ["secrets: did not see a planted one"]
    try:
        found = secret_scan.in_tree(ROOT) + secret_scan.in_history(ROOT)
    except ValueError as fault:
        return [f"secrets: {fault}"]
    print(f"secrets in tree and history: {'FOUND' if found else 'none'}")
    return [f"secrets: {one.shape} in {one.place}" for one in found]


def audit() -> list[str]:
    faults = []
    for lock in sorted((ROOT / ".locks").glob("*.txt")):
        done = subprocess.run(
            [
                str(BIN / "pip-audit"), "--requirement", str(lock), "--disable-pip", "--require-hashes",
                "--format", "json", "--progress-spinner", "off",
            ],
            capture_output=True, text=True, timeout=CHECK_SECONDS, check=False,
        )  # fmt: skip
        verdict = judge(done.stdout, offline=OFFLINE)
        print(f"audit of {lock.name}: {verdict.text}")
        faults += [] if verdict.good else [f"audit of {lock.name}: {verdict.text}"]
    return faults


def main() -> int:
    """Exit code: 0 where every check saw its planted fault and found none of ours, else 1."""
    with tempfile.TemporaryDirectory() as folder:
        faults = [*lint(Path(folder)), *secrets(Path(folder)), *audit()]
    print(*faults, sep="\n", end="\n" if faults else "")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
