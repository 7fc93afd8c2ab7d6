import socket
import struct
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from streams.errors import UsageError
from streams.telemetry import Telemetry
from streams.telemetry.catalogue import IN_FLIGHT
from streams.telemetry.serving import served


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Served:
    telemetry: Telemetry
    port: int
    missing: str | None = None

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()


@pytest.fixture
def process() -> Iterator[Served]:
    process = Served(Telemetry(), free_port())
    why_not: Callable[[], str | None] = lambda: process.missing  # noqa: E731
    with served(process.telemetry, why_not, port=process.port):
        yield process


def test_metrics_are_served_with_their_meaning(process: Served) -> None:
    process.telemetry.set(IN_FLIGHT, 7, "filter", "live")
    status, text = process.get("/metrics")
    assert status == 200
    assert 'semstream_in_flight_messages{lane="live",stage="filter"} 7.0' in text
    assert f"# HELP semstream_in_flight_messages {IN_FLIGHT.meaning}" in text
    assert "_created" not in text


def test_a_process_is_alive_while_it_is_not_ready_and_says_why_it_is_not(process: Served) -> None:
    process.missing = "s3: does not answer"
    assert process.get("/healthz") == (200, "alive\n")
    assert process.get("/readyz") == (503, "s3: does not answer\n")
    process.missing = None
    assert process.get("/readyz") == (200, "ready\n")


def test_any_other_page_is_none(process: Served) -> None:
    assert process.get("/")[0] == 404


def test_a_taken_port_is_told(process: Served) -> None:
    expected = f"cannot serve metrics on 127.0.0.1:{process.port}: .*; choose another port"
    with (
        pytest.raises(UsageError, match=expected),
        served(Telemetry(), lambda: None, port=process.port),
    ):
        pass


def test_the_port_is_free_afterwards() -> None:
    port = free_port()
    for _ in range(2):
        with served(Telemetry(), lambda: None, port=port):
            pass


def test_who_hangs_up_before_the_answer_is_no_error(process: Served, capfd: pytest.CaptureFixture[str]) -> None:
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", process.port)) as caller:
            caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset, no farewell
            caller.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
    assert process.get("/healthz") == (200, "alive\n")
    assert "Traceback" not in capfd.readouterr().err
