"""Administration by `attendance-admin` against the real hub: what is typed is done, once, and told."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kiosk.admin.__main__ import main
from kiosk.identity import Identity
from kiosk.linked_terminal import LinkedTerminal
from kiosk.terminal import BadgeCredential, Kind, Link
from protocol.pairing import in_groups
from protocol.values import to_binary
from server.rules.totp import code_at
from tests.faults.own_place import OwnPlace
from tests.kiosk.demo_parts import QUICK, Admin, until
from tests.pseudo_terminal import PseudoTerminal
from tests.relay import Relay

pytestmark = pytest.mark.e2e


class Quick(Admin):
    """The same program without a process of its own."""

    def run(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        command = self.command(*arguments)[3:]
        out, errors, before = io.StringIO(), io.StringIO(), sys.stdin
        mask = os.umask(0o077)
        sys.stdin = io.StringIO(stdin)
        try:
            with redirect_stdout(out), redirect_stderr(errors):
                code = main(command)
        except SystemExit as ended:
            code = int(ended.code or 0)
        finally:
            sys.stdin = before
            os.umask(mask)
        return subprocess.CompletedProcess(command, code, out.getvalue(), errors.getvalue())

    def done(self, *arguments: str, stdin: str = "") -> str:
        """What it prints, all being well."""
        run = self.run(*arguments, stdin=stdin)
        assert run.returncode == 0, run.stderr
        return run.stdout

    def object(self, *arguments: str, stdin: str = "") -> dict[str, Any]:
        told: dict[str, Any] = json.loads(self.done("--json", *arguments, stdin=stdin))
        return told


@dataclass(frozen=True)
class Company:
    """A hub of this module's own: what is administered here is seen by no other test."""

    place: OwnPlace
    url: str

    def sign_in(self, admin: Admin) -> None:
        account = self.place.admin
        signed_in = admin.run("login", account.username, "--password-stdin", stdin=f"{account.password}\n")
        assert signed_in.returncode == 0, signed_in.stderr

    @asynccontextmanager
    async def terminal(self, folder: Path) -> AsyncIterator[LinkedTerminal]:
        """The one terminal that there is, at work."""
        (device,) = self.place.devices
        identity = Identity.of(device.device_id, to_binary(device.private_key))
        terminal = LinkedTerminal(hub_url=self.url, folder=folder, identity=identity, settings=QUICK, lang="es")
        await terminal.start()
        try:
            await until(lambda: terminal.state.link is Link.ONLINE and terminal.state.clock_known)
            yield terminal
        finally:
            await terminal.stop()


@pytest.fixture(scope="module")
def company() -> Iterator[Company]:
    with asyncio.Runner() as runner:
        place = runner.run(OwnPlace.open(people=2, devices=1, sites=2))
        hub = runner.run(place.start_hub(login_attempts=100))  # one person proves a password often here
        yield Company(place, hub.url)
        runner.run(place.close())


@pytest.fixture(scope="module")
def admin(company: Company, tmp_path_factory: pytest.TempPathFactory) -> Quick:
    admin = Quick(company.url, tmp_path_factory.mktemp("admin"))
    company.sign_in(admin)
    return admin


@pytest.fixture(scope="module")
def site(admin: Quick) -> str:
    """A site of this module's own, with a department called Taller."""
    admin.done("site", "create", "Nave de pruebas", "--time-zone", "Europe/Madrid")
    admin.done("department", "create", "Taller", "--site", "nave de p")
    return "Nave de pruebas"


