"""Where a stage computes: in the calling thread, or in processes of its own with the pixels in shared memory.

Threads suit native code, which lets go of the interpreter, and devices; processes suit stages written in Python.
"""

import multiprocessing
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from multiprocessing.shared_memory import SharedMemory

import numpy as np

from schemas.events import ImageEvent
from schemas.frame import Frame
from schemas.model import Record
from stages.stage import Done, Outcome, Part, Rejected, Stage, Task

Compute = Callable[[Sequence[Task]], list[Outcome]]
"""A stage's call, wherever it runs."""


class Execution(StrEnum):
    """Where a stage's calls run."""

    THREADS = "threads"
    PROCESSES = "processes"


@dataclass(frozen=True)
class StageRun:
    """How a stage runs on a node: no part of what it computes.

    ``slots`` are its own: calls at one time, for a device that the cores' slots say nothing of. Without them it shares
    the slots of the process, one a core; in processes of its own it has as many of them as the process has slots.
    """

    execution: Execution = Execution.THREADS
    slots: int | None = None

    def __post_init__(self) -> None:
        if self.slots is not None and self.slots < 1:
            raise ValueError(f"slots = {self.slots}: a stage needs one at least")


@dataclass(frozen=True)
class Shelf:
    """Frames one after the other in a block of shared memory: its name, and each frame's shape."""

    block: str
    shapes: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class ShelvedTask:
    """A task whose frames are on a shelf, by name and in order."""

    event: ImageEvent
    wanted: tuple[str, ...]
    names: tuple[str, ...]


@dataclass(frozen=True)
class ShelvedDone:
    """A result whose frames are on a shelf: each part's record and its frame's place, if it has one."""

    parts: Mapping[str, tuple[Record, int | None]]


@contextmanager
def in_processes(stage: Stage, count: int, *, prepare: Callable[[], None]) -> Iterator[Compute]:
    """Give a call of the stage that runs in one of so many processes; ``prepare`` runs once in each.

    A process that dies ends the pool: the call raises `BrokenProcessPool`, which ends the worker. A call that still
    runs when the block ends was given up by whoever made it: its process is killed.
    """
    context = multiprocessing.get_context("spawn")  # librdkafka's threads do not survive a fork
    pool = ProcessPoolExecutor(count, mp_context=context, initializer=_begin, initargs=(stage, prepare))
    running: set[Future[tuple[list[ShelvedDone | Rejected], Shelf]]] = set()

    def compute(batch: Sequence[Task]) -> list[Outcome]:
        frames = [frame for task in batch for frame in task.frames.values()]
        with _shelved(frames) as shelf:
            tasks = [ShelvedTask(task.event, task.wanted, tuple(task.frames)) for task in batch]
            call = pool.submit(_call, tasks, shelf)
            running.add(call)
            try:
                results, back = call.result()
            finally:
                running.discard(call)
        return _unshelved_outcomes(results, _taken_down(back))

    try:
        yield compute
    finally:
        if running:
            for process in [*pool._processes.values()]:  # `kill_workers` comes with Python 3.14
                process.kill()
        pool.shutdown(cancel_futures=True)


_stage: Stage | None = None
"""The stage of a pool's process."""


def _begin(stage: Stage, prepare: Callable[[], None]) -> None:
    global _stage  # noqa: PLW0603 - a process's own
    prepare()
    _stage = stage


def _call(tasks: Sequence[ShelvedTask], shelf: Shelf) -> tuple[list[ShelvedDone | Rejected], Shelf]:
    if _stage is None:
        raise RuntimeError("a pool's process was not begun")
    block = SharedMemory(shelf.block)
    try:
        frames = iter(_frames(block, shelf))
        batch = [Task(task.event, task.wanted, {name: next(frames) for name in task.names}) for task in tasks]
        outcomes = _stage(batch)
        made = [part.frame for done in outcomes if isinstance(done, Done) for part in done.parts.values() if part.frame]
        places = iter(range(len(made)))
        results = [_shelved_outcome(outcome, places) for outcome in outcomes]
        back = _put_up(made)
        del batch, outcomes, made, frames
    finally:
        block.close()
    return results, back


def _shelved_outcome(outcome: Outcome, places: Iterator[int]) -> ShelvedDone | Rejected:
    if isinstance(outcome, Rejected):
        return outcome
    return ShelvedDone({name: (p.record, next(places) if p.frame else None) for name, p in outcome.parts.items()})


def _unshelved_outcomes(results: Sequence[ShelvedDone | Rejected], frames: Sequence[Frame]) -> list[Outcome]:
    return [
        result
        if isinstance(result, Rejected)
        else Done({name: Part(r, None if n is None else frames[n]) for name, (r, n) in result.parts.items()})
        for result in results
    ]


@contextmanager
def _shelved(frames: Sequence[Frame]) -> Iterator[Shelf]:
    shelf = _put_up(frames)
    try:
        yield shelf
    finally:
        block = SharedMemory(shelf.block)
        block.close()
        block.unlink()


def _put_up(frames: Sequence[Frame]) -> Shelf:
    """Copy frames into a block of shared memory, which somebody else unlinks."""
    block = SharedMemory(create=True, size=max(1, sum(frame.pixels.nbytes for frame in frames)))
    shelf = Shelf(block.name, tuple(frame.shape for frame in frames))
    offset = 0
    for frame in frames:
        np.ndarray(frame.shape, np.float32, block.buf, offset)[:] = frame.pixels
        offset += frame.pixels.nbytes
    block.close()
    return shelf


def _taken_down(shelf: Shelf) -> list[Frame]:
    """Copy frames out of a block and unlink it."""
    block = SharedMemory(shelf.block)
    try:
        return [Frame(frame.pixels.copy()) for frame in _frames(block, shelf)]
    finally:
        block.close()
        block.unlink()


def _frames(block: SharedMemory, shelf: Shelf) -> list[Frame]:
    """Frames that look into a block; they must be gone before it is closed."""
    sizes = [height * width for height, width in shelf.shapes]
    offsets = np.cumsum([0, *sizes])[:-1]
    return [
        Frame(np.ndarray(shape, np.float32, block.buf, 4 * int(offset)))
        for shape, offset in zip(shelf.shapes, offsets, strict=True)
    ]
