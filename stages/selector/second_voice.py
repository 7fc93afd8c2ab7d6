"""When the second estimate of the error, row-wise J-invariance, is to be heard against the first.

It predicts hidden pixels from the rows above and below, so it also counts what those cannot tell: of a specimen that
changes from row to row, much more than its noise. It is heard only where that is little (its favourite's estimate is a
small share of what the raw frame risks), where the paired difference is significant, and where it is not small.

Calibrated on simulated frames (everyday, averaged and finely textured scans, and scans whose processing breaks the law
unnoticed: blurred, sharpened, JPEG, gamma, spots) and fields 1-28 of the real pairs, 517 frames with three pools of
candidates each: 1,551 choices. Where it is heard by the defaults below it was 8 times (6 frames): its favourite was
truly better by more than 0.5 dB in 6 of them, never worse by that; the choice cost 2.0 dB on average, against 0.3 dB
over all. The share of the raw frame's risk that it replaces fired 27 times: its favourite was worse by more than 0.5 dB
in 15 and better in 5. On frames with new seeds: SECOND_SET.
"""

from collections.abc import Sequence

import numpy as np

from schemas.scores import RAW
from stages.selector.judged import Judged


def preferred(
    chosen: Judged, pool: Sequence[Judged], *, informed: float, standard_errors: float, decibels: float
) -> Judged | None:
    """Return the candidate that the second estimate clearly prefers to the chosen one, if there is any.

    It says nothing of the raw frame: a method that predicts no hidden pixel is judged by how they were filled.

    Parameters
    ----------
    informed
        Share of the raw frame's risk that the estimate of its favourite may have at the most.
    standard_errors
        By how many of the paired difference it must prefer its favourite.
    decibels
        By how many the squared error of the chosen candidate must exceed, in its eyes, that of its favourite.
    """
    raw = next((candidate for candidate in pool if candidate.name == RAW), None)
    restored = [candidate for candidate in pool if candidate.name != RAW]
    if raw is None or chosen.name == RAW:
        return None
    favourite = min(restored, key=lambda candidate: candidate.risk.row_j)
    knows = favourite.risk.row_j <= informed * raw.risk.value
    differs = chosen.risk.row_j > 10 ** (decibels / 10) * favourite.risk.row_j
    return favourite if knows and differs and _errors_apart(chosen, favourite) > standard_errors else None


def _errors_apart(chosen: Judged, favourite: Judged) -> float:
    """The paired difference in its standard errors; 0 where the blocks were not kept."""
    ours, theirs = np.array(chosen.risk.row_blocks or ()), np.array(favourite.risk.row_blocks or ())
    if len(ours) != len(theirs) or len(ours) < 2:
        return 0.0
    error = float(np.std(ours - theirs, ddof=1)) / len(ours) ** 0.5
    return float(np.mean(ours - theirs)) / error if error > 0 else 0.0
