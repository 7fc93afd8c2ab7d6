"""A stage gives the same wherever it runs, and a process of a pool that dies ends the worker."""

import hashlib
import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from schemas.frame import Frame, Pixels
from schemas.model import Record
from schemas.scores import RAW
from stages.filter import Filter
from stages.filter.gaussian import Gaussian
from stages.filter.median import Median
from stages.stage import Done, Outcome, Rejected, Stage, Task
from streams.execution import Compute, in_processes
from streams.wiring.process import use_one_thread_a_slot
from tests.events import image_event, object_ref
from tests.toys import Broken, Shade

FILTER = Filter(candidates={"gaussian": Gaussian(), "median": Median()})
SHARED_MEMORY = Path("/dev/shm")


@dataclass(frozen=True)
class Deadly(Stage):
    """Ends its process."""

    name: ClassVar[str] = "deadly"

    def __call__(self, batch: Sequence[Task]) -> list[Outcome]:
        os._exit(11)


@dataclass(frozen=True)
class Endless(Stage):
    """Never answers."""

    name: ClassVar[str] = "endless"

    def __call__(self, batch: Sequence[Task]) -> list[Outcome]:
        threading.Event().wait()
        return []


def task_of(stage: Stage, pixels: Pixels) -> Task:
    height, width = pixels.shape
    event = image_event(object_ref(hashlib.sha256(pixels.tobytes()).hexdigest()), width=width, height=height)
    return Task(event, tuple(stage.parts(event)), {RAW: Frame(pixels)})


def noisy(height: int, width: int, seed: int) -> Pixels:
    rng = np.random.default_rng(seed)
    levels = 0.5 + 0.2 * np.sin(np.arange(width) / 9) + 0.05 * rng.standard_normal((height, width))
    return levels.clip(0, 1).astype(np.float32)


def told(outcome: Outcome) -> dict[str, tuple[Record, bytes | None]]:
    """What an outcome says, without the seconds it took."""
    assert isinstance(outcome, Done)
    records = {
        name: p.record.but(seconds=0.0) if hasattr(p.record, "seconds") else p.record
        for name, p in outcome.parts.items()
    }
    return {name: (records[name], p.frame.pixels.tobytes() if p.frame else None) for name, p in outcome.parts.items()}


@pytest.fixture(scope="module")
def filter_elsewhere() -> Iterator[Compute]:
    with in_processes(FILTER, 2, prepare=use_one_thread_a_slot) as compute:
        yield compute


def test_a_pool_computes_what_a_thread_computes(filter_elsewhere: Compute) -> None:
    batch = [task_of(FILTER, noisy(64, 80, seed)) for seed in range(3)] + [task_of(FILTER, noisy(33, 65, 9))]
    for here, there in zip(FILTER(batch), filter_elsewhere(batch), strict=True):
        assert told(there) == told(here)


def test_frames_that_come_back_outlive_the_shared_memory(filter_elsewhere: Compute) -> None:
    before = set(SHARED_MEMORY.iterdir())
    (first,) = filter_elsewhere([task_of(FILTER, noisy(64, 64, 1))])
    filter_elsewhere([task_of(FILTER, noisy(64, 64, 2))])
    assert isinstance(first, Done)
    frame = first.parts["median"].frame
    assert frame is not None
    assert 0.1 < frame.pixels.mean() < 0.9
    assert set(SHARED_MEMORY.iterdir()) <= before


def test_rejections_keep_their_place() -> None:
    stage = Shade()
    black = np.zeros((8, 8), np.float32)
    bright = np.ones((8, 8), np.float32)
    with in_processes(stage, 1, prepare=use_one_thread_a_slot) as compute:
        outcomes = compute([task_of(stage, pixels) for pixels in (bright, black, bright)])
    assert [isinstance(outcome, Rejected) for outcome in outcomes] == [False, True, False]


def test_a_stage_without_pixels_needs_no_shared_memory() -> None:
    stage = Shade(levels={})
    with in_processes(stage, 1, prepare=use_one_thread_a_slot) as compute:
        (outcome,) = compute([Task(image_event(), (), {RAW: Frame(np.ones((8, 8), np.float32))})])
    assert outcome == Done({})


def test_a_bug_in_a_stage_is_seen_as_what_it_is() -> None:
    with (
        in_processes(Broken(), 1, prepare=use_one_thread_a_slot) as compute,
        pytest.raises(ZeroDivisionError, match="a bug"),
    ):
        compute([task_of(Broken(), noisy(16, 16, 1))])


def test_a_process_that_dies_ends_the_worker() -> None:
    before = set(SHARED_MEMORY.iterdir())
    with in_processes(Deadly(), 1, prepare=use_one_thread_a_slot) as compute, pytest.raises(BrokenProcessPool):
        compute([task_of(Deadly(), noisy(16, 16, 1))])
    assert set(SHARED_MEMORY.iterdir()) <= before


def test_a_call_that_was_given_up_does_not_keep_the_pool_from_ending() -> None:
    with in_processes(Endless(), 1, prepare=use_one_thread_a_slot) as compute:
        call = threading.Thread(target=abandoned, args=(compute,), daemon=True)
        call.start()
        call.join(0.5)
        assert call.is_alive()
    call.join(30)
    assert not call.is_alive()


def abandoned(compute: Compute) -> None:
    with pytest.raises(BrokenProcessPool):
        compute([task_of(Endless(), noisy(16, 16, 1))])
