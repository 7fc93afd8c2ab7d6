"""How fast a network is trained on simulated scans, and how much of that time the simulator takes.

Shares and rates are by processor time of the whole process: what others take of the cores does not count.
"""

import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context

import torch

from schemas.model import Record
from stages.training.recipe import Recipe
from stages.training.samples import Batch, Batches, simulated
from stages.training.trainer import Trainer
from streams.bench.one_core import peak_kib

WARM_UP_STEPS = 3


class TrainingFigures(Record):
    """A short piece of a training, after its first steps."""

    recipe: str
    parameters: int
    threads: int
    steps: int
    pool_s: float
    """Core-seconds until the first batch: every scene of the pool is drawn for it."""
    clock_s: float
    """Seconds of all steps by the clock."""
    steps_per_core_s: float
    patches_per_core_s: float
    megapixels_per_core_s: float
    simulator_share: float
    """Of the time of a step: drawing scenes, scanning and stabilising crops."""
    memory_mib: float
    """More resident memory than before the trainer was made."""


@dataclass
class Timed:
    """Batches, and the core-seconds that they took."""

    batches: Batches
    seconds: float = 0.0

    def __call__(self, step: int) -> Batch:
        """Return the batch of a step."""
        start_s = time.process_time()
        batch = self.batches(step)
        self.seconds += time.process_time() - start_s
        return batch


def measure_training(recipe: Recipe, *, steps: int, threads: int) -> TrainingFigures:
    """Train for so many steps in a fresh process."""
    with ProcessPoolExecutor(
        1, mp_context=get_context("spawn"), initializer=torch.set_num_threads, initargs=(threads,)
    ) as fresh:
        return fresh.submit(trained, recipe, steps=steps).result()


def trained(recipe: Recipe, *, steps: int) -> TrainingFigures:
    """Train for so many steps here."""
    before_kib = peak_kib()
    batches = Timed(simulated(recipe))
    trainer = Trainer(recipe, batches)
    batches(0)
    pool_s = batches.seconds
    for _ in range(WARM_UP_STEPS):
        trainer.advance(elapsed_s=0.0)
    batches.seconds, start_s, clock_s = 0.0, time.process_time(), time.perf_counter()
    for _ in range(steps):
        trainer.advance(elapsed_s=0.0)
    seconds = time.process_time() - start_s
    patches_per_s = steps * recipe.batch / seconds
    return TrainingFigures(
        recipe=recipe.name,
        parameters=sum(value.numel() for value in trainer.averaged.values()),
        threads=torch.get_num_threads(),
        steps=steps,
        clock_s=round(time.perf_counter() - clock_s, 2),
        pool_s=round(pool_s, 2),
        steps_per_core_s=round(steps / seconds, 3),
        patches_per_core_s=round(patches_per_s, 2),
        megapixels_per_core_s=round(patches_per_s * recipe.patch_px**2 / 1e6, 4),
        simulator_share=round(batches.seconds / seconds, 4),
        memory_mib=round((peak_kib() - before_kib) / 1024, 1),
    )
