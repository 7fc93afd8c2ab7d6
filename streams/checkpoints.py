"""The checkpoint of a training: held by one process at a time, taken up, and written whole."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stages.training.trainer import Trainer
from streams.errors import UsageError
from streams.locks import hold
from streams.whole_file import write_whole


@contextmanager
def held(checkpoint: Path) -> Iterator[None]:
    """Let one process at a time train from a checkpoint; the lock is a file beside it, which stays.

    Raises
    ------
    UsageError
        If another one trains from it.
    """
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    with checkpoint.with_suffix(".lock").open("a") as lock:
        another = f"another semstream is training from {checkpoint}"
        hold(lock, f"{another}; wait for it, or name another folder by --checkpoints")
        yield


def resumed(trainer: Trainer, checkpoint: Path) -> Trainer:
    """Return a trainer at the checkpoint, or as it is where there is none; raises `UsageError` for another one's."""
    if checkpoint.exists():
        try:
            trainer.load(checkpoint)
        except ValueError as error:
            raise UsageError(f"{error}; move it away to start afresh") from error
    return trainer


def save(trainer: Trainer, checkpoint: Path) -> None:
    """Write everything that resuming takes; a reader sees the old file or the new one, whole."""
    write_whole(checkpoint, trainer.checkpoint())
