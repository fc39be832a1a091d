"""A demo of the fault tests' own, and servers that no demo looks after: what they strike is nobody else's."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.contract.tokens import SignIns
from tests.faults.own_place import OwnPlace
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


@pytest.fixture(scope="package")
def place() -> Iterator[OwnPlace]:
    with asyncio.Runner() as runner:
        made = runner.run(OwnPlace.open(people=300, devices=16, sites=2))
        try:
            yield made
        finally:
            runner.run(made.close())


@pytest.fixture(scope="package")
def near(place: OwnPlace) -> ServingHub:
    """A hub of the place's own; a silent Redis is noticed by it within a second."""
    with asyncio.Runner() as runner:
        return runner.run(place.start_hub(redis_probe_seconds=0.5))


@pytest.fixture(scope="package")
def far(place: OwnPlace) -> ServingHub:
    """Another one beside `near`."""
    with asyncio.Runner() as runner:
        return runner.run(place.start_hub(redis_probe_seconds=0.5))
