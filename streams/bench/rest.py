"""A stage that only takes its time."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from schemas.events import ImageEvent
from schemas.scores import Result
from stages.stage import Done, Outcome, Part, Stage, Task


@dataclass(frozen=True)
class Rest(Stage):
    """Needs no pixels and computes nothing, for so long an image."""

    name: ClassVar[str] = "rest"
    seconds: float = 0.02

    def needs(self, event: ImageEvent) -> tuple[str, ...]:
        """Nothing."""
        return ()

    def __call__(self, batch: Sequence[Task]) -> list[Outcome]:
        """Rest."""
        time.sleep(self.seconds * len(batch))
        return [Done({"result": Part(Result(values={}))}) for _ in batch]
