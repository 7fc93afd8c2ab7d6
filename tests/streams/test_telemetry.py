import socket
import threading
import urllib.request

import pytest

from streams.errors import UsageError
from streams.telemetry import (
    CORE_SECONDS,
    COUNTERS,
    GAUGES,
    HISTOGRAMS,
    IMAGES,
    IN_FLIGHT,
    SECONDS,
    Activity,
    Telemetry,
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_counters_add_up_by_label_and_across_threads() -> None:
    telemetry = Telemetry()

    def count() -> None:
        for _ in range(500):
            telemetry.count(IMAGES, "filter", "done")

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    telemetry.count(IMAGES, "filter", "rejected", by=3)
    assert telemetry.total(IMAGES, stage="filter", state="done") == 2000
    assert telemetry.total(IMAGES, stage="filter", state="rejected") == 3
    assert telemetry.total(IMAGES, stage="metrics", state="done") == 0


def test_time_is_charged_to_its_activity_even_where_the_block_fails() -> None:
    telemetry = Telemetry()
    with pytest.raises(KeyError), telemetry.spending("filter", Activity.COMPUTE):
        raise KeyError
    assert telemetry.total(SECONDS, stage="filter", activity="compute") > 0
    assert telemetry.total(SECONDS, stage="filter", activity="store") == 0


def test_waiting_takes_seconds_and_no_core() -> None:
    telemetry, woken = Telemetry(), threading.Event()
    with telemetry.spending("filter", Activity.IDLE):
        woken.wait(0.2)
    by_clock, on_core = (telemetry.total(m, stage="filter", activity="idle") for m in (SECONDS, CORE_SECONDS))
    assert 0 < on_core < by_clock


def test_two_telemetries_share_nothing() -> None:
    one, other = Telemetry(), Telemetry()
    one.count(IMAGES, "filter", "done")
    assert other.total(IMAGES, stage="filter", state="done") == 0


def test_metrics_are_served_with_their_meaning_and_a_taken_port_is_told() -> None:
    telemetry, port = Telemetry(), free_port()
    telemetry.set(IN_FLIGHT, 7, "filter")
    telemetry.serve(port)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        text = answer.read().decode()
    assert 'semstream_in_flight_messages{stage="filter"} 7.0' in text
    assert all(metric.meaning in text for metric in (*COUNTERS, *GAUGES, *HISTOGRAMS))
    with pytest.raises(UsageError, match=f"cannot serve metrics on 127.0.0.1:{port}: .*; choose another port"):
        telemetry.serve(port)
