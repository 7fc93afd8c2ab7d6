"""Work by itself on one core, in a process of its own: what it takes of time and memory."""

import os
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from schemas.frame import Pixels
from schemas.model import Record
from stages.noise import measure
from stages.stage import Method
from streams.wiring.process import use_one_thread_a_slot

WARM_UP_SIDE_PX = 64
"""Side of the frame that a method is called with before it is measured: it may compile."""


class Cost(Record):
    """What restoring one frame takes."""

    seconds: float
    memory_mib: float
    """Growth of the largest resident memory of the process."""


def one_core() -> ProcessPoolExecutor:
    """Return a fresh process that keeps to one core: memory that was once taken is not taken again."""
    return ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=_keep_to_one_core)


def _keep_to_one_core() -> None:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    use_one_thread_a_slot()


def cost_of(method: Method, frame: Pixels) -> Cost:
    """Call a method in this process, warm, with one frame."""
    law = measure(frame)
    method([warm_up_of(frame)], [law])
    before_kib = peak_kib()
    start_s = time.perf_counter()
    method([frame], [law])
    seconds = time.perf_counter() - start_s
    grown_kib = peak_kib() - before_kib
    return Cost(seconds=round(seconds, 3), memory_mib=round(grown_kib / 1024, 1))


def warm_up_of(frame: Pixels) -> Pixels:
    """Return a corner of a frame."""
    return np.ascontiguousarray(frame[:WARM_UP_SIDE_PX, :WARM_UP_SIDE_PX])


def peak_kib() -> int:
    """Largest resident memory of this process; `getrusage` would tell that of the process which it was forked from."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM:")).split()[1])
