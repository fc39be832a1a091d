"""One JSON object a line on standard error, from a list of fields that are allowed.

What isn't on the list isn't written: names, usernames, badges and tokens can't slip in by a careless call. The
names of dropped fields are, so that a missing one is noticed. An exception's own text is written only where it
is ours, since a driver's or a parser's quotes what it was given.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import traceback
from collections.abc import Iterator, Mapping, MutableMapping
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any, Final, TextIO
from uuid import UUID

import structlog
from aiohttp.http_exceptions import HttpProcessingError

from protocol.values import format_time

ALLOWED_FIELDS: Final = frozenset(
    {
        "attempt", "attempts", "batch", "bytes", "close_code", "code", "command", "commit_ms", "connection_id",
        "connections", "count", "dependency", "depth", "device_id", "duplicate", "duration_ms", "employee_id",
        "epoch", "expected_seq", "family_id", "fault", "head", "holes", "host", "hub_id", "kid", "kind", "log_id",
        "method", "migration", "name_of_setting", "offset", "outcome", "pending", "pid", "port", "punch_id",
        "punches", "reason", "request_id", "retry_after_ms", "role", "route", "seconds", "seq", "session_id",
        "signal", "site_id", "state", "status", "subject_id", "version", "writer",
    }
)  # fmt: skip
"""Fields that an event may have beside its own sentence; none may hold a name or a secret."""
_OWN: Final = frozenset({"at", "level", "event", "logger", "traceback", "dropped"})
_TELLING: Final = (AttributeError, TypeError, NameError, ImportError, NotImplementedError)
"""Builtin exceptions whose text speaks of code, not of data."""
_MAX_TEXT: Final = 500
_MAX_FRAMES: Final = 40


def configure_logging(level: str, *, stream: TextIO | None = None) -> None:
    """Send this process's log, the libraries' included, to `stream` (standard error) from `level` up."""
    stream = stream or sys.stderr
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, structlog.processors.add_log_level, to_line],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=stream),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_LibraryFormatter())
    handler.addFilter(_is_news)
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(max(number, logging.WARNING))
    logging.captureWarnings(capture=True)


def log_loop_faults(loop: asyncio.AbstractEventLoop) -> None:
    """Log what no task was there to catch; the loop's own handler would write values into the text."""

    def handle(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        structlog.get_logger().error("unhandled in the event loop", fault=context["message"], exc_info=_error(context))

    loop.set_exception_handler(handle)


def to_line(_logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
    """A structlog event as its line of JSON (the last processor)."""
    error = event.pop("exc_info", None)
    line: dict[str, object] = {
        "at": format_time(datetime.now(UTC)),
        "level": event.pop("level", "info"),
        "event": _plain(event.pop("event", "")),
    }
    line |= {name: _plain(value) for name, value in event.items() if name in ALLOWED_FIELDS or name in _OWN}
    if dropped := sorted(_plain_text(name) for name in event if name not in ALLOWED_FIELDS and name not in _OWN):
        line["dropped"] = dropped
    if (raised := _raised(error)) is not None:
        line["traceback"] = list(_describe(raised))
    return json.dumps(line, separators=(",", ":")).replace("\x7f", "\\u007f")


def _is_news(record: logging.LogRecord) -> bool:
    """Not that somebody sent what is no HTTP, which anybody may as often as they like, and aiohttp calls an error."""
    is_noise = record.exc_info is not None and isinstance(record.exc_info[1], HttpProcessingError)
    return not (is_noise and record.name == "aiohttp.server")


class _LibraryFormatter(logging.Formatter):
    """A library's record by its template alone: its arguments may hold anything."""

    def format(self, record: logging.LogRecord) -> str:
        template = str(record.msg).partition("\n")[0]
        event = {"event": template, "level": record.levelname.lower(), "logger": record.name}
        return to_line(None, "", {**event, "exc_info": record.exc_info[1] if record.exc_info else None})


def _error(context: Mapping[str, Any]) -> BaseException | None:
    error = context.get("exception")
    return error if isinstance(error, BaseException) else None


def _raised(value: object) -> BaseException | None:
    match value:
        case BaseException():
            return value
        case (_, BaseException() as error, _):
            return error
        case None | False:
            return None
        case _:
            return sys.exc_info()[1]


def _describe(error: BaseException) -> Iterator[str]:
    """The error and its causes, each with its frames (`file:line function`, innermost last), without locals."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        module = type(current).__module__
        ours = module.split(".")[0] in {"server", "storage"} or isinstance(current, _TELLING)
        yield f"{module}.{type(current).__qualname__}" + (f": {_plain_text(str(current))}" if ours else "")
        for frame in traceback.extract_tb(current.__traceback__, limit=-_MAX_FRAMES):
            yield f"  {'/'.join(Path(frame.filename).parts[-3:])}:{frame.lineno} {frame.name}"
        if isinstance(current, BaseExceptionGroup):
            for member in current.exceptions:
                yield from _describe(member)
        current = current.__cause__ or (None if current.__suppress_context__ else current.__context__)


def _plain(value: object) -> object:
    match value:
        case Enum():
            return _plain(value.value)
        case None | bool() | int() | float():
            return value
        case str():
            return _plain_text(value)
        case UUID():
            return str(value)
        case datetime():
            return format_time(value)
        case list() | tuple() | set() | frozenset():
            return [_plain(item) for item in list(value)[:20]]
        case _:
            return type(value).__name__


def _plain_text(text: str) -> str:
    return text if len(text) <= _MAX_TEXT else text[:_MAX_TEXT] + "…"
