"""Secrets that the hub tells once: printed on standard output, with a QR code where a machine is to read them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from operator import attrgetter

from msgspec import structs

from kiosk.admin.faults import SecretLost
from kiosk.admin.output import Output
from kiosk.admin.qr_code import drawn
from kiosk.admin.tables import Column
from protocol.base import Reply


def show_secrets(
    output: Output,
    answer: Reply,
    headings: Mapping[str, str],
    *,
    expected: Collection[str],
    qr_text: str | None = None,
) -> None:
    """Print the members that `headings` names, as far as the answer has them.

    Raises SecretLost where one of `expected` is null: it was in an answer that got lost.
    """
    members = structs.asdict(answer)
    shown = [Column(heading, attrgetter(name)) for name, heading in headings.items() if members[name] is not None]
    if output.as_json or shown:
        output.details(shown, answer)
    if qr_text is not None:
        output.drawing(drawn(qr_text))
    if lost := [headings[name] for name in expected if members[name] is None]:
        raise SecretLost(
            "done, but what is shown once was in an answer that got lost: have it made anew ({what})",
            what=", ".join(lost),
        )
