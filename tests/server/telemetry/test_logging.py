import asyncio
import io
import json
import logging
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
import structlog
from aiohttp.http_exceptions import BadStatusLine

from protocol.errors import ErrorCode
from protocol.values import Outcome
from server.errors import Refused
from server.telemetry.logging import configure_logging, log_loop_faults

DEVICE = UUID("0192f000-0000-7000-8000-000000000001")


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    handlers, level = list(logging.root.handlers), logging.root.level
    sink = io.StringIO()
    configure_logging("info", stream=sink)
    yield sink
    structlog.reset_defaults()
    logging.captureWarnings(capture=False)
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_has_time_level_event_and_allowed_fields(stream: io.StringIO) -> None:
    structlog.get_logger().info("punch recorded", device_id=DEVICE, seq=4, outcome=Outcome.RECORDED)
    [line] = lines(stream)
    assert line.pop("at").endswith("Z")
    assert line == {
        "level": "info",
        "event": "punch recorded",
        "device_id": str(DEVICE),
        "seq": 4,
        "outcome": "recorded",
    }


def test_what_is_not_allowed_is_dropped_by_name(stream: io.StringIO) -> None:
    structlog.get_logger().info("signed in", username="ana", password="hunter2", role="admin")
    [line] = lines(stream)
    assert line["dropped"] == ["password", "username"]
    assert "ana" not in stream.getvalue().replace("username", "")
    assert "hunter2" not in stream.getvalue()


def test_the_request_id_comes_from_the_context(stream: io.StringIO) -> None:
    with structlog.contextvars.bound_contextvars(request_id="r-1"):
        structlog.get_logger().info("handled")
    structlog.get_logger().info("outside")
    first, second = lines(stream)
    assert first["request_id"] == "r-1"
    assert "request_id" not in second


def test_debug_is_silent_at_info(stream: io.StringIO) -> None:
    structlog.get_logger().debug("detail")
    assert not stream.getvalue()


def test_no_control_character_reaches_a_terminal(stream: io.StringIO) -> None:
    structlog.get_logger().info("line\nbreak", reason="\x1b]52;c;\x07\x9b31m\x7f\u202e")
    text = stream.getvalue()
    assert text.count("\n") == 1
    assert all(32 <= ord(character) < 127 for character in text[:-1])


def test_a_traceback_names_places_without_locals_or_foreign_text(stream: io.StringIO) -> None:
    password = "hunter2"
    try:
        try:
            int(password)
        except ValueError as cause:
            raise Refused(ErrorCode.INTERNAL, "ours") from cause
    except Refused:
        structlog.get_logger().exception("failed")
    [line] = lines(stream)
    assert line["level"] == "error"
    frames = "\n".join(line["traceback"])
    assert "server.errors.Refused: internal: ours" in frames
    assert "builtins.ValueError\n" in frames
    assert "test_logging.py" in frames
    assert "hunter2" not in stream.getvalue()


def test_a_librarys_values_stay_out(stream: io.StringIO) -> None:
    logging.getLogger("aiohttp.server").warning("Error handling request from %s", "10.0.0.1")
    logging.getLogger("aiohttp.access").info("GET /?token=hunter2")
    [line] = lines(stream)
    assert line["event"] == "Error handling request from %s"
    assert line["logger"] == "aiohttp.server"


def test_what_is_no_http_is_no_line_of_the_log(stream: io.StringIO) -> None:
    logger = logging.getLogger("aiohttp.server")
    logger.error("Error handling request from %s", "10.0.0.1", exc_info=BadStatusLine("x"))
    logger.error("Error handling request from %s", "10.0.0.1", exc_info=KeyError("x"))
    [line] = lines(stream)
    assert line["traceback"] == ["builtins.KeyError"]


async def test_what_no_task_catches_is_logged(stream: io.StringIO) -> None:
    loop = asyncio.get_running_loop()
    log_loop_faults(loop)

    def fail() -> None:
        raise ValueError("hunter2")

    loop.call_soon(fail)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    [line] = lines(stream)
    assert line["event"] == "unhandled in the event loop"
    assert line["traceback"][0] == "builtins.ValueError"
    assert "hunter2" not in stream.getvalue()
