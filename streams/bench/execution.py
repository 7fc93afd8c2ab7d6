"""A stage called by threads and in processes of its own: which makes more of the same cores."""

import multiprocessing
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from statistics import median

from schemas.model import Record
from schemas.scores import RAW
from stages.simulation.series import simulated_images
from stages.stage import Stage, Task
from streams.bench.efficiency import SIZE_PX, tiff_of
from streams.bench.fields import sight_of
from streams.bench.processor_time import used_by
from streams.bench.rehearsal import event_of
from streams.execution import Compute, Execution, in_processes
from streams.wiring.process import use_one_thread_a_slot


class ExecutionFigures(Record):
    """Medians of the repetitions. Processor time is that of this process and of those that it began."""

    stage: str
    images: int
    slots: int
    repetitions: int
    threads_images_per_s: float
    processes_images_per_s: float
    ratio: float
    """Processes over threads, of the rates."""
    threads_core_ms_per_image: float
    processes_core_ms_per_image: float


@dataclass(frozen=True)
class _Pass:
    """All images once."""

    seconds: float
    core_s: float


def measure_execution(
    stage: Stage, *, images: int, slots: int, repetitions: int = 3, seed: int = 7
) -> ExecutionFigures:
    """Call a stage that needs the raw frame alone with one image at a time in so many slots, both ways in turns."""
    use_one_thread_a_slot()
    made = simulated_images(images=images, seed=seed, size_px=SIZE_PX)
    tasks = [_task(stage, tiff_of(image.noisy), image.name) for image in made]
    passes: dict[Execution, list[_Pass]] = {how: [] for how in Execution}
    with ThreadPoolExecutor(slots) as pool, in_processes(stage, slots, prepare=use_one_thread_a_slot) as elsewhere:
        calls: dict[Execution, Compute] = {Execution.THREADS: stage, Execution.PROCESSES: elsewhere}
        for call in calls.values():
            _passed(pool, call, tasks[: 2 * slots])  # processes start with their first call
        for _ in range(repetitions):
            for how, call in calls.items():
                passes[how].append(_passed(pool, call, tasks))
    per_s = {how: images / median(one.seconds for one in found) for how, found in passes.items()}
    core_ms = {how: 1000 * median(one.core_s for one in found) / images for how, found in passes.items()}
    return ExecutionFigures(
        stage=stage.name,
        images=images,
        slots=slots,
        repetitions=repetitions,
        threads_images_per_s=round(per_s[Execution.THREADS], 3),
        processes_images_per_s=round(per_s[Execution.PROCESSES], 3),
        ratio=round(per_s[Execution.PROCESSES] / per_s[Execution.THREADS], 3),
        threads_core_ms_per_image=round(core_ms[Execution.THREADS], 1),
        processes_core_ms_per_image=round(core_ms[Execution.PROCESSES], 1),
    )


def _task(stage: Stage, data: bytes, name: str) -> Task:
    sight = sight_of(data)
    event = event_of(sight, name)
    return Task(event, tuple(stage.parts(event)), {RAW: sight.frame})


def _passed(pool: ThreadPoolExecutor, call: Compute, tasks: Sequence[Task]) -> _Pass:
    start_s, core_s = time.perf_counter(), _core_s()
    for _ in pool.map(call, [[task] for task in tasks]):
        pass
    return _Pass(time.perf_counter() - start_s, _core_s() - core_s)


def _core_s() -> float:
    children = (child.pid for child in multiprocessing.active_children())
    return time.process_time() + sum(used_by(pid) for pid in children if pid is not None)
