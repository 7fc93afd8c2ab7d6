from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import pytest
from pydantic import JsonValue

from schemas.frame import Frame, Pixels
from schemas.scores import RAW, Candidate, Judge
from stages.denoise import Denoise
from stages.filter import Filter
from stages.filter.gaussian import Gaussian
from stages.filter.median import Median
from stages.noise import Noise, measure
from stages.second_frame import SECOND
from stages.stage import Done, Part, Stage, Task, config_hash_of
from tests.events import image_event, object_ref
from tests.stages.scan import scanned, scene


@dataclass(frozen=True)
class Counting:
    """Halves frames and notes the shapes that it is given together; the notes are no parameter."""

    version: ClassVar[int] = 1
    calls: list[list[tuple[int, ...]]] = field(default_factory=list)

    def __call__(self, frames: Sequence[Pixels], noises: Sequence[Noise]) -> list[Pixels]:
        assert len(noises) == len(frames)
        self.calls.append([frame.shape for frame in frames])
        return [frame * np.float32(0.5) for frame in frames]

    def identity(self) -> dict[str, JsonValue]:
        return {}


def task_of(stage: Stage, pixels: Pixels, wanted: tuple[str, ...] | None = None) -> Task:
    event = image_event()
    return Task(event, tuple(stage.parts(event)) if wanted is None else wanted, {RAW: Frame(pixels)})


def noisy(height: int = 64, width: int = 64, seed: int = 1) -> Pixels:
    return scanned(scene(height=height, width=width), electrons=60, lag1=0.4, seed=seed)


def parts_of(stage: Stage, *tasks: Task) -> list[dict[str, Part]]:
    outcomes = stage(tasks)
    return [dict(outcome.parts) for outcome in outcomes if isinstance(outcome, Done)]


def candidate(part: Part) -> Candidate:
    assert isinstance(part.record, Candidate)
    return part.record


def test_the_raw_frame_comes_first_has_no_pixels_of_its_own_and_risks_its_noise() -> None:
    stage = Filter({"gaussian": Gaussian()})
    frame = noisy(192, 192)
    (parts,) = parts_of(stage, task_of(stage, frame))
    assert [*parts] == [RAW, "gaussian"]
    assert parts[RAW].frame is None
    risk = candidate(parts[RAW]).risk
    assert risk is not None
    variance = measure(frame).sigma ** 2
    assert 0.9 * variance < risk.value < 1.5 * variance
    restored = candidate(parts["gaussian"]).risk
    assert restored is not None
    assert restored.value < 0.3 * risk.value


def test_a_candidate_says_what_made_it() -> None:
    stage = Filter({"soft": Gaussian(strength=0.5)})
    task = task_of(stage, noisy())
    (parts,) = parts_of(stage, task)
    made = candidate(parts["soft"])
    assert (made.name, made.stage, made.method) == ("soft", "filter", "stages.filter.gaussian:Gaussian")
    assert made.parameters == {"strength": 0.5}
    assert made.config_hash == stage.parts(task.event)["soft"]
    assert made.seconds > 0
    assert made.skipped is None


@pytest.mark.parametrize(
    ("pixels", "reason"),
    [
        (np.full((64, 64), 0.5, np.float32), "no noise"),
        (noisy(64, 200)[:12], "12 px"),
        (np.repeat(noisy(), 2, axis=0), "rows are correlated"),
        (np.ones((20, 20), np.float32), "clipped"),
    ],
)
def test_frames_without_a_noise_law_are_skipped_with_the_reason(pixels: Pixels, reason: str) -> None:
    counting = Counting()
    stage = Filter({"half": counting})
    (parts,) = parts_of(stage, task_of(stage, pixels))
    assert reason in str(candidate(parts["half"]).skipped)
    assert parts["half"].frame is None
    assert candidate(parts["half"]).risk is None
    assert candidate(parts[RAW]).risk is None
    assert candidate(parts[RAW]).skipped is None
    assert counting.calls == []


def test_frames_of_one_shape_go_to_a_method_together_and_the_order_is_kept() -> None:
    counting = Counting()
    stage = Denoise({"half": counting})
    frames = [noisy(seed=1), noisy(48, 80, seed=2), noisy(seed=3), np.full((64, 64), 0.5, np.float32)]
    parts = parts_of(stage, *(task_of(stage, frame) for frame in frames))
    assert counting.calls[0] == [(64, 64), (64, 64)]
    for frame, found in zip(frames[:3], parts, strict=False):
        restored = found["half"].frame
        assert restored is not None
        np.testing.assert_array_equal(restored.pixels, frame / 2)
    assert parts[3]["half"].frame is None


