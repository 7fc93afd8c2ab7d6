"""The average of two frames of one field, once the second is brought onto the first.

Its error cannot be judged by the second frame, whose noise is in it, and need not be: it follows from the difference.
With the specimen ``x``, independent noises ``n1`` and ``n2`` and what registration and interpolation miss, ``m``,

    average - x = (n1 + n2 + m) / 2        first - second = n1 - n2 - m

and as neither noise has a mean or knows of the other, both squares have one mean but for the quarter: the risk is the
mean of ``(first - second)² / 4``. It takes no noise law, and counts whatever makes the frames differ.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from pydantic import JsonValue

from schemas.frame import Pixels
from schemas.scores import Judge, Risk
from stages.estimate import estimate_of, risk_of
from stages.noise import Noise
from stages.risk import by_rows, trials_of
from stages.second_frame import SecondFrame


@dataclass(frozen=True, eq=False)
class Average:
    """The method that averages a frame with its second one; without one it leaves frames as they are."""

    second: SecondFrame | None = None
    version: ClassVar[int] = 1

    def __call__(self, frames: Sequence[Pixels], noises: Sequence[Noise]) -> list[Pixels]:
        """Average each frame with the second one."""
        return [frame if self.second is None else self.second.averaged_with(frame) for frame in frames]

    def identity(self) -> dict[str, JsonValue]:
        """No parameter: which frame is the second is part of the image's version."""
        return {}


def risk_of_average(first: Pixels, second: SecondFrame, noise: Noise, *, seed: str) -> Risk:
    """Estimate the mean squared error of the average of two frames, where the second shows the first one's field.

    The second voice hides pixels of the first frame alone, and hears what the average then says of them.
    """
    error = np.asarray((first - second.pixels) ** 2 / 4, np.float32)
    trials = trials_of(first, noise, seed)
    hidden = [second.averaged_with(trial.hidden, trial.window) for trial in trials]
    return risk_of(estimate_of([error], [second.scored], 0.0), by_rows(trials, hidden), Judge.SECOND_FRAME)
