"""When a stage should stop instead of emptying a topic into the dead letters: after a bad deploy every image is bad."""

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field


class TooManyDeadLetters(Exception):
    """The stage stops: what it rejects now says more of the stage than of the images. Nothing of it is committed."""


@dataclass
class DeadLetterLimit:
    """Counts what a stage computes; remembered answers say nothing of this deploy and are not counted.

    Parameters
    ----------
    stage
        Named in the message.
    in_a_row
        So many rejections one after the other, and no image in between.
    ratio, window
        Rejections among the last ``window`` images, once so many were seen.
    """

    stage: str
    in_a_row: int = 50
    ratio: float = 0.5
    window: int = 400
    _recent: deque[bool] = field(init=False, repr=False)
    _row: int = field(default=0, init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def __post_init__(self) -> None:
        self._recent = deque(maxlen=self.window)

    @contextmanager
    def noting(self, rejected: Sequence[bool]) -> Iterator[None]:
        """Take a batch's answers into account once the block has settled them: one that fails is tried again.

        Raises
        ------
        TooManyDeadLetters
            Before the block.
        """
        with self._lock:
            self._check(rejected)
        yield
        with self._lock:
            self._recent.extend(rejected)
            for bad in rejected:
                self._row = self._row + 1 if bad else 0

    def _check(self, rejected: Sequence[bool]) -> None:
        row, recent = self._row, deque(self._recent, maxlen=self.window)
        for bad in rejected:
            recent.append(bad)
            row = row + 1 if bad else 0
            if row >= self.in_a_row:
                raise self._stop(f"{row} images in a row were rejected")
        bad_ones = sum(recent)
        if len(recent) == self.window and bad_ones > self.ratio * self.window:
            raise self._stop(f"{bad_ones} of the last {self.window} images were rejected")

    def _stop(self, what: str) -> TooManyDeadLetters:
        return TooManyDeadLetters(
            f"stage {self.stage} stops: {what}; see why with semstream dlq list --stage {self.stage}, put the pipeline"
            " or the instrument right, start the worker again, and send the dead letters again with semstream dlq retry"
        )
