"""A new terminal comes in at the real hub, keeps its punches over a change of keys, and survives every lost answer."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from kiosk.identity import FILE_NAME, PAIRING_NAME, Identity, load_identity, pairing_key, write_identity
from kiosk.link.enrolment import PairingFailed, PairingTrouble, enrol
from kiosk.linked_terminal import LinkedTerminal
from kiosk.settings import Settings
from kiosk.terminal import BadgeCredential, Enrolment, Kind, Link, OutboxFault, Outcome
from protocol.pairing import in_groups, qr_text, read_code
from protocol.signing import fingerprint
from tests.contract import pairing
from tests.contract.connection import Connection, connect_device, connect_person
from tests.contract.demo_file import DeviceKey
from tests.contract.pairing import invite, listed, retire
from tests.contract.primitives import b64, uuid7
from tests.contract.tokens import sign_ins_of
from tests.kiosk.demo_parts import until
from tests.running_hub import RunningDemo, ServingHub, free_port

pytestmark = pytest.mark.e2e
QUICK = Settings(backoff_base_seconds=0.1, backoff_cap_seconds=0.3, refused_retry_seconds=300, pairing_look_seconds=0.2)


@pytest.fixture
async def admin(demo: RunningDemo) -> AsyncIterator[Connection]:
    token = await sign_ins_of(demo.file).token(demo.file.account("admin"))
    async with connect_person(demo.ws_url, token) as connection:
        yield connection


@pytest.fixture
def site_id(demo: RunningDemo) -> str:
    return demo.file.sites[0].site_id


def a_new_terminal(url: str, folder: Path) -> LinkedTerminal:
    return LinkedTerminal(hub_url=url, folder=folder, identity=load_identity(folder), settings=QUICK, lang="es")


@asynccontextmanager
async def working(url: str, folder: Path) -> AsyncIterator[LinkedTerminal]:
    terminal = a_new_terminal(url, folder)
    await terminal.start()
    try:
        yield terminal
    finally:
        await terminal.stop()


def device_of(folder: Path, site_id: str) -> DeviceKey:
    identity = load_identity(folder)
    assert identity is not None
    return DeviceKey(str(identity.device_id), site_id, identity.key.private_bytes_raw(), spare=False)


@asynccontextmanager
async def paired(demo: RunningDemo, admin: Connection, site_id: str, folder: Path) -> AsyncIterator[LinkedTerminal]:
    """A terminal that was paired, confirmed and works; sent away at the end."""
    async with working(demo.url, folder) as terminal:
        await terminal.pair(await invite(admin, site_id))
        await pairing.confirm(admin, device_of(folder, site_id))
        await until(lambda: terminal.state.enrolment is Enrolment.ACTIVE and terminal.state.clock_known)
        yield terminal
    await retire(admin, device_of(folder, site_id))


async def punched(terminal: LinkedTerminal, badge: str) -> Outcome:
    ticket = await terminal.punch(BadgeCredential(badge=badge), Kind.AUTO)
    return (await ticket.answer()).outcome


async def test_a_paired_terminal_waits_on_its_socket_and_works_once_it_is_confirmed(
    demo: RunningDemo, admin: Connection, site_id: str, tmp_path: Path
) -> None:
    folder, employee = tmp_path / "kiosk", demo.take_employee(site_id)
    async with working(demo.url, folder) as terminal:
        assert terminal.state.enrolment is Enrolment.NONE
        await terminal.pair(f"  {qr_text(await invite(admin, site_id, 'Puerta norte')).upper()}\n")
        device = device_of(folder, site_id)
        item = await listed(admin, device)
        assert (item["fingerprint"], item["name"]) == (terminal.state.fingerprint, "Puerta norte")
        await until(lambda: terminal.state.link is Link.ONLINE and terminal.state.enrolment is Enrolment.PENDING)
        with pytest.raises(OutboxFault):
            await terminal.punch(BadgeCredential(badge=employee.badge), Kind.AUTO)
        await pairing.confirm(admin, device)
        await until(lambda: terminal.state.enrolment is Enrolment.ACTIVE)
        assert terminal.state.site_name == demo.file.site(site_id).name
        assert await punched(terminal, employee.badge) is Outcome.RECORDED
    assert stat.S_IMODE((folder / FILE_NAME).stat().st_mode) == 0o600
    assert not (folder / PAIRING_NAME).exists()
    async with working(demo.url, folder) as again:
        await until(lambda: again.state.link is Link.ONLINE)
        assert again.state.enrolment is Enrolment.ACTIVE
    await retire(admin, device)


def pair_command(url: str, folder: Path, typed: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "kiosk", "pair", "--hub", url, "--data", str(folder), *arguments]
    return subprocess.run(command, input=typed, capture_output=True, text=True, timeout=60, check=False)


async def test_a_script_pairs_from_standard_input_and_a_waiting_screen_goes_on(
    demo: RunningDemo, admin: Connection, site_id: str, tmp_path: Path
) -> None:
    folder, code = tmp_path / "kiosk", await invite(admin, site_id)
    async with working(demo.url, folder) as terminal:
        done = pair_command(demo.url, folder, f"{code}\n", "--json")
        assert done.returncode == 0, done.stderr
        said = json.loads(done.stdout)
        await until(lambda: terminal.state.link is Link.ONLINE)
        assert (terminal.state.enrolment, terminal.state.fingerprint) == (Enrolment.PENDING, said["fingerprint"])
    item = await listed(admin, device_of(folder, site_id))
    assert (item["device_id"], item["fingerprint"]) == (said["device_id"], said["fingerprint"])
    again = pair_command(demo.url, folder, "")
    assert again.returncode == 0
    assert in_groups(said["fingerprint"]) in again.stdout, "done again, it says the same"


async def test_a_script_hears_why_not_and_no_code_is_repeated(demo: RunningDemo, tmp_path: Path) -> None:
    done = pair_command(demo.url, tmp_path / "kiosk", "7K3M-Q0ZD-4VXR-9H2T\n", "--json")
    assert (done.returncode, done.stdout) == (1, "")
    assert "code_refused" in done.stderr
    assert "7K3M" not in done.stderr


async def test_pairing_again_after_a_lost_answer_ends_in_the_same_device(
    demo: RunningDemo, admin: Connection, site_id: str, tmp_path: Path
) -> None:
    folder, code = tmp_path / "kiosk", await invite(admin, site_id)
    key = pairing_key(folder)
    device_id = await enrol(demo.url, read_code(code), key, name=None, settings=QUICK)  # and here the power went
    async with working(demo.url, folder) as terminal:
        await terminal.pair(code)
        assert load_identity(folder) is not None
        assert device_of(folder, site_id).device_id == str(device_id)

    other = tmp_path / "other"
    lost = await enrol(demo.url, read_code(await invite(admin, site_id)), pairing_key(other), name=None, settings=QUICK)
    async with working(demo.url, other) as terminal:
        await terminal.pair(await invite(admin, site_id))  # the first code is nobody's any more
        assert device_of(other, site_id).device_id != str(lost)


async def test_what_goes_wrong_is_told_apart_and_leaves_the_code_and_the_folder_good(
    demo: RunningDemo, admin: Connection, site_id: str, tmp_path: Path
) -> None:
    folder = tmp_path / "kiosk"
    for url, typed, trouble in [
        (demo.url, "7K3M", PairingTrouble.NOT_A_CODE),
        (demo.url, "7K3M-Q0ZD-4VXR-9H2T", PairingTrouble.CODE_REFUSED),
        (f"http://127.0.0.1:{free_port()}", "7K3M-Q0ZD-4VXR-9H2T", PairingTrouble.UNREACHABLE),
        (f"{demo.url}/static", "7K3M-Q0ZD-4VXR-9H2T", PairingTrouble.NOT_A_HUB),
        (demo.url.replace("http:", "https:"), "7K3M-Q0ZD-4VXR-9H2T", PairingTrouble.CERTIFICATE),
    ]:
        terminal = a_new_terminal(url, folder)
        with pytest.raises(PairingFailed) as failed:
            await terminal.pair(typed)
        assert failed.value.trouble is trouble
    async with working(demo.url, folder) as terminal:
        await terminal.pair(await invite(admin, site_id))


def aged(folder: Path) -> Identity:
    """Make the terminal's key old enough to be changed."""
    identity = load_identity(folder)
    assert identity is not None
    old = replace(identity, key_made_at=datetime.now(UTC) - timedelta(days=366))
    write_identity(folder, old)
    return old