def test_places_and_people_are_made_changed_and_found_by_name(admin: Quick, site: str) -> None:
    admin.done("site", "update", site, "--time-zone", "Atlantic/Canary")
    assert "Atlantic/Canary" in admin.done("site", "list")
    admin.done("department", "create", "Pintura", "--site", site)
    admin.done("department", "update", "Pintura", "--site", site, "--name", "Barniz")
    assert {each["name"] for each in admin.objects("department", "list", "--site", site)} == {"Taller", "Barniz"}

    made = admin.object("employee", "create", "77001", "Iván Ruiz", "--site", site, "--department", "taller")
    admin.done("employee", "update", "77001", "--name", "Iván R. Gil", "--department", "Barniz")
    table = admin.done("employee", "list", "--query", "77001")
    assert all(text in table for text in ("Iván R. Gil", site, "Barniz", made["employee_id"]))
    admin.done("employee", "deactivate", "77001", "--yes")
    assert admin.object("employee", "get", "77001")["active"] is False
    admin.done("employee", "rehire", "77001")

    again = admin.run("employee", "create", "77001", "X", "--site", site, "--department", "Taller")
    assert (again.returncode, again.stdout) == (8, "")
    assert "employee number" in again.stderr
    assert admin.run("employee", "rehire", "77002").returncode == 7
    spanish = admin.run("--lang", "es", "site", "create", "X", "--time-zone", "Mordor/Barad-dûr")
    assert spanish.returncode == 1
    assert "zona horaria no existe" in spanish.stderr


def test_badges_and_pins_come_by_standard_input_and_are_told_once(admin: Quick, site: str) -> None:
    for number in ("77011", "77012"):
        admin.done("employee", "create", number, f"Persona {number}", "--site", site, "--department", "Taller")
    badge = admin.object("badge", "assign", "77011", "--badge-stdin", stdin="77AA0001\n")["badge_id"]
    taken = admin.run("badge", "assign", "77012", "--badge-stdin", stdin="77AA0001\n")
    assert taken.returncode == 8
    assert "77AA0001" not in taken.stderr
    admin.done("badge", "assign", "77012", "--badge-stdin", "--reassign", "--yes", stdin="77AA0001\n")
    (ended,) = admin.objects("badge", "list", "77011")
    assert (ended["badge_id"], ended["revoked_reason"]) == (badge, "reassigned")
    admin.done("badge", "assign", "77011", "--badge-stdin", "--until", "2030-01-01T00:00", stdin="77AA0002\n")
    admin.done("badge", "revoke", "77011", "--returned", "--yes")
    assert {each["revoked_reason"] for each in admin.objects("badge", "list", "77011")} == {"reassigned", "returned"}

    pin = admin.object("pin", "set", "77011", "--generate")["pin"]
    assert pin.isdecimal()
    assert len(pin) >= 6
    admin.done("pin", "set", "77011", "--pin-stdin", stdin="839271\n")
    admin.done("pin", "reset", "77011")
    acts = admin.done("--json", "audit", "list", "--employee", "77011")
    assert '"action":"pin.set"' in acts
    assert all(secret not in acts for secret in (pin, "839271", "77AA0001"))


async def test_the_badge_that_a_terminal_did_not_know_is_given_to_someone(
    company: Company, admin: Quick, site: str, tmp_path: Path
) -> None:
    number = "77021"
    device = company.place.devices[0].device_id
    await asyncio.to_thread(
        admin.done, "employee", "create", number, "Eva Sanz", "--site", site, "--department", "Taller"
    )
    async with company.terminal(tmp_path / "kiosk") as terminal:
        refused = await (await terminal.punch(BadgeCredential(badge="77BB0001"), Kind.IN)).answer()
        assert refused.reason == "badge_unknown"
        assert (await asyncio.to_thread(admin.object, "badge", "last-unknown", device))["badge"] == "77BB0001"
        await asyncio.to_thread(admin.done, "badge", "assign", number, "--last-unknown", device)
        taken = await (await terminal.punch(BadgeCredential(badge="77BB0001"), Kind.IN)).answer()
    assert taken.employee_name == "Eva Sanz"


