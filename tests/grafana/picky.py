"""A stage of filters that has something to reject."""

from collections.abc import Sequence
from dataclasses import dataclass

from stages.filter import Filter
from stages.stage import Outcome, Rejected, Task

SMALL = 100


@dataclass(frozen=True)
class Picky(Filter):
    """Rejects small frames."""

    def __call__(self, batch: Sequence[Task]) -> list[Outcome]:
        return [self._one(task) for task in batch]

    def _one(self, task: Task) -> Outcome:
        if len(task.raw.pixels) < SMALL:
            return Rejected("it is small")
        return super().__call__([task])[0]
