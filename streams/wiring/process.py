"""What every process does about its threads, its clock and its folder."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import cv2
from threadpoolctl import threadpool_limits

from streams.errors import UsageError
from streams.locks import hold


def use_one_thread_a_slot() -> None:
    """Let numerics use one thread a call: the slots use the cores.

    BLAS threads above all: they spin while they wait, and took a third of two cores from the stages.
    """
    cv2.setNumThreads(1)
    threadpool_limits(1)
    torch = sys.modules.get("torch")  # a pipeline without networks need not wait for it to be imported
    if torch is not None:
        torch.set_num_threads(1)


def collect_seldom() -> None:
    """Let the collector of cycles look rarely, and never at what stands since the start.

    Events are trees of small objects and no cycles: looking at those in flight again and again took two fifths of the
    time in which a worker answers what is known.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)


def utc_now() -> datetime:
    """Now, with its zone."""
    return datetime.now(UTC)


@contextmanager
def exclusive(state: Path) -> Iterator[None]:
    """Let one process at a time use a folder.

    Raises
    ------
    UsageError
        If another one is using it, or it cannot be written to.
    """
    try:
        state.mkdir(parents=True, exist_ok=True)
        lock = (state / "lock").open("w")
    except OSError as error:
        raise UsageError(f"cannot write to {state}: {error.strerror}; choose another --out") from error
    with lock:
        hold(lock, f"another semstream is using {state.parent}; wait for it or choose another --out")
        yield
