"""Who tells of a fleet: its processes, or a real Prometheus that watches them; both tell the same."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from streams.adapters import http_get
from streams.adapters.http_get import got
from streams.adapters.metrics_pages import MetricsPages, series_in
from streams.adapters.prometheus_api import PrometheusApi
from streams.errors import TransientError
from streams.telemetry.serving import served
from streams.top.fleet import Fleet, fleet_of
from streams.top.look import Source
from tests.events import NOON
from tests.grafana.prometheus import scraping, wait
from tests.streams.telemetry.test_serving import free_port
from tests.streams.top.processes import Clock, Process


@pytest.fixture
def process() -> Iterator[tuple[Process, int]]:
    port, process = free_port(), Process()
    with served(process.telemetry, lambda: None, port=port):
        yield process, port


def fleet(source: Source) -> Fleet:
    return fleet_of(source.look(), at=NOON, told_by=source.told_by)


def page(port: int) -> str:
    return f"http://127.0.0.1:{port}/metrics"


def test_processes_are_asked_again_and_again(process: tuple[Process, int]) -> None:
    answering, port = process
    clock = Clock()
    source = MetricsPages([page(port)], over_s=60, clock=clock)
    assert fleet(source).stages[0].done_per_s is None
    answering.answer(30)
    clock.now_s = 10
    found = fleet(source)
    assert (found.stages[0].done_per_s, found.answering) == (3, 1)


def test_a_process_that_does_not_answer_is_told_with_the_reason(process: tuple[Process, int]) -> None:
    _, port = process
    found = fleet(MetricsPages([page(port), page(free_port())], over_s=60))
    assert [one.silent for one in found.processes] == ["connection refused", None]
    assert len(found.stages) == 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<html>hello</html>", "it answers, but with no metrics"),
        ("# TYPE node_load1 gauge\nnode_load1 0.5\n", "it answers, but is no process of semstream"),
        ("", "it answers, but is no process of semstream"),
    ],
)
def test_a_page_of_something_else_is_told(text: str, reason: str) -> None:
    with pytest.raises(TransientError, match=reason):
        series_in(text)


def test_a_page_that_does_not_exist_is_told(process: tuple[Process, int]) -> None:
    _, port = process
    found = fleet(MetricsPages([f"http://127.0.0.1:{port}/nowhere"], over_s=60))
    assert found.processes[0].silent == "it answers 404 Not Found"


def test_a_prometheus_that_is_away_is_told_with_its_address() -> None:
    port = free_port()
    with pytest.raises(TransientError, match=f"Prometheus at http://127.0.0.1:{port}: connection refused"):
        PrometheusApi(f"http://127.0.0.1:{port}", over_s=60).look()


def test_what_is_no_prometheus_is_told(process: tuple[Process, int]) -> None:
    _, port = process
    with pytest.raises(TransientError, match="it answers 404"):
        PrometheusApi(f"http://127.0.0.1:{port}", over_s=60).look()


@contextmanager
def answering(*pieces: bytes, endless: bool = False, length: int | None = None) -> Iterator[str]:
    """Serve an answer in pieces; an endless one repeats them as long as anybody reads."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            if length is not None:
                self.send_header("Content-Length", str(length))
            self.end_headers()
            try:
                for piece in pieces:
                    self.wfile.write(piece)
                while endless:
                    for piece in pieces:
                        self.wfile.write(piece)
                        time.sleep(0.001)
            except OSError:
                return

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_page_comes_whole() -> None:
    body = bytes(range(256)) * 2000
    with answering(body) as url:
        assert got(url, timeout_s=60) == body


def test_a_page_that_ends_too_soon_is_none() -> None:
    with answering(b"half", length=8) as url, pytest.raises(TransientError, match="IncompleteRead"):
        got(url, timeout_s=60)


def test_a_page_that_never_ends_is_left_in_time() -> None:
    with answering(b"x", endless=True) as url, pytest.raises(TransientError, match=r"not whole within 0\.2 s"):
        got(url, timeout_s=0.2)


