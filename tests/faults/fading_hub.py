"""`python -m tests.faults.fading_hub serve …`: a hub whose keys go and come back as a file beside the key file says.

No file: they are there. `away`: their own place doesn't answer. `forgotten`: nor may they be kept in memory any longer.
"""

import sys

from server import __main__ as program
from server.secrets import local
from tests.server.services.fading import FadingSecrets

SIGN = "keys-are"


class ByFile(FadingSecrets):
    def look(self) -> None:
        sign = self._path.with_name(SIGN)
        says = sign.read_text() if sign.exists() else ""
        self.away, self.forgotten = says in {"away", "forgotten"}, says == "forgotten"


if __name__ == "__main__":
    local.LocalSecrets = ByFile  # type: ignore[misc] # the one part that is exchanged
    sys.exit(program.main())
