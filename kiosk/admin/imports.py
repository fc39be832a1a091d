"""People from a CSV file: read here, sent in parts, reported line by line."""

from __future__ import annotations

import argparse
import asyncio
import codecs
import json
import sys
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Final, get_args

from kiosk.admin.desk import Desk
from kiosk.admin.faults import CommandRefused, FaultsInFile, FileUnusable, UsageFault
from kiosk.admin.hub_link import TRIES, HubLink, pause_seconds
from kiosk.admin.output import Output
from kiosk.admin.prompts import Prompts
from kiosk.admin.tables import Column, Fit
from protocol.roster import EmployeeImport, EmployeeImported, ImportField, ImportLine
from protocol.values import MAX_FRAME_BYTES

PART_CHARACTERS: Final = 40_000
PART_BYTES: Final = 60_000
"""Of a part's text as JSON: a frame is under 65,536 bytes, and the command takes some of them."""
_ENVELOPE_BYTES: Final = 500
"""Of the rest of the command, at most."""
_FIELDS: Final = frozenset(get_args(ImportField))


def read_file(options: argparse.Namespace, prompts: Prompts) -> None:
    """The file's text and the columns' fields into the options. Raises FileUnusable and UsageFault."""
    say = prompts.say
    options.mapping = _mapping(options.map)
    try:
        data = sys.stdin.buffer.read() if options.file == "-" else Path(options.file).read_bytes()
    except OSError as fault:
        raise FileUnusable("{path} can't be read: {why}", path=options.file, why=fault.strerror) from None
    options.csv, encoding = decoded(data)
    if encoding is not None:
        prompts.remark(say("the file is no UTF-8: it was read as {encoding}", encoding=encoding))
    if "\x00" in options.csv:
        raise FileUnusable("{path} is no CSV text", path=options.file)


def decoded(data: bytes) -> tuple[str, str | None]:
    """Text without a byte order mark, and the name of the encoding where it is another than UTF-8."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace"), "UTF-16"
    try:
        return data.decode("utf-8-sig"), None
    except UnicodeDecodeError:
        pass
    try:
        # What spreadsheets on Windows write: Latin-1 with quotation marks and the euro sign.
        return data.decode("windows-1252"), "Latin-1 (Windows-1252)"
    except UnicodeDecodeError:
        return data.decode("latin-1"), "Latin-1"


def _mapping(pairs: list[str]) -> Mapping[str, str] | None:
    mapping = {}
    for pair in pairs:
        header, sign, field = pair.rpartition("=")
        if not sign or field not in _FIELDS:
            raise UsageFault("--map is HEADER=FIELD with one of the fields {fields}", fields=", ".join(sorted(_FIELDS)))
        mapping[header] = field
    return mapping or None


def parts_of(text: str) -> Iterator[str]:
    """The text in pieces that fit into a command each; an empty text is one empty piece."""
    start = 0
    while True:
        end = min(len(text), start + PART_CHARACTERS)
        while len(json.dumps(text[start:end], ensure_ascii=False).encode()) > PART_BYTES:
            end = start + (end - start) * 3 // 4
        yield text[start:end]
        start = end
        if start >= len(text):
            return


async def import_people(desk: Desk, options: argparse.Namespace, output: Output) -> None:
    """Send, report. Raises FaultsInFile where a line can't be taken: then nothing was written."""
    parts = list(parts_of(options.csv))
    if len(json.dumps(options.mapping, ensure_ascii=False).encode()) > MAX_FRAME_BYTES - PART_BYTES - _ENVELOPE_BYTES:
        parts.append("")
    try:
        report = await desk.write(lambda link: _sent(link, parts, options, output, desk), desk.request_key)
    finally:
        output.progress("")
    _print(report, output, is_trial=options.dry_run)
    if report[-1].faults:
        raise FaultsInFile("{count} lines can't be taken: nothing was written", count=report[-1].faults)


async def _sent(
    link: HubLink, parts: list[str], options: argparse.Namespace, output: Output, desk: Desk
) -> list[EmployeeImported]:
    """A hub that can't take a part now wants the file from its beginning."""
    for tries_left in reversed(range(TRIES)):
        try:
            return await _send(link, parts, options, output, desk)
        except CommandRefused as refused:
            if not refused.error.retry or not tries_left:
                raise
            await asyncio.sleep(pause_seconds(refused.error))
    raise AssertionError("unreachable")


async def _send(
    link: HubLink, parts: list[str], options: argparse.Namespace, output: Output, desk: Desk
) -> list[EmployeeImported]:
    """All parts on one connection, from the first one on."""
    say = output.say
    for number, part in enumerate(parts):
        is_last = number == len(parts) - 1
        command = partial(
            EmployeeImport,
            request_key=desk.request_key,
            part=number,
            last=is_last,
            csv=part,
            mapping=options.mapping if is_last else None,
            dry_run=options.dry_run,
        )
        output.progress(say("sending: {done} of {all} parts", done=number + 1, all=len(parts)))
        if is_last:
            output.progress(say("the hub is at work on {count} lines …", count=options.csv.count("\n")))
            return await link.ask_parts(command, EmployeeImported, timeout_seconds=desk.import_timeout_seconds, tries=1)
        await link.ask(command, EmployeeImported, tries=1)
    raise AssertionError("unreachable")


def _print(report: list[EmployeeImported], output: Output, *, is_trial: bool) -> None:
    say = output.say
    total = report[-1]
    lines = [line for part in report for line in part.lines]
    columns = [
        Column(say("line"), lambda line: line.line, Fit.WHOLE),
        Column(say("number"), lambda line: line.employee_number),
        Column(say("what"), lambda line: _outcome(line, output)),
        Column(say("field"), lambda line: line.field, Fit.WHOLE),
        Column(say("problem"), lambda line: line.problem),
    ]
    if output.as_json:
        output.items(columns, lines)
        output.record(
            {
                "done": total.done,
                "created": total.created,
                "updated": total.updated,
                "unchanged": total.unchanged,
                "faults": total.faults,
            }
        )
        return
    told = [line for line in lines if (line.outcome == "fault" if total.faults else line.outcome != "unchanged")]
    if told:
        output.items(columns if total.faults else columns[:3], told)
    state = say("written") if total.done else say("only tried") if is_trial else say("nothing written")
    output.line(
        say(
            "{state}: {created} new, {updated} changed, {unchanged} as they were, {faults} faults",
            state=state,
            created=total.created,
            updated=total.updated,
            unchanged=total.unchanged,
            faults=total.faults,
        )
    )


def _outcome(line: ImportLine, output: Output) -> str:
    say = output.say
    words = {"create": say("new"), "update": say("change"), "unchanged": say("as it was"), "fault": say("fault")}
    return words[line.outcome]