async def test_an_old_key_is_changed_and_punches_that_it_signed_and_that_wait_are_recorded(
    demo: RunningDemo, admin: Connection, site_id: str, tmp_path: Path
) -> None:
    folder = tmp_path / "kiosk"
    people = [demo.take_employee(site_id) for _ in range(3)]
    async with paired(demo, admin, site_id, folder) as terminal:
        assert await punched(terminal, people[0].badge) is Outcome.RECORDED
        await until(lambda: terminal.state.backlog == 0)  # the answer is on the disk too
        await terminal.stop()
        old = aged(folder)
        async with working("http://127.0.0.1:9", folder) as offline:
            kept = await offline.punch(BadgeCredential(badge=people[1].badge), Kind.AUTO)
            assert offline.state.backlog == 1
        async with working(demo.url, folder) as renewed:
            await until(lambda: renewed.state.fingerprint != old.fingerprint and renewed.state.backlog == 0)
            assert await punched(renewed, people[2].badge) is Outcome.RECORDED
            assert renewed.state.fault is None
        identity = load_identity(folder)
        assert identity is not None
        assert identity.former_key is not None
        assert identity.next_key is None
        assert identity.former_key.private_bytes_raw() == old.key.private_bytes_raw()
    item = await listed(admin, device_of(folder, site_id))
    assert item["fingerprint"] == identity.fingerprint
    listed_punches = await admin.result("punch.list", device_id=str(identity.device_id))
    assert {punch["outcome"] for punch in listed_punches["items"]} == {"recorded"}
    assert str(kept.punch_id) in {punch["punch_id"] for punch in listed_punches["items"]}


