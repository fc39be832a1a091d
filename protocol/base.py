"""What every message has in common."""

from __future__ import annotations

from typing import ClassVar

from msgspec import Struct

from protocol.values import CommandId, Cursor, Id, PageSize


class Command(Struct, tag_field="type", kw_only=True, frozen=True):
    """Anything a client sends; `id` rises strictly on a connection."""

    id: CommandId


class PageCommand(Command, kw_only=True, frozen=True):
    """A listing by keyset: `cursor` is the `next_cursor` of the page before."""

    limit: PageSize = 100
    cursor: Cursor | None = None


class WriteCommand(Command, kw_only=True, frozen=True):
    """Something to be done once: the same `request_key` again gives the same answer, whatever became of the first."""

    request_key: Id


class Message(Struct, tag_field="type", kw_only=True, frozen=True):
    """Anything a hub sends."""


class Reply(Message, kw_only=True, frozen=True):
    """An answer. Fields in `shown_once` are secrets: null where the same request is asked again."""

    shown_once: ClassVar[tuple[str, ...]] = ()

    re: int
