"""One stage for all that asks who may: two sites, a hub, somebody of every role."""

import asyncio
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.faults.own_place import OwnPlace
from tests.permissions.world import World
from tests.running_hub import ServingHub


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as made:
        yield made


class Stage(NamedTuple):
    world: World
    hub: ServingHub


@pytest.fixture(scope="module")
def stage(runner: asyncio.Runner) -> Iterator[Stage]:
    place = runner.run(OwnPlace.open(people=80, devices=2, sites=2))
    try:
        # Each role proves its password more often here than anybody does in a minute.
        hub = runner.run(
            place.start_hub(
                totp_required_roles="",
                commands_per_second=1_000,
                login_attempts=1_000,
                login_attempts_of_name=1_000,
                login_attempts_of_address=1_000,
            )
        )
        world = runner.run(World.open(place))
        yield Stage(world, hub)
        runner.run(world.owner.close())
    finally:
        runner.run(place.close())
