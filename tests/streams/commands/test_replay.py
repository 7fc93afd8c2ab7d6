"""``semstream replay`` as a user meets it, on topics in memory."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest

from schemas.events import ImageEvent
from streams.cli import outcome_of
from streams.errors import UsageError
from streams.pipeline import load_pipeline
from streams.replay import Selection
from streams.replay_run import ReplayRun, Sides
from streams.telemetry import Telemetry
from streams.wiring.worker import AtWork
from tests.events import NOON
from tests.memory_log import MemoryLog
from tests.streams.commands.test_dlq import SETTINGS
from tests.streams.flowing import STAGES, Fate, Flowing
from tests.streams.report.entries import NoisyFrames

PIPELINE = 'path = ["tests.toys:Shade", "tests.toys:Pick"]\n'
NAMES = ("a.tif", "b.tif", "c.tif")

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def pipeline(tmp_path: Path) -> Path:
    (tmp_path / "pipeline.toml").write_text(PIPELINE)
    return tmp_path / "pipeline.toml"


@pytest.fixture
def live() -> Flowing:
    """A live lane that has answered three images."""
    flowing = Flowing(MemoryLog())
    for name in NAMES:
        flowing.publish(name)
    answer(flowing)
    return flowing


@pytest.fixture
def lane(live: Flowing, pipeline: Path) -> Flowing:
    return Flowing(live.log, "trial", pipeline=load_pipeline(pipeline).hash)


def answer(flowing: Flowing) -> None:
    for stage in STAGES:
        flowing.work(stage)


@pytest.fixture
def call(
    live: Flowing, pipeline: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Call:
    """Run ``semstream replay --lane trial``; return its exit code, what it printed, and its last word."""

    class Pictured:
        def of(self, event: ImageEvent, names: list[str]) -> dict[str, object]:
            return {name: NoisyFrames()(name) for name in names}

    @contextmanager
    def frames(_: object) -> Iterator[Pictured]:
        yield Pictured()

    (tmp_path / "settings.toml").write_text(SETTINGS)
    monkeypatch.setattr("streams.commands.replay.open_log", lambda _: live.log)
    monkeypatch.setattr("streams.commands.replay.open_publisher", lambda _: live.log)
    monkeypatch.setattr("streams.commands.replay.frames_at_services", frames)
    monkeypatch.setattr("streams.commands.replay.utc_now", lambda: NOON)
    monkeypatch.setattr("streams.commands.replay.prepare_lane", lambda *_: None)
    monkeypatch.setattr("streams.commands.replay.lane_at_work", lambda *_: nullcontext())
    files = ["--settings", str(tmp_path / "settings.toml"), "--pipeline", str(pipeline), "--against", str(pipeline)]

    def call(*arguments: str, lane: str = "trial") -> tuple[int, str, str]:
        named = ["--lane", lane] if lane else []
        code, message = outcome_of(["replay", *arguments, *named, *files])
        return code, capsys.readouterr().out, message

    return call


def test_images_are_published_into_the_lane(lane: Flowing, call: Call) -> None:
    code, out, _ = call("--from", "2026-01-01", "--image", "b.tif")
    assert code == 0
    assert out.startswith("1 images published into lane trial, from 2026-01-02T12:00:00+00:00 to 2026-01-02T12:00:00")
    assert [message.key for message in lane.log.messages("sem.trial.images")] == [b"b.tif"]


def test_a_pipeline_of_its_own_makes_a_lane_of_its_own(live: Flowing, call: Call, pipeline: Path) -> None:
    name = f"replay-{load_pipeline(pipeline).hash[:8]}"
    told = json.loads(call("--from", "2026-01-01", "--json", lane="")[1])
    assert (told["lane"], told["replayed"]["images"]) == (name, 3)
    assert len(live.log.messages(f"sem.{name}.images")) == 3


def test_a_dry_run_tells_count_span_and_bytes(live: Flowing, call: Call) -> None:
    code, out, _ = call("--from", "2026-01-01", "--dry-run", "--shadow", "--json")
    told = json.loads(out)
    assert (code, told["dry_run"], told["comparison"]) == (0, True, None)
    size = sum(message.size_bytes for message in live.log.messages("sem.images"))
    assert told["replayed"]["bytes"] == size
    assert told["replayed"]["first"] == told["replayed"]["last"] == "2026-01-02T12:00:00+00:00"
    assert "sem.trial.images" not in live.log.topics


def test_a_name_that_several_images_have_is_told(live: Flowing, lane: Flowing, call: Call) -> None:
    live.publish("x/a.tif")
    code, out, _ = call("--image", "a.tif", "--dry-run")
    assert (code, out.splitlines()[-1]) == (0, "a.tif names 2 images: all of them are among these")


def test_an_image_that_is_nowhere_ends_with_1(call: Call, lane: Flowing) -> None:
    code, out, _ = call("--image", "gone.tif")
    assert code == 1
    assert "gone.tif: no topic holds its event any more" in out


def test_what_nobody_answers_ends_with_1(call: Call, lane: Flowing) -> None:
    code, out, _ = call("--from", "2026-01-01", "--shadow", "--patience-s", "0")
    assert code == 1
    assert "3 images were not answered: is a worker running for this lane?" in out


def test_a_lane_is_compared_with_production(call: Call, lane: Flowing, tmp_path: Path) -> None:
    call("--from", "2026-01-01")
    lane.fates = {("shade", "c.tif"): Fate.REJECTED}
    answer(lane)
    code, out, _ = call("--compare", "--report", str(tmp_path / "page.html"))
    assert code == 0
    assert out.startswith("2 images in both; another choice for 0; only before 0, only after 0")
    assert (tmp_path / "page.html").read_text().startswith("<!DOCTYPE html>")
    assert json.loads(call("--compare", "--json")[1])["comparison"]["images"] == 2


def test_a_lane_is_promoted_once(call: Call, lane: Flowing) -> None:
    call("--from", "2026-01-01")
    answer(lane)
    assert call("--promote", "--dry-run")[1] == "3 selections of lane trial would be published to sem.picked\n"
    assert call("--promote")[:2] == (0, "3 selections of lane trial published to sem.picked\n")
    code, _, message = call("--promote")
    assert (code, "promoted before" in message) == (2, True)
    assert len(lane.log.messages("sem.picked")) == 6


def test_a_lane_that_another_pipeline_answered_says_so(call: Call, lane: Flowing) -> None:
    call("--from", "2026-01-01")
    lane.pipeline = "another"
    answer(lane)
    assert call("--promote")[2].endswith("; 3 are another's: name its file by --pipeline")
    lane.log.topics["sem.trial.picked"] = [[], []]
    assert "lane trial has selected no image by pipeline" in call("--promote")[2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "say which images"),
        (("--promote", "--image", "a"), "leave out what selects images"),
        (("--shadow", "--promote"), "choose one"),
        (("--image", "a", "--speed", "0"), "images a second, or max"),
        (("--image", "a", "--speed", "fast"), "images a second, or max"),
        (("--image", "a", "--speed", "nan"), "images a second, or max"),
        (("--offsets", "5"), "PARTITION:FIRST-LAST"),
        (("--from", "soon"), "is no time"),
        (("--from", "1h", "--to", "2h"), "--to is not after --from"),
    ],
)
def test_wrong_usage_is_told(call: Call, arguments: tuple[str, ...], message: str) -> None:
    code, _, said = call(*arguments)
    assert (code, message in said) == (2, True), said


def test_the_live_lane_is_no_lane_to_replay_into_or_to_promote(call: Call) -> None:
    assert call("--image", "a", lane="live")[0] == 2
    assert "live already" in call("--promote", lane="live")[2]


def test_a_shadow_run_ends_when_the_lane_has_answered(live: Flowing, lane: Flowing, pipeline: Path) -> None:
    both = load_pipeline(pipeline)
    run = ReplayRun(
        live.log, live.log, Sides("trial", both, both), lambda: NOON, clock=lambda: 0.0, sleep=lambda _: answer(lane)
    )
    replayed, left, comparison = run.shadow(
        Selection(images=("a.tif", "b.tif")), speed=None, patience_s=1, note=lambda _: None
    )
    assert (len(replayed.acquisitions), left, comparison.images, comparison.changed) == (2, set(), 2, [])
    assert run.pairs(comparison) == []


def test_a_worker_that_fails_ends_the_wait_for_its_answers(
    lane: Flowing, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    working: Future[bool] = Future()
    working.set_exception(UsageError("the bucket is gone"))
    monkeypatch.setattr("streams.commands.replay.lane_at_work", lambda *_: nullcontext(AtWork(Telemetry(), working)))
    code, _, message = call("--from", "2026-01-01", "--image", "b.tif", "--shadow")
    assert code == 2
    assert "the bucket is gone" in message
