"""Who takes part in the contract tests: the two spare devices, people of three roles."""

from collections.abc import AsyncIterator

import pytest

from tests.contract.connection import Connection, connect_device, connect_person
from tests.contract.demo_file import DeviceKey, Employee
from tests.contract.journal import Journal
from tests.contract.tokens import SignIns, sign_ins_of
from tests.running_hub import RunningDemo


@pytest.fixture
def sign_ins(demo: RunningDemo) -> SignIns:
    return sign_ins_of(demo.file)


@pytest.fixture
def spare(demo: RunningDemo) -> DeviceKey:
    return demo.file.spares[0]


@pytest.fixture
def other_spare(demo: RunningDemo, spare: DeviceKey) -> DeviceKey:
    return next(device for device in demo.file.spares if device.device_id != spare.device_id)


@pytest.fixture
async def kiosk(demo: RunningDemo, spare: DeviceKey) -> AsyncIterator[Connection]:
    async with connect_device(demo.ws_url, spare) as connection:
        yield connection


@pytest.fixture
async def other_kiosk(demo: RunningDemo, other_spare: DeviceKey) -> AsyncIterator[Connection]:
    async with connect_device(demo.ws_url, other_spare) as connection:
        yield connection


@pytest.fixture
def journal(spare: DeviceKey, kiosk: Connection) -> Journal:
    """A new journal of the spare device: as if its outbox had just been lost."""
    return Journal.of(spare, kiosk.welcome["device"])


@pytest.fixture
def other_journal(other_spare: DeviceKey, other_kiosk: Connection) -> Journal:
    return Journal.of(other_spare, other_kiosk.welcome["device"])


@pytest.fixture
def employee(demo: RunningDemo, spare: DeviceKey) -> Employee:
    """Someone of the spare device's site who hasn't punched yet."""
    return demo.take_employee(spare.site_id)


@pytest.fixture
def bystander(demo: RunningDemo) -> Employee:
    """Someone whose badge appears only in punches that nothing comes of."""
    return demo.file.employees[-1]


@pytest.fixture
async def admin(demo: RunningDemo, sign_ins: SignIns) -> AsyncIterator[Connection]:
    async with connect_person(demo.ws_url, await sign_ins.token(demo.file.account("admin"))) as connection:
        yield connection


@pytest.fixture
async def supervisor(demo: RunningDemo, sign_ins: SignIns) -> AsyncIterator[Connection]:
    """The supervisor of one site only."""
    async with connect_person(demo.ws_url, await sign_ins.token(demo.file.one_site_supervisor)) as connection:
        yield connection


@pytest.fixture
async def local_supervisor(demo: RunningDemo, sign_ins: SignIns, spare: DeviceKey) -> AsyncIterator[Connection]:
    """A supervisor, of one site or more, whose scope has the spare device's site."""
    account = next(
        account
        for account in demo.file.accounts
        if account.role == "supervisor" and spare.site_id in (account.site_ids or (spare.site_id,))
    )
    async with connect_person(demo.ws_url, await sign_ins.token(account)) as connection:
        yield connection


@pytest.fixture
async def inspector(demo: RunningDemo, sign_ins: SignIns) -> AsyncIterator[Connection]:
    async with connect_person(demo.ws_url, await sign_ins.token(demo.file.account("inspector"))) as connection:
        yield connection
