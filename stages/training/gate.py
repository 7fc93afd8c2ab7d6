"""The gate of an adaptation: it serves only if frames that it never saw say that it is better."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemas.frame import Frame, Pixels
from schemas.scores import Risk
from stages.noise import Noise
from stages.risk import assess
from stages.stage import Restore


@dataclass(frozen=True)
class Verdict:
    """How two networks compare on held-out frames.

    Risks are means over frames, each as a share of its frame's noise variance.
    """

    frames: int
    before: float
    after: float
    se: float
    """Standard error of ``after - before``, which are paired: same frames, windows and draws."""
    row_before: float
    row_after: float
    """The second voice, row-wise J-invariance; told, and not decided by."""

    @property
    def accepted(self) -> bool:
        """Whether the risk fell by more than its standard error."""
        return self.before - self.after > self.se


def judge(
    before: Restore, after: Restore, frames: Sequence[Pixels], noises: Sequence[Noise], seeds: Sequence[str]
) -> Verdict:
    """Compare two networks on held-out frames ``(H, W)`` in ``[0, 1]``, two of them at the least.

    The standard error is the larger one of those from the scatter over frames and over the scored blocks of all.
    """
    given = list(zip(frames, noises, seeds, strict=True))
    pairs = [(_risk(before, *one), _risk(after, *one)) for one in given]
    scale = np.array([noise.sigma**-2 for noise in noises])
    values = scale * np.array([[old.value, new.value] for old, new in pairs]).T
    rows = scale * np.array([[old.row_j, new.row_j] for old, new in pairs]).T
    blocks = [share * np.subtract(new.blocks, old.blocks) for share, (old, new) in zip(scale, pairs, strict=True)]
    se = max(_standard_error(values[1] - values[0]), _standard_error(np.concatenate(blocks)))
    means = [float(mean) for mean in (*values.mean(1), *rows.mean(1))]
    return Verdict(len(given), means[0], means[1], se, means[2], means[3])


def _risk(restore: Restore, frame: Pixels, noise: Noise, seed: str) -> Risk:
    restored = Frame.clipped(restore([frame], [noise])[0]).pixels
    return assess(restore, frame, noise, seed=seed, restored=restored)


def _standard_error(values: NDArray[np.float64]) -> float:
    return float(np.std(values, ddof=1) / len(values) ** 0.5)
