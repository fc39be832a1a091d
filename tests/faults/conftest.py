"""Who signs in during the fault tests."""

import pytest

from tests.contract.tokens import SignIns
from tests.running_hub import RunningDemo


@pytest.fixture(scope="session")
def sign_ins(demo: RunningDemo) -> SignIns:
    return SignIns(demo.url)
