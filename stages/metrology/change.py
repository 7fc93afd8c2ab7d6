"""How much a measured value changed, and how well that is known."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BLOCKS = 16
"""Parts of a pattern that are left out one at a time: their noise is independent."""

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Change:
    """A change and its standard error."""

    value: float
    se: float

    @classmethod
    def jackknifed(cls, whole: float, without: Values) -> "Change":
        """Of the value from everything, and from everything but one block each (Quenouille 1956, Tukey 1958).

        >>> blocks = np.array([1.0, 2.0, 3.0, 6.0])
        >>> change = Change.jackknifed(blocks.mean(), (blocks.sum() - blocks) / 3)
        >>> round(change.se, 4) == round(float(blocks.std(ddof=1)) / 2, 4)
        True
        """
        spread = float(np.square(without - without.mean()).sum())
        return cls(float(whole), float((spread * (len(without) - 1) / len(without)) ** 0.5))

    def doubted(self, by: float) -> "Change":
        """With an uncertainty of another kind, which no block's absence shows, added to its error."""
        return Change(self.value, float(np.hypot(self.se, by)))


def without_each(sums: Values, counts: Values) -> Values:
    """Means over all blocks but one, from the blocks' sums ``(B, ...)`` and counts ``(B,)``."""
    shape = (-1,) + (1,) * (sums.ndim - 1)
    return np.asarray((sums.sum(axis=0) - sums) / (counts.sum() - counts).reshape(shape))
