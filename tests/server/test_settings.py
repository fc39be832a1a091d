from dataclasses import fields
from pathlib import Path

import pytest

from server.settings import PREFIX, Settings, SettingsError, read_settings, settings_table

REQUIRED = {
    "ATTENDANCE_POSTGRES_DSN": "postgresql://hub:secret@localhost/attendance",
    "ATTENDANCE_REDIS_URL": "redis://:secret@localhost/0",
    "ATTENDANCE_KEY_FILE": "/keys.json",
}


def test_defaults_need_three_variables_only() -> None:
    settings = read_settings(REQUIRED)
    assert settings.port == 8080
    assert settings.allowed_origins == ("http://127.0.0.1:8080", "http://localhost:8080")
    assert settings.key_file == Path("/keys.json")
    assert settings.badge_pattern.fullmatch("0A12B34C")
    assert not settings.badge_pattern.fullmatch("0A12B34C\n")


def test_default_origins_follow_the_port() -> None:
    assert read_settings(REQUIRED, port=9000).allowed_origins == ("http://127.0.0.1:9000", "http://localhost:9000")


def test_values_are_read_by_type() -> None:
    settings = read_settings(
        REQUIRED
        | {
            "ATTENDANCE_ALLOWED_ORIGINS": "https://a.example, http://b.example:81",
            "ATTENDANCE_TRUSTED_PROXIES": "10.0.0.0/8,::1/128",
            "ATTENDANCE_DRAIN_SECONDS": "0.5",
            "ATTENDANCE_NUMBER_PATTERN": "[0-9]{4}",
        }
    )
    assert settings.allowed_origins == ("https://a.example", "http://b.example:81")
    assert [str(network) for network in settings.trusted_proxies] == ["10.0.0.0/8", "::1/128"]
    assert settings.drain_seconds == 0.5
    assert settings.number_pattern.fullmatch("0123")


def test_a_value_may_come_from_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "dsn"
    secret.write_text("postgresql://from-file\n")
    environment = {name: value for name, value in REQUIRED.items() if name != "ATTENDANCE_POSTGRES_DSN"}
    assert read_settings(environment | {"ATTENDANCE_POSTGRES_DSN_FILE": str(secret)}).postgres_dsn == (
        "postgresql://from-file"
    )
    with pytest.raises(SettingsError, match="set twice"):
        read_settings(REQUIRED | {"ATTENDANCE_POSTGRES_DSN_FILE": str(secret)})
    with pytest.raises(SettingsError, match="FileNotFoundError"):
        read_settings(environment | {"ATTENDANCE_POSTGRES_DSN_FILE": str(tmp_path / "none")})


def test_all_faults_are_named_at_once_without_their_values() -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings(
            {
                "ATTENDANCE_POSTGRES_DSN": "",
                "ATTENDANCE_REDIS_URL": "redis://localhost",
                "ATTENDANCE_PORT": "hunter2",
                "ATTENDANCE_WRITERS": "0",
                "ATTENDANCE_DRAIN_SECONDS": "nan",
                "ATTENDANCE_LOG_LEVEL": "loud",
                "ATTENDANCE_ALLOWED_ORIGINS": "https://a.example/path",
                "ATTENDANCE_TRUSTED_PROXIES": "everywhere",
                "ATTENDANCE_BADGE_PATTERN": "[",
            }
        )
    named = {fault.split()[0].removeprefix(PREFIX) for fault in caught.value.faults}
    assert named == {
        "POSTGRES_DSN", "KEY_FILE", "PORT", "WRITERS", "DRAIN_SECONDS", "LOG_LEVEL", "ALLOWED_ORIGINS",
        "TRUSTED_PROXIES", "BADGE_PATTERN",
    }  # fmt: skip
    assert "hunter2" not in str(caught.value)


def test_fields_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(SettingsError, match="pool_min_connections is above"):
        read_settings(REQUIRED, postgres_pool_min_connections=13)
    with pytest.raises(SettingsError, match="writers must leave"):
        read_settings(REQUIRED, writers=12)


def test_neither_password_is_shown() -> None:
    assert "secret" not in repr(read_settings(REQUIRED))


def test_each_setting_has_a_row_that_explains_it() -> None:
    table = settings_table()
    assert [row.variable for row in table] == [PREFIX + item.name.upper() for item in fields(Settings)]
    assert all(len(row.description) > 8 for row in table)
    required = [row.variable for row in table if row.default is None]
    assert required == list(REQUIRED)
    # What the table calls a default is what the environment would have to say to get it.
    spelled = {row.variable: row.default for row in table if row.default is not None}
    assert read_settings(REQUIRED | spelled) == read_settings(REQUIRED)
