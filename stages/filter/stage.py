"""The stage of the classical candidates, and of the raw frame, which is a candidate too."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from schemas.events import ImageEvent
from schemas.frame import Pixels
from schemas.scores import RAW, Candidate
from stages.noise import Noise
from stages.restoration import Restoration
from stages.risk import assess_all
from stages.stage import Part, Task


@dataclass(frozen=True)
class Filter(Restoration):
    """Classical candidates of the raw frame, after the raw frame itself.

    The raw frame has no pixels of its own to store, but a risk like any other: that of leaving a frame as it is.
    """

    name: ClassVar[str] = "filter"
    emits: ClassVar[str] = "filtered"

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the candidates, the raw frame first."""
        return (RAW, *self.candidates)

    def parts(self, event: ImageEvent) -> Mapping[str, str]:
        """Return the config hash of each candidate, the raw frame first."""
        return {RAW: self.hash_of(Untouched()), **super().parts(event)}

    def _restored(self, name: str, tasks: Sequence[Task], laws: Sequence[Noise]) -> list[Part]:
        if name != RAW:
            return super()._restored(name, tasks, laws)
        return [Part(self._raw(task, law)) for task, law in zip(tasks, laws, strict=True)]

    def _raw(self, task: Task, law: Noise) -> Candidate:
        record = self._record(RAW, Untouched())
        if not law.holds:
            return record
        pixels = [task.raw.pixels]
        return record.but(risk=assess_all(Untouched(), pixels, [law], [task.event.image.image_id], restored=pixels)[0])


@dataclass(frozen=True)
class Untouched:
    """The method that leaves frames as they are."""

    version: ClassVar[int] = 1

    def __call__(self, frames: Sequence[Pixels], noises: Sequence[Noise]) -> list[Pixels]:
        """Return the frames."""
        return list(frames)
