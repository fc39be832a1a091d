"""Secrets that the hub tells once: printed on standard output, with a QR code where a machine is to read them."""

from __future__ import annotations

from collections.abc import Mapping
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
    expected: Mapping[str, str],
    *,
    others: Mapping[str, str] | None = None,
    qr_text: str | None = None,
) -> None:
    """Print the `expected` members (name → heading) behind the `others`.

    Raises SecretLost where one is null: it was in an answer that got lost.
    """
    members = structs.asdict(answer)
    lost = [heading for name, heading in expected.items() if members[name] is None]
    shown = {name: heading for name, heading in {**(others or {}), **expected}.items() if members[name] is not None}
    if output.as_json or shown:
        output.details([Column(heading, attrgetter(name)) for name, heading in shown.items()], answer)
    if lost:
        raise SecretLost(
            "done, but what is shown once was in an answer that got lost: have it made anew ({what})",
            what=", ".join(lost),
        )
    if qr_text is not None:
        output.drawing(drawn(qr_text))
