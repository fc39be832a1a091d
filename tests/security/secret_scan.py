"""Secrets in text: the tree as git knows it, and every line that the history ever added.

Only shapes that are hardly ever anything else: what is found is to be looked at, and each finding fails the check.
"""

import re
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

SHAPES: Final = {
    "private key": re.compile(r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----"),
    "cloud key": re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "forge token": re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_\w{60,}|glpat-[\w-]{20,})"),
    "registry token": re.compile(r"\b(?:pypi-AgEI[\w-]{40,}|npm_[A-Za-z0-9]{36})"),
    "key service token": re.compile(r"\bhv[sbr]\.[\w-]{24,}|\bs\.[A-Za-z0-9]{24}\b"),
    "chat token": re.compile(r"\bxox[abprs]-[\w-]{20,}"),
    "signed token": re.compile(r"\beyJ[\w-]{20,}\.eyJ[\w-]{20,}\.[\w-]{40,}"),
}
"""What to look for, by the name under which it is reported."""


class Finding(NamedTuple):
    """Where a secret seems to be; the secret itself is never repeated."""

    place: str
    shape: str


def shapes_in(line: str) -> list[str]:
    """The names of the secrets that a line seems to hold."""
    return [name for name, shape in SHAPES.items() if shape.search(line)]


def in_tree(root: Path) -> list[Finding]:
    """What the files that git tracks or would track hold; one that can't be read as text is read byte by byte."""
    listed = _git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard").stdout.split(b"\0")
    paths = [root / name.decode() for name in listed if name]
    return [
        Finding(f"{path.relative_to(root)}:{number}", shape)
        for path in paths
        if path.is_file() and not path.is_symlink()
        for number, line in enumerate(path.read_bytes().decode("latin-1").split("\n"), 1)
        for shape in shapes_in(line)
    ]


def in_history(root: Path) -> list[Finding]:
    """What any commit of any branch added, whether or not it is still there. A shallow clone has no history to search.

    Raises ValueError in a shallow clone: nothing found there says nothing.
    """
    if _git(root, "rev-parse", "--is-shallow-repository").stdout.strip() == b"true":
        raise ValueError("a shallow clone: its history can't be searched (fetch-depth: 0)")
    options = ("--all", "-m", "--text", "-p", "--unified=0", "--no-color", "--no-ext-diff", "--no-renames")
    written = _git(root, "log", *options, "--format=commit %H").stdout.decode("latin-1")
    return list(dict.fromkeys(_added(written.split("\n"))))


def _added(lines: Iterable[str]) -> Iterator[Finding]:
    commit, path = "", ""
    for line in lines:
        if line.startswith("commit "):
            commit = line.removeprefix("commit ")[:10]
            for shape in shapes_in(line):
                yield Finding(commit, shape)
        elif line.startswith("+++ "):
            path = line.removeprefix("+++ b/")
        elif line.startswith("+"):
            for shape in shapes_in(line[1:]):
                yield Finding(f"{commit} {path}", shape)


def _git(root: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["git", *arguments], cwd=root, capture_output=True, check=True)