def test_a_page_without_measure_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_get, "LARGEST_BYTES", 1 << 20)
    with answering(bytes(1 << 18), endless=True) as url, pytest.raises(TransientError, match="more than 1 MiB"):
        got(url, timeout_s=60)


@pytest.mark.parametrize("url", ["http://a..b:9464/metrics", "http://127.0.0.1:9/caf\u00e9", "http://127.0.0.1:9/a b"])
def test_an_address_that_cannot_be_asked_is_told(url: str) -> None:
    found = fleet(MetricsPages([url], over_s=60))
    assert found.processes[0].silent


@pytest.mark.parametrize(
    "body",
    [
        b"null",
        b'{"data": null}',
        b'{"data": {"result": null}}',
        b'{"data": {"result": [{}]}}',
        b'{"data": {"result": [{"metric": [], "value": [0, "1"]}]}}',
        b'{"data": {"result": [{"metric": {}, "value": [0, null]}]}}',
        b'{"data": {"result": [{"metric": {}, "value": [0, "many"]}]}}',
        b"[" * 100_000,
    ],
)
def test_what_answers_in_another_form_is_no_prometheus(body: bytes) -> None:
    with answering(body) as url, pytest.raises(TransientError, match=f"{url} answers, but is no Prometheus"):
        PrometheusApi(url, over_s=60).look()


def test_a_process_that_is_named_twice_counts_once(process: tuple[Process, int]) -> None:
    working, _ = process
    working.fall_behind(7, 1)
    with answering(working.page().encode()) as url:
        found = fleet(MetricsPages([f"{url}/metrics", f"{url}/metrics/"], over_s=60))
    assert (len(found.processes), found.stages[0].lag_messages) == (1, 7)


def test_processes_behind_one_address_are_told_apart(process: tuple[Process, int]) -> None:
    _, port = process
    address = f"127.0.0.1:{port}"
    urls = [f"http://{address}/w1/metrics", f"http://{address}/w2/metrics"]
    assert sorted(one.instance for one in fleet(MetricsPages(urls, over_s=60)).processes) == [
        f"{address}/w1/metrics",
        f"{address}/w2/metrics",
    ]


def test_a_real_prometheus_tells_what_the_process_tells(process: tuple[Process, int], tmp_path: Path) -> None:
    answering, port = process
    answering.fall_behind(7, 12.5)
    answering.answer(4, cached=1, rejected=2)
    answering.rebalance("assigned")
    itself = MetricsPages([page(port)], over_s=60)
    with scraping(port, tmp_path) as prometheus:
        source = PrometheusApi(f"http://127.0.0.1:{prometheus.port}", over_s=60)
        prometheus.wait_for("semstream_build_info", 1)
        fleet(itself)
        for _ in range(4):
            answering.answer(10, cached=5)
            time.sleep(0.3)
        answering.try_again()
        prometheus.wait_for("semstream_retries_total", 1)
        wait(lambda: bool(fleet(source).stages[0].done_per_s), "a rate")
        told, own = fleet(source), fleet(itself)
    (stage,), (same,) = told.stages, own.stages
    exact = ("lane", "stage", "lag_messages", "lag_s", "partitions")
    assert [getattr(stage, name) for name in exact] == [getattr(same, name) for name in exact]
    assert [stage.dead_letters.total, stage.retries.total, stage.rebalances.total] == [2, 1, 1]
    assert stage.known == pytest.approx(same.known, abs=0.1)  # Prometheus extrapolates each series
    assert stage.done_per_s is not None
    assert stage.done_per_s > 0
    (process_told,) = told.processes
    assert (process_told.instance, process_told.silent, process_told.pipeline) == (f"127.0.0.1:{port}", None, "default")


def test_a_real_prometheus_tells_why_a_process_does_not_answer(tmp_path: Path) -> None:
    gone = free_port()
    with scraping(gone, tmp_path) as prometheus:
        source = PrometheusApi(f"http://127.0.0.1:{prometheus.port}", over_s=60)
        wait(lambda: bool(source.look().processes), "a scrape")
        found = fleet(source)
    assert [(one.instance, one.silent) for one in found.processes] == [(f"127.0.0.1:{gone}", "connection refused")]