async def test_a_change_of_keys_whose_answer_is_lost_locks_nobody_out(
    *, demo: RunningDemo, second_hub: ServingHub, admin: Connection, site_id: str, tmp_path: Path
) -> None:
    folder = tmp_path / "kiosk"
    people = [demo.take_employee(site_id) for _ in range(2)]
    async with paired(demo, admin, site_id, folder) as terminal:
        await terminal.stop()
        identity = load_identity(folder)
        assert identity is not None
        staged = replace(identity, next_key=Ed25519PrivateKey.generate())
        assert staged.next_key is not None
        write_identity(folder, staged)
        async with working("http://127.0.0.1:9", folder) as offline:
            await offline.punch(BadgeCredential(badge=people[0].badge), Kind.AUTO)
        device = device_of(folder, site_id)
        async with connect_device(demo.ws_url, device) as kiosk:  # the hub takes it, and the answer never comes home
            key = staged.next_key.private_bytes_raw()
            await kiosk.result("device.rotate_key", **rotation(device, key))
        async with working(second_hub.url, folder) as back:
            await until(lambda: back.state.link is Link.ONLINE and back.state.backlog == 0)
            assert back.state.fingerprint == fingerprint(staged.next_key.public_key())
            assert back.state.fault is None
            assert await punched(back, people[1].badge) is Outcome.RECORDED


async def test_a_change_of_keys_that_the_hub_never_heard_of_is_made_again(
    demo: RunningDemo, admin: Connection, site_id: str, tmp_path: Path
) -> None:
    """Whether it was lost on the way, or the hub was restored from before it."""
    folder, employee = tmp_path / "kiosk", demo.take_employee(site_id)
    async with paired(demo, admin, site_id, folder) as terminal:
        await terminal.stop()
        identity = load_identity(folder)
        assert identity is not None
        renewed = Ed25519PrivateKey.generate()
        write_identity(folder, Identity(identity.device_id, renewed, former_key=identity.key))
        async with working("http://127.0.0.1:9", folder) as offline:
            await offline.punch(BadgeCredential(badge=employee.badge), Kind.AUTO)  # signed by what the hub lacks
        async with working(demo.url, folder) as back:
            await until(lambda: back.state.link is Link.ONLINE and back.state.backlog == 0)
            assert back.state.fault is None
        item = await listed(admin, device_of(folder, site_id))
        assert item["fingerprint"] == fingerprint(renewed.public_key())


def rotation(device: DeviceKey, key: bytes) -> dict[str, str]:
    public_key = b64(pairing.public_key(key))
    text = f"attendance.v1|key|{device.device_id}|{public_key}"
    proof = b64(Ed25519PrivateKey.from_private_bytes(key).sign(text.encode()))
    return {"request_key": uuid7(), "public_key": public_key, "proof": proof}
