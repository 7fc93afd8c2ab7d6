"""One method after another, as one candidate: it is restored, judged and kept like any other."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from pydantic import JsonValue

from schemas.frame import Pixels
from stages.noise import Noise, measure, vertical_difference
from stages.stage import Method, identity_of
from stages.variance import robust_variance


@dataclass(frozen=True)
class Chain:
    """``then`` restores what ``first`` makes of a frame, and is told of the noise that is left in it.

    That is the law measured there; a filter that works across rows correlates them, so that no law holds, and then it
    is the raw frame's law with as much of its variance as is left between neighbouring rows. Where nothing is left, the
    frame is restored already.
    """

    version: ClassVar[int] = 1

    first: Method
    then: Method

    def identity(self) -> dict[str, JsonValue]:
        """Return both methods' identities."""
        return {"first": identity_of(self.first), "then": identity_of(self.then)}

    def __call__(self, frames: Sequence[Pixels], noises: Sequence[Noise]) -> list[Pixels]:
        """Restore each frame."""
        filtered = self.first(frames, noises)
        left = [law_left(*one) for one in zip(frames, filtered, noises, strict=True)]
        return self.then(filtered, left)


def law_left(raw: Pixels, filtered: Pixels, noise: Noise) -> Noise:
    """Return the law of the noise that a filter has left in a frame."""
    found = measure(filtered)
    if found.holds or not noise.holds:
        return found if found.holds else noise
    before, after = (robust_variance(vertical_difference(frame).ravel()) for frame in (raw, filtered))
    return noise.scaled(min(1.0, after / before) if before > 0 else 1.0)
