"""What is known of a person opens with their own key, for them, and for its purpose alone."""

from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from protocol.values import from_binary
from server.secrets.local import LocalSecrets, open_key_file
from server.secrets.provider import BlobBroken
from server.services.person_seal import Personal, PersonKey, personal_of, seal_new, shown

ABOUT = Personal(display_name="Íñigo Núñez", national_id="12345678Z", contact="+34 600 000 000", notes="Gafas.")


@pytest.fixture
def secrets(tmp_path: Path) -> LocalSecrets:
    return open_key_file(tmp_path / "keys.json")


def test_what_is_sealed_opens_again_and_holds_none_of_it_in_the_clear(secrets: LocalSecrets) -> None:
    kept = seal_new(secrets, uuid4(), ABOUT)
    assert personal_of(secrets, kept, None) == ABOUT
    for text in ABOUT.fields.values():
        assert text.encode() not in kept.sealed
        assert text not in repr(ABOUT)


def test_a_changed_person_keeps_their_key_and_never_the_same_ciphertext(secrets: LocalSecrets) -> None:
    kept = seal_new(secrets, uuid4(), ABOUT)
    again = PersonKey.of(secrets, kept).seal(ABOUT)
    assert again.wrapped_key == kept.wrapped_key
    assert again.sealed != kept.sealed
    assert ABOUT.changed(national_id="", contact=None, display_name="Zoe") == replace_all(ABOUT)


def replace_all(about: Personal) -> Personal:
    return Personal(display_name="Zoe", national_id=None, contact=about.contact, notes=about.notes)


def test_a_row_of_someone_else_changed_bytes_or_another_key_open_nothing(secrets: LocalSecrets, tmp_path: Path) -> None:
    mine, other = seal_new(secrets, uuid4(), ABOUT), seal_new(secrets, uuid4(), ABOUT)
    foreign = open_key_file(tmp_path / "foreign.json")
    for broken in (
        replace(mine, employee_id=other.employee_id),
        replace(mine, sealed=other.sealed),
        replace(mine, wrapped_key=other.wrapped_key),
        replace(mine, sealed=mine.sealed[:-1]),
        replace(mine, sealed=b"\x02" + mine.sealed[1:]),
        replace(mine, sealed=b""),
    ):
        with pytest.raises(BlobBroken):
            personal_of(secrets, broken, None)
    with pytest.raises(BlobBroken):
        personal_of(foreign, mine, None)


def test_an_audits_fields_are_shown_while_the_key_is_there(secrets: LocalSecrets) -> None:
    kept = seal_new(secrets, uuid4(), ABOUT)
    key = PersonKey.of(secrets, kept)
    hidden = key.hide({"employee_number": "41", "display_name": "Íñigo Núñez", "national_id": None})
    assert hidden is not None
    assert hidden.keys() == {"employee_number", "sealed"}
    assert "Núñez" not in str(hidden)
    assert shown(secrets, kept, hidden) == {
        "employee_number": "41", "display_name": "Íñigo Núñez", "national_id": None
    }  # fmt: skip
    assert shown(secrets, None, hidden) == {"employee_number": "41"}
    assert shown(secrets, seal_new(secrets, kept.employee_id, ABOUT), hidden) == {"employee_number": "41"}
    assert key.hide({"site_id": "1"}) == {"site_id": "1"}
    assert shown(secrets, kept, {"sealed": "???"}) == {}


def test_what_is_sealed_for_the_audit_is_not_taken_for_the_data(secrets: LocalSecrets) -> None:
    kept = seal_new(secrets, uuid4(), ABOUT)
    hidden = PersonKey.of(secrets, kept).hide(dict(ABOUT.fields))
    assert hidden is not None
    with pytest.raises(BlobBroken):
        personal_of(secrets, replace(kept, sealed=from_binary(hidden["sealed"])), None)
