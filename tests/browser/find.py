"""Finds a Chromium to test the page with, and installs one where there is none.

In this order: `ATTENDANCE_BROWSER`, a browser on PATH, Playwright's own, then `apt-get install chromium` (as root, or
by sudo without a password), then `playwright install chromium`. As a program it prints the browser's path; with no
browser to be had it says so in one line and fails, since a browser test that is skipped proves nothing.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from playwright._impl._driver import compute_driver_executable
from playwright.sync_api import sync_playwright

from tests import debian

VARIABLE = "ATTENDANCE_BROWSER"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge")
# Without a font a page has no text to look at; without libatomic Playwright's own driver doesn't start.
DEBIAN_PACKAGES = ("chromium", "fonts-dejavu-core", "libatomic1")


class NoBrowserError(Exception):
    """The text is one line for people."""


def find_browser() -> Path | None:
    """A browser that is on this machine and runs; None where there is none.

    Raises:
        NoBrowserError: `ATTENDANCE_BROWSER` names something that doesn't run.
    """
    if named := os.environ.get(VARIABLE):
        if not _runs(Path(named)):
            raise NoBrowserError(f"{VARIABLE} names no browser that runs: {named}")
        return Path(named)
    on_path = (Path(found) for name in NAMES if (found := shutil.which(name)))
    return next((browser for browser in on_path if _runs(browser)), None) or _playwrights_own()


def find_or_install_browser() -> Path:
    """Raises: NoBrowserError."""
    if (browser := find_browser()) and _driver_runs():
        return browser
    _say(f"something is missing; trying apt-get install {' '.join(DEBIAN_PACKAGES)}")
    debian.apt_get_install(*DEBIAN_PACKAGES)
    if not _driver_runs():
        raise NoBrowserError("Playwright's driver doesn't run here: install libatomic1 (apt-get could not)")
    if browser := find_browser():
        return browser
    _say("trying playwright install chromium")
    debian.run_quietly([sys.executable, "-m", "playwright", "install", "chromium"])
    if browser := find_browser():
        return browser
    raise NoBrowserError(
        f"no browser: set {VARIABLE} to a Chromium or Chrome (apt-get and playwright install brought none)"
    )


def _driver_runs() -> bool:
    """Whether Playwright's bundled Node.js starts: it needs a library that a bare machine hasn't got."""
    node, _ = compute_driver_executable()
    return _runs(Path(node))


def _playwrights_own() -> Path | None:
    if not _driver_runs():
        return None
    with sync_playwright() as playwright:
        browser = Path(playwright.chromium.executable_path)
    return browser if _runs(browser) else None


def _runs(browser: Path) -> bool:
    try:
        subprocess.run([browser, "--version"], capture_output=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return False
    return True


def _say(sentence: str) -> None:
    print(f"browser: {sentence}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        print(find_or_install_browser())
    except NoBrowserError as error:
        sys.exit(str(error))
