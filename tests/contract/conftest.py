"""Clusters on which the transport's contract is checked."""

from collections.abc import Iterator

import pytest

from streams.adapters.kafka_cluster import InProcessCluster
from tests.kafka_world import World, real_kafka


@pytest.fixture(scope="session")
def in_process() -> InProcessCluster:
    return InProcessCluster()


@pytest.fixture(params=["in-process", "consumer", "classic"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """Any cluster: the in-process one, and the real broker with groups of both protocols."""
    if request.param == "in-process":
        world = World(request.getfixturevalue("in_process"))
    else:
        world = World(real_kafka().model_copy(update={"group_protocol": request.param}))
    yield world
    world.close()


@pytest.fixture(params=["consumer", "classic"])
def real(request: pytest.FixtureRequest) -> Iterator[World]:
    """The real broker, with groups of both protocols."""
    world = World(real_kafka().model_copy(update={"group_protocol": request.param}))
    yield world
    world.close()
