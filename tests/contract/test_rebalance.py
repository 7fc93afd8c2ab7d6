"""Crews on a real broker that come and go while messages flow."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from streams.crew import Crew, Pace
from streams.job import Desk
from streams.pipeline import Step
from streams.telemetry import Telemetry
from streams.transport import Message
from tests.echo_worker import EchoWorker
from tests.kafka_world import PATIENCE_S, World, events, values
from tests.toys import Shade

PACE = Pace(handlers=2, batch_age_s=0, max_batch=4, max_in_flight=16, revoke_deadline_s=20)
Start = Callable[[str, str], tuple[Crew, "Future[None]"]]


@pytest.fixture
def start(real: World) -> Iterator[Start]:
    crews: list[Crew] = []
    with ThreadPoolExecutor() as pool:

        def start(topic: str, out: str) -> tuple[Crew, "Future[None]"]:
            transport = real.transport()
            worker = EchoWorker(Desk(Step(Shade(), topic, out), "live", "p1"), transport, work)
            crew = Crew(worker, transport, PACE, Telemetry())
            crews.append(crew)
            return crew, pool.submit(crew.run)

        yield start
        for crew in crews:
            crew.stop()


def work(messages: Sequence[Message]) -> None:
    time.sleep(0.01 * len(messages))


def wait_for(real: World, topic: str, committed: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while sum(real.committed(topic).values()) < committed:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_every_message_is_answered_once_while_crews_come_and_go(real: World, start: Start) -> None:
    topic, out = real.topic("in"), real.topic("out")
    real.publisher.publish(events(topic, 1200))
    first, first_running = start(topic, out)
    wait_for(real, topic, 100)
    second, second_running = start(topic, out)
    wait_for(real, topic, 250)
    start(topic, out)
    wait_for(real, topic, 500)
    first.stop()
    first_running.result(timeout=PATIENCE_S)
    wait_for(real, topic, 700)
    second.stop()
    second_running.result(timeout=PATIENCE_S)
    wait_for(real, topic, 1200)
    assert values(real.read(out, 1201, patience_s=5)) == sorted(event.value for event in events(topic, 1200))