def test_a_file_of_people_is_tried_mended_and_imported_once(admin: Quick, site: str, tmp_path: Path) -> None:
    sheet = tmp_path / "gente.csv"
    rows = [f"{number};Peón D’Ángelo {number};{site};Taller" for number in range(78_000, 79_200)]  # more than one part
    head = "Ficha;Nombre;Centro;Departamento"
    sheet.write_bytes("\r\n".join([head, *rows, f"79200;Nadie;{site};Nada"]).encode("windows-1252"))
    command = ("employee", "import", str(sheet), "--map", "Ficha=employee_number")
    faulty = admin.run(*command)
    assert faulty.returncode == 1
    assert faulty.stdout.splitlines()[1].split()[:4] == ["1202", "79200", "fault", "department"]
    assert "Latin-1" in faulty.stderr
    assert admin.objects("employee", "list", "--query", "78000") == [], "all or nothing"

    sheet.write_bytes("\n".join([head, *rows]).encode("utf-8-sig"))
    *_, total = admin.objects(*command, "--dry-run")
    assert (total["done"], total["created"], total["faults"]) == (False, 1_200, 0)
    assert admin.done(*command).splitlines()[-1] == "written: 1200 new, 0 changed, 0 as they were, 0 faults"
    assert admin.object("employee", "get", "79199")["display_name"] == "Peón D’Ángelo 79199"
    assert admin.done(*command).splitlines() == ["written: 0 new, 0 changed, 1200 as they were, 0 faults"]


