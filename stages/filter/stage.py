"""The stage of the classical candidates, and of the raw frame, which is a candidate too."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from schemas.events import ImageEvent
from schemas.frame import Frame, Pixels
from schemas.scores import AVERAGE, RAW, Candidate
from stages.filter.average import Average, risk_of_average
from stages.noise import Noise
from stages.restoration import Given, Restoration
from stages.risk import assess_all
from stages.second_frame import Unusable
from stages.stage import Part


@dataclass(frozen=True)
class Filter(Restoration):
    """Classical candidates of the raw frame, after the raw frame itself.

    The raw frame has no pixels of its own to store, but a risk like any other: that of leaving a frame as it is. Where
    an image has a second frame of its field, the average of both is a candidate as well.
    """

    name: ClassVar[str] = "filter"
    emits: ClassVar[str] = "filtered"

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the candidates, the raw frame first, then the average of two frames."""
        return (RAW, AVERAGE, *self.candidates)

    def parts(self, event: ImageEvent) -> Mapping[str, str]:
        """Return the config hash of each candidate; there is an average only where there is a second frame."""
        average = {AVERAGE: self.hash_of(Average())} if event.image.second else {}
        return {RAW: self.hash_of(Untouched()), **average, **super().parts(event)}

    def _restored(self, name: str, given: Sequence[Given]) -> list[Part]:
        if name == RAW:
            return [Part(self._raw(one)) for one in given]
        if name == AVERAGE:
            return [self._average(one) for one in given]
        return super()._restored(name, given)

    def _raw(self, one: Given) -> Candidate:
        record = self._record(RAW, Untouched())
        if not one.law.holds:
            return record
        pixels, seed = [one.task.raw.pixels], one.task.event.image.image_id
        risks = assess_all(Untouched(), pixels, [one.law], [seed], restored=pixels, judges=[one.judge])
        return record.but(risk=risks[0])

    def _average(self, one: Given) -> Part:
        record = self._record(AVERAGE, Average())
        if one.judge is None:
            return Part(record.but(skipped=_why_no_average(one)))
        first, seed = one.task.raw.pixels, one.task.event.image.image_id
        risk = risk_of_average(first, one.judge, one.law, seed=seed)
        return Part(record.but(risk=risk), Frame.clipped(Average(one.judge)([first], [one.law])[0]))


def _why_no_average(one: Given) -> str:
    if isinstance(one.second, Unusable):
        return one.second.why_not
    return one.law.why_not or "there is no second frame"


@dataclass(frozen=True)
class Untouched:
    """The method that leaves frames as they are."""

    version: ClassVar[int] = 1

    def __call__(self, frames: Sequence[Pixels], noises: Sequence[Noise]) -> list[Pixels]:
        """Return the frames."""
        return list(frames)