def test_only_what_is_wanted_is_computed() -> None:
    counting = Counting()
    stage = Filter({"half": counting, "median": Median()})
    tasks = [task_of(stage, noisy(), wanted) for wanted in (("median",), (RAW,), ())]
    assert [[*parts] for parts in parts_of(stage, *tasks)] == [["median"], [RAW], []]
    assert counting.calls == []


def test_deep_candidates_do_not_repeat_the_raw_frame() -> None:
    assert [*Denoise({"half": Counting()}).parts(image_event())] == ["half"]


def test_the_hash_of_a_candidate_depends_on_its_method_alone() -> None:
    event = image_event()
    before = Filter({"a": Gaussian(), "b": Median()}).parts(event)
    after = Filter({"b": Median(), "a": Gaussian(strength=1.1), "c": Counting()}).parts(event)
    assert before["b"] == after["b"]
    assert before[RAW] == after[RAW]
    assert before["a"] != after["a"]


def test_a_later_version_of_the_stage_changes_every_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    stage, event = Filter({"a": Gaussian()}), image_event()
    before = stage.parts(event)
    monkeypatch.setattr(Filter, "version", Filter.version + 1)
    assert not set(before.values()) & set(stage.parts(event).values())


def test_the_event_gets_candidates_in_the_configured_order_in_place_of_those_of_the_same_name() -> None:
    stage = Filter({"b": Median(), "a": Gaussian()})
    task = task_of(stage, noisy())
    (parts,) = parts_of(stage, task)
    records = {name: parts[name].record for name in ("a", RAW, "b")}
    other = candidate(parts["a"]).but(name="other", stage="elsewhere")
    event = task.event.but(candidates=(candidate(parts["a"]).but(seconds=99.0), other))
    extended = stage.extend(event, records)
    assert [c.name for c in extended.candidates] == ["other", RAW, "b", "a"]
    assert extended.candidate("a") == records["a"]


def test_a_result_computed_under_another_name_is_given_the_name_asked_for() -> None:
    stage = Filter({"new": Gaussian()})
    old = Candidate(name="old", stage="filter", method="Gaussian", config_hash=config_hash_of(Gaussian()))
    assert [c.name for c in stage.extend(image_event(), {"new": old}).candidates] == ["new"]


def task_of_two(stage: Stage, first: Pixels, second: Pixels) -> Task:
    event = image_event()
    event = event.but(image=event.image.but(second=object_ref("ef" * 32)))
    return Task(event, tuple(stage.parts(event)), {RAW: Frame(first), SECOND: Frame(second)})


def test_only_an_image_with_a_second_frame_needs_it_and_has_an_average() -> None:
    stage = Filter({"half": Counting()})
    task, alone = task_of_two(stage, noisy(), noisy(seed=2)), image_event()
    assert stage.needs(alone) == (RAW,)
    assert stage.needs(task.event) == Denoise({}).needs(task.event) == (RAW, SECOND)
    assert [*stage.parts(alone)] == [RAW, "half"]
    assert [*task.wanted] == [RAW, "average", "half"]
    assert {name: stage.parts(task.event)[name] for name in (RAW, "half")} == stage.parts(alone)


def test_a_second_frame_judges_every_candidate_and_is_averaged_with_the_first() -> None:
    stage = Filter({"gaussian": Gaussian()})
    first, second = noisy(192, 192), noisy(192, 192, seed=2)
    task = task_of_two(stage, first, second)
    (parts,) = parts_of(stage, task)
    risks = {name: candidate(part).risk for name, part in parts.items()}
    assert {risk.by for risk in risks.values() if risk} == {Judge.SECOND_FRAME}
    raw, average, gaussian = (risk.value for risk in (risks[RAW], risks["average"], risks["gaussian"]) if risk)
    assert gaussian < average == pytest.approx(raw / 2, rel=0.1)
    frame = parts["average"].frame
    assert frame is not None
    assert np.abs(frame.pixels - (first + second) / 2)[8:-8, 8:-8].std() < 0.02
    extended = stage.extend(task.event, {name: part.record for name, part in parts.items()})
    assert [c.name for c in extended.candidates] == [RAW, "average", "gaussian"]


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        (noisy(), noisy(64, 80), "the second frame is 80 x 64 px, the first 64 x 64"),
        (noisy(), noisy(), "a copy"),
        (np.full((64, 64), 0.5, np.float32), noisy(), "no noise"),
    ],
)
def test_where_the_second_frame_cannot_judge_there_is_no_average_and_all_else_is_as_without(
    first: Pixels, second: Pixels, reason: str
) -> None:
    stage = Filter({"median": Median()})
    (parts,), (alone,) = parts_of(stage, task_of_two(stage, first, second)), parts_of(stage, task_of(stage, first))
    assert reason in str(candidate(parts["average"]).skipped)
    assert parts["average"].frame is None
    for name in (RAW, "median"):
        assert candidate(parts[name]).but(seconds=0.0) == candidate(alone[name]).but(seconds=0.0)