def enrolled(company: Company, code: str) -> dict[str, Any]:
    key = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    body = json.dumps({"pairing_code": code, "public_key": to_binary(key), "name": "muelle"}).encode()
    request = urllib.request.Request(
        f"{company.url}/api/devices/enrol", data=body, headers={"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        told: dict[str, Any] = json.load(answer)
    return told


def test_a_terminal_is_invited_confirmed_at_a_prompt_moved_and_retired(
    company: Company, admin: Quick, site: str
) -> None:
    code = admin.object("device", "invite", "Muelle 77", "--site", site)["pairing_code"]
    fingerprint = enrolled(company, code)["fingerprint"]
    assert [each["status"] for each in admin.objects("device", "list", "--query", "Muelle 77")] == ["pending"]
    assert admin.run("device", "confirm", "Muelle 77").returncode == 2, "a script says the fingerprint"
    assert admin.run("device", "confirm", "Muelle 77", "--fingerprint", "x" * 43).returncode != 0

    terminal = PseudoTerminal(admin.command("device", "confirm", "Muelle 77"), columns=140)
    try:
        assert in_groups(fingerprint) in terminal.wait_for(r"fingerprint [^?]*\?", 20)
        terminal.type("y\r")
        assert terminal.exit_code(20) == 0
    finally:
        terminal.close()
    admin.done("device", "move", "Muelle 77", company.place.company.sites[0].name)
    (listed,) = admin.objects("device", "list", "--status", "active", "--query", "Muelle 77")
    assert listed["site_id"] == str(company.place.company.sites[0].site_id)
    assert "Muelle 77" in admin.done("device", "list", "--site", company.place.company.sites[0].name)
    assert admin.run("device", "retire", "Muelle 77").returncode == 2
    admin.done("device", "retire", "Muelle 77", "--lost-at", "2026-01-01T00:00", "--yes")
    admin.done("device", "revoke", "Muelle 77", "--yes")
    (gone,) = admin.objects("device", "list", "--query", "Muelle 77")
    assert (gone["retired"], gone["status"]) == (True, "revoked")


def test_an_account_signs_in_with_what_was_shown_changes_it_and_is_shut_out(
    company: Company, admin: Quick, site: str, tmp_path: Path
) -> None:
    made = admin.object("account", "create", "marta", "--role", "supervisor", "--site", site)
    assert site in admin.done("account", "list", "--query", "marta")
    marta = Quick(company.url, tmp_path / "marta")
    marta.done("login", "marta", "--password-stdin", stdin=f"{made['password']}\n")
    assert [each["name"] for each in marta.objects("site", "list")] == [site]
    new = "gaviota-lenta-sobre-el-muelle"
    marta.done("password", "change", "--passwords-stdin", stdin=f"{made['password']}\n{new}\n")

    uri = marta.object("totp", "begin", "--password-stdin", stdin=f"{new}\n")["totp_uri"]
    written = parse_qs(urlsplit(uri).query)["secret"][0]
    secret = base64.b32decode(written + "=" * (-len(written) % 8))
    step = int(time.time()) // 30
    marta.done("totp", "confirm", "--code-stdin", stdin=f"{code_at(secret, step)}\n")
    assert admin.objects("account", "list", "--query", "marta")[0]["totp"] is True
    other = Quick(company.url, tmp_path / "other")
    assert other.run("login", "marta", "--password-stdin", stdin=f"{new}\n").returncode == 3, "a code is wanted"
    login = f"{new}\n{code_at(secret, step + 1)}\n"
    other.done("login", "marta", "--password-stdin", "--totp-stdin", stdin=login)
    again = other.run("login", "marta", "--password-stdin", "--totp-stdin", stdin=login)
    assert (again.returncode, "was used already: wait for the next one" in again.stderr) == (3, True)

    assert len(marta.objects("session", "list")) == 2
    marta.done("session", "revoke", "--all", "--yes")
    assert other.run("site", "list").returncode == 3
    (mine,) = marta.objects("session", "list")
    assert mine["client"].startswith("attendance-admin/")
    admin.done("session", "revoke", mine["session_id"])
    assert marta.run("site", "list").returncode == 3

    admin.done("account", "update", "marta", "--reset-totp", "--role", "inspector")
    admin.done("account", "disable", "marta", "--yes")
    assert admin.objects("account", "list", "--query", "marta")[0]["disabled_at"] is not None
    admin.done("account", "enable", "marta")
    assert admin.objects("account", "list", "--query", "marta")[0]["disabled_at"] is None
    acts = admin.done("--json", "audit", "list", "--action", "account.")
    assert all(secret not in acts for secret in (made["password"], new, uri))


class LosesAnAnswer(Relay):
    """A way to the hub on which the first answer that holds `marked` never arrives."""

    def __init__(self, target: str, marked: bytes) -> None:
        super().__init__(target)
        self._marked: bytes | None = marked
        self.lost = 0

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await self._to_server()
        forth = asyncio.create_task(_copy(reader, to_server))
        try:
            while data := await from_server.read(65_536):
                if self._marked is not None and self._marked in data:
                    self._marked = None
                    self.lost += 1
                    writer.transport.abort()
                    return
                writer.write(data)
        finally:
            forth.cancel()
            to_server.close()
            writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
    writer.close()


async def test_a_lost_answer_is_asked_again_and_the_act_is_done_once(
    company: Company, admin: Quick, site: str, tmp_path: Path
) -> None:
    async with LosesAnAnswer(company.url, b"employee.create.result").relaying() as line:
        far = Admin(line.url, tmp_path / "far")
        await asyncio.to_thread(company.sign_in, far)
        create = ("employee", "create", "77031", "Ana Gil", "--site", site, "--department", "Taller")
        done = await asyncio.to_thread(far.run, "--json", *create)
        assert (line.lost, done.returncode) == (1, 0), done.stderr
        assert "connecting again" in done.stderr
    (only,) = await asyncio.to_thread(admin.objects, "employee", "list", "--query", "77031")
    assert only["employee_id"] == json.loads(done.stdout)["employee_id"]
    acts = await asyncio.to_thread(admin.objects, "audit", "list", "--employee", "77031")
    assert [each["action"] for each in acts].count("employee.create") == 1


async def test_a_pairing_code_whose_answer_is_lost_is_not_told_twice(
    company: Company, site: str, tmp_path: Path
) -> None:
    async with LosesAnAnswer(company.url, b"device.invite.result").relaying() as line:
        far = Admin(line.url, tmp_path / "far")
        await asyncio.to_thread(company.sign_in, far)
        done = await asyncio.to_thread(far.run, "device", "invite", "Muelle 78", "--site", site)
        assert (line.lost, done.returncode) == (1, 9)
    assert "pairing code" in done.stderr


def test_a_pin_is_typed_twice_and_seen_never(admin: Quick, site: str) -> None:
    admin.done("employee", "create", "77041", "Luz Mora", "--site", site, "--department", "Taller")
    terminal = PseudoTerminal(admin.command("--lang", "es", "pin", "set", "77041"))
    try:
        terminal.wait_for("PIN:", 20)
        terminal.type("839271\r")
        terminal.wait_for("Otra vez:", 5)
        terminal.type("839271\r")
        terminal.wait_for("puesto: el PIN de 77041, Luz Mora", 20)
        assert terminal.exit_code(20) == 0
        assert b"839271" not in terminal.everything
    finally:
        terminal.close()
