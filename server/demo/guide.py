"""What the demo says to people: what it is doing, and once it is ready where to go and as whom to sign in."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final
from uuid import UUID

from server.demo.company import Account, Company

_SAMPLE_PEOPLE: Final = 3


class Guide:
    """Writes plain lines through `say`, with the seconds since it was made."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._began = time.monotonic()

    def step(self, sentence: str) -> None:
        """What begins now."""
        self._say(f"demo: {sentence}")

    def ready(self, company: Company, *, port: int, data: Path, log: Path) -> None:
        """Everything that one needs to look around. It holds the sample passwords: for a person's terminal alone."""
        seconds = time.monotonic() - self._began
        people = [employee for employee in company.employees if employee.site_id == company.terminal.site_id]
        site_names = {site.site_id: site.name for site in company.sites}
        program = _near(Path(sys.executable).with_name("attendance-hub"))
        lines = [
            f"demo: ready after {seconds:.1f} s",
            "",
            f"  The supervisors' page   http://127.0.0.1:{port}/",
            "",
            *(
                f"    {account.username:<12}{account.password:<20}{_may_see(account, site_names)}"
                for account in company.accounts
            ),
            "",
            f"  At the kiosk ({site_names[company.terminal.site_id]}, {company.terminal.name})",
            "",
            # The simulated traffic leaves each site's last people alone, so these stand still until someone types.
            *(
                f"    badge {person.badge}    or number {person.employee_number} and PIN {person.pin}"
                f"    {person.display_name}"
                for person in people[-_SAMPLE_PEOPLE:]
            ),
            "",
            f"  Another hub             (set -a; . {_near(data / 'hub.env')}; {program} serve --port {port + 1})",
            f"  Every credential        {_near(data / 'demo.json')}",
            f"  The hub's log           {_near(log)}",
            "",
            "  Ctrl-C ends everything; the next start finds it again.",
            "",
        ]
        for line in lines:
            self._say(line)


def _near(path: Path) -> str:
    """The path as one would type it here."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _may_see(account: Account, site_names: dict[UUID, str]) -> str:
    if account.site_ids is None:
        return f"{account.role}: everything"
    return f"{account.role}: {', '.join(site_names[site_id] for site_id in account.site_ids)}"
