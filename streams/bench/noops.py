"""Four stages that do nothing, to measure everything else."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from schemas.events import ImageEvent
from schemas.scores import Result
from stages.stage import Done, Outcome, Part, Stage, Task


@dataclass(frozen=True)
class First(Stage):
    """Looks at no pixel and says so."""

    name: ClassVar[str] = "first"

    @property
    def at_once(self) -> int:
        """Return as many as a batch may hold."""
        return 500

    def needs(self, event: ImageEvent) -> tuple[str, ...]:
        """Need nothing."""
        return ()

    def __call__(self, batch: Sequence[Task]) -> list[Outcome]:
        """Return as many empty results."""
        return [Done({"result": Part(Result(values={}))}) for _ in batch]


@dataclass(frozen=True)
class Second(First):
    """The next one."""

    name: ClassVar[str] = "second"


@dataclass(frozen=True)
class Third(First):
    """The next one."""

    name: ClassVar[str] = "third"


@dataclass(frozen=True)
class Fourth(First):
    """The last one."""

    name: ClassVar[str] = "fourth"
