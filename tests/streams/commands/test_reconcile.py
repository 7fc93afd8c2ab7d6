"""``semstream reconcile`` as a user meets it, on topics in memory."""

import json
import os
import signal
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from streams.cli import outcome_of
from streams.errors import UsageError
from streams.wiring.topics import Evidence
from tests.dict_seeds import DictSeeds
from tests.memory_log import MemoryLog
from tests.streams.commands.test_dlq import SETTINGS
from tests.streams.flowing import STAGES, Fate, Flowing
from tests.streams.telemetry.test_serving import free_port
from tests.streams.test_stocktaking import Shelf

PIPELINE = 'path = ["tests.toys:Shade", "tests.toys:Pick"]\n'

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def flowing() -> Flowing:
    return Flowing(MemoryLog())


@pytest.fixture
def call(flowing: Flowing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Run ``semstream reconcile``; return its exit code, what it printed, and its last word."""

    @contextmanager
    def evidence(_: object) -> Iterator[Evidence]:
        ledger: Any = flowing
        for stage, step in zip(STAGES, flowing.steps, strict=True):
            flowing.log.group_offsets[stage, step.consumes] = dict(flowing.read[stage])
        yield Evidence(flowing.log, ledger, DictSeeds(), Shelf(), "sem")

    (tmp_path / "settings.toml").write_text(SETTINGS)
    (tmp_path / "pipeline.toml").write_text(PIPELINE)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr("streams.commands.reconcile.evidence_at_services", evidence)
    files = ["--settings", str(tmp_path / "settings.toml"), "--pipeline", str(tmp_path / "pipeline.toml")]

    def call(*arguments: str) -> tuple[int, str, str]:
        code, message = outcome_of(["reconcile", *arguments, *files])
        return code, capsys.readouterr().out, message

    return call


def answer(flowing: Flowing) -> None:
    for stage in STAGES:
        flowing.work(stage)


def test_what_adds_up_ends_with_0(flowing: Flowing, call: Call) -> None:
    flowing.publish("a.tif")
    answer(flowing)
    code, out, message = call()
    assert (code, message) == (0, "")
    assert out.splitlines()[-1] == "everything adds up"
    assert [line.split()[:5] for line in out.splitlines()[1:3]] == [
        ["shade", "1", "0", "0", "1"],
        ["pick", "1", "0", "0", "1"],
    ]


def test_what_was_lost_ends_with_1_and_the_image_s_name_and_place(flowing: Flowing, call: Call) -> None:
    flowing.fates = {("pick", "bad\x1b[2J.tif"): Fate.LOST}
    for name in ("good.tif", "bad\x1b[2J.tif"):
        flowing.publish(name)
    answer(flowing)
    code, out, _ = call()
    assert code == 1
    (line,) = [line for line in out.splitlines() if line.startswith("LOST")]
    assert line.startswith("LOST at pick: bad\\x1b[2J.tif (image abababababababababababababababab-0, acquisition ")
    assert "sem.shaded/" in line
    assert line.endswith("neither settled nor published")
    assert out.splitlines()[-1] == "1 images do not add up"
    assert call("--no-ledger")[1].splitlines()[-2].endswith(": nothing was published")


def test_json_has_every_sum_and_every_image(flowing: Flowing, call: Call) -> None:
    flowing.fates = {("shade", "b.tif"): Fate.DOUBLED}
    for name in ("a.tif", "b.tif"):
        flowing.publish(name)
    answer(flowing)
    code, out, _ = call("--json")
    told = json.loads(out)
    assert (code, told["holds"]) == (1, False)
    assert [stage["doubled"] for stage in told["stages"]] == [1, 0]
    (finding,) = told["findings"]
    assert (finding["fault"], finding["source_name"], finding["stage"]) == ("doubled", "b.tif", "shade")


def test_a_group_that_never_began_is_told(flowing: Flowing, call: Call) -> None:
    flowing.publish("a.tif")
    code, out, _ = call()
    assert code == 0
    assert "shade: its group has never committed an offset in sem.images; no worker answered yet" in out


def test_objects_that_are_gone_are_found_when_asked(flowing: Flowing, call: Call) -> None:
    flowing.publish("a.tif")
    answer(flowing)
    assert call()[0] == 0
    code, out, _ = call("--objects")
    assert code == 1
    assert "MISSING at pick: a.tif" in out
    assert "the raw image is not in the store: raw/sim-1/ab/" in out


def test_a_window_may_be_empty(flowing: Flowing, call: Call) -> None:
    flowing.fates = {("shade", "a.tif"): Fate.LOST}
    flowing.publish("a.tif")
    answer(flowing)
    assert call("--since", "2026-01-02T13:00")[0] == 0
    assert call("--since", "2026-01-02T11:00", "--until", "2026-01-02T13:00")[0] == 1


def test_another_lane_has_topics_and_groups_of_its_own(flowing: Flowing, call: Call) -> None:
    code, _, message = call("--lane", "replay")
    assert (code, "sem.replay.images" in message) == (2, True)


def test_it_looks_again_and_again_and_tells_prometheus(
    flowing: Flowing, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    port, told = free_port(), list[str]()

    def sleep(seconds: float) -> None:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answered:
            told.append(answered.read().decode())
        if len(told) == 2:
            raise UsageError(f"{seconds:.0f} s are over")
        flowing.fates = {("pick", "b.tif"): Fate.LOST}
        flowing.publish("b.tif")
        answer(flowing)

    monkeypatch.setattr("streams.commands.reconcile.sleep", sleep)
    flowing.publish("a.tif")
    answer(flowing)
    _, out, message = call("--every", "10m", "--metrics-port", str(port))
    assert message == "600 s are over"
    assert out.count("everything adds up") == 1
    lost = 'semstream_conservation_imbalance_images{fault="lost",lane="live",stage="pick"}'
    assert f"{lost} 0.0" in told[0]
    assert f"{lost} 1.0" in told[1]


def test_prometheus_finds_it_while_it_runs(
    flowing: Flowing, call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    targets, port, found = tmp_path / "targets", free_port(), list[str]()

    def sleep(_: float) -> None:
        found.extend(file.name for file in targets.iterdir())
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr("streams.commands.reconcile.sleep", sleep)
    monkeypatch.setenv("SEMSTREAM_WORKER_METRICS_TARGETS", str(targets))
    flowing.publish("a.tif")
    answer(flowing)
    with pytest.raises(SystemExit):
        call("--every", "10m", "--metrics-port", str(port))
    assert found == [f"port-{port}.json"]
    assert list(targets.iterdir()) == []


def test_others_than_this_machine_may_ask_where_settings_say_so(
    flowing: Flowing, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEMSTREAM_WORKER_METRICS_ADDRESS", "no-such-address.invalid")
    flowing.publish("a.tif")
    _, _, message = call("--every", "10m", "--metrics-port", str(free_port()))
    assert "cannot serve metrics on no-such-address.invalid:" in message
