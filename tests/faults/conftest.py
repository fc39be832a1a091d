"""A demo of the fault tests' own: what they freeze, cut and kill is nobody else's."""

from collections.abc import Iterator

import pytest

from tests.contract.tokens import SignIns
from tests.running_hub import RunningDemo, ServingHub


@pytest.fixture(scope="package")
def demo() -> Iterator[RunningDemo]:
    running = RunningDemo(traffic=0)
    yield running
    running.close()


@pytest.fixture(scope="package")
def second_hub(demo: RunningDemo) -> Iterator[ServingHub]:
    hub = demo.start_hub()
    yield hub
    assert hub.alive, hub.tail()


@pytest.fixture(scope="package")
def sign_ins(demo: RunningDemo) -> SignIns:
    return SignIns(demo.url)
