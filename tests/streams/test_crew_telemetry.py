import threading
import time
from collections.abc import Sequence

import pytest

from streams.crew import Pace
from streams.errors import TransientError
from streams.telemetry import Activity, Telemetry
from streams.telemetry.catalogue import LAG_MESSAGES, PARTITIONS, REBALANCES, WORKER_SECONDS
from streams.transport import Outgoing, Positions
from tests.crews import P0, Start, messages
from tests.memory_transport import MemoryTransport


def test_a_crew_tells_how_far_it_is_behind(start: Start) -> None:
    gate = threading.Event()
    transport, telemetry = MemoryTransport(messages(P0, 12)), Telemetry()
    pace = Pace(handlers=1, batch_age_s=0, max_in_flight=4, max_batch=1)
    crew, running = start(transport, lambda _: gate.wait(30), pace=pace, telemetry=telemetry)
    measured = threading.Event()

    def look() -> None:
        if telemetry.total(LAG_MESSAGES, stage="shade", lane="live") == 8:
            measured.set()

    transport.at_poll = look
    assert measured.wait(30)
    gate.set()
    crew.stop()
    running.result(timeout=30)


def seconds_of_handlers(telemetry: Telemetry) -> float:
    return telemetry.total(WORKER_SECONDS, stage="shade", lane="live", thread="handler")


@pytest.mark.parametrize("loaded", [True, False])
def test_the_activities_of_the_handlers_add_up_to_their_time_loaded_and_idle(start: Start, loaded: bool) -> None:
    transport, telemetry = MemoryTransport(messages(P0, 9000 if loaded else 1)), Telemetry()
    pace = Pace(handlers=3, batch_age_s=0, max_in_flight=8, max_batch=2)
    crew, running = start(transport, lambda _: time.sleep(0.002), pace=pace, telemetry=telemetry)
    transport.wait_for_events(1)
    around = [time.monotonic()]
    before = seconds_of_handlers(telemetry)
    around.append(time.monotonic())
    time.sleep(0.5)
    around.append(time.monotonic())
    after = seconds_of_handlers(telemetry)
    around.append(time.monotonic())
    assert 3 * 0.98 * (around[2] - around[1]) <= after - before <= 3 * 1.02 * (around[3] - around[0])
    idle = telemetry.total(WORKER_SECONDS, stage="shade", thread="handler", activity="idle")
    assert idle < after / 2 if loaded else idle > after / 2
    crew.stop()
    running.result(timeout=30)


def test_handlers_that_wait_behind_a_slow_commit_or_an_old_image_say_so(start: Start) -> None:
    gate, telemetry = threading.Event(), Telemetry()

    class SlowToCommit(MemoryTransport):
        def commit(self, outgoing: Sequence[Outgoing], positions: Positions) -> None:
            gate.wait(30)
            super().commit(outgoing, positions)

    transport = SlowToCommit(messages(P0, 12))
    pace = Pace(handlers=2, batch_age_s=0, max_in_flight=4, max_batch=1)
    crew, running = start(transport, pace=pace, telemetry=telemetry)

    def waited(activity: Activity) -> float:
        return telemetry.total(WORKER_SECONDS, stage="shade", thread="handler", activity=activity)

    deadline = time.monotonic() + 30
    while waited(Activity.COMMIT_WAIT) < 0.1 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert waited(Activity.COMMIT_WAIT) >= 0.1
    assert waited(Activity.BACK_PRESSURE) < 0.1
    gate.set()
    transport.wait_for_events(12)
    crew.stop()
    running.result(timeout=30)


def test_a_crew_is_ready_while_it_has_partitions_and_nothing_keeps_it_waiting(start: Start) -> None:
    refused = [TransientError("brokers do not answer")] * 4
    transport, telemetry = MemoryTransport(messages(P0, 1), refusals=refused), Telemetry()
    told: set[str | None] = set()
    crew, running = start(transport, telemetry=telemetry)
    transport.at_poll = lambda: told.add(crew.why_not_ready())
    transport.wait_for_events(1)
    assert "shade: brokers do not answer" in told
    deadline = time.monotonic() + 30
    while crew.why_not_ready() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert crew.why_not_ready() is None
    assert telemetry.total(WORKER_SECONDS, stage="shade", thread="committer", activity="retry") > 0
    assert telemetry.total(REBALANCES, stage="shade", change="assigned") == 1
    assert telemetry.total(PARTITIONS, stage="shade") == 1
    transport.at_poll = lambda: transport.lose([P0])
    while telemetry.total(PARTITIONS, stage="shade") and time.monotonic() < deadline:
        time.sleep(0.01)
    assert crew.why_not_ready() == "shade: its group has given it no partitions yet"
    crew.stop()
    running.result(timeout=30)
