"""How much grain a frame has: the noise left in flat parts, and the signal-to-noise ratio."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from schemas.frame import Pixels
from stages.metrics.names import Score, Scores, nothing
from stages.noise import vertical_difference
from stages.variance import robust_variance

FLAT_SHARE = 0.5
"""Share of the frame, the smoothest part, in which grain is measured."""
MOST_DB = 60.0
"""Signal-to-noise ratios beyond this are those of frames without noise."""


@dataclass(frozen=True, eq=False)
class Grain:
    """Grain of a frame; where it is flat follows from the raw frame, the same for all its restorations."""

    flat: NDArray[np.bool_]
    """``(H - 2, W)``: where the vertical difference sees no specimen."""

    @classmethod
    def of(cls, raw: Pixels) -> "Grain":
        """Find the flat parts of a raw frame."""
        smooth = cv2.GaussianBlur(raw, (0, 0), 2.0)
        slope = np.abs(cv2.Sobel(smooth, cv2.CV_32F, 0, 1)) + np.abs(cv2.Sobel(smooth, cv2.CV_32F, 1, 0))
        threshold = np.quantile(slope[::2, ::2], FLAT_SHARE)
        return cls(((slope <= threshold) & (raw > 0) & (raw < 1))[1:-1])

    def __call__(self, frame: Pixels) -> Scores:
        """Score one frame of the same shape."""
        if not self.flat.any():
            return nothing(Score.NOISE_LEFT) | {Score.SNR: snr_db(frame)}
        left = robust_variance(vertical_difference(frame)[self.flat]) ** 0.5
        return {Score.NOISE_LEFT: left, Score.SNR: snr_db(frame)}


def snr_db(frame: Pixels) -> float | None:
    """Signal-to-noise ratio in dB from the autocorrelation along y, extrapolated to lag 0 by a parabola.

    Rows share no noise, so the autocorrelation falls from lag 0 to lag 1 by the noise variance (Thong, Sim, Phang 2001,
    Scanning 23:328, moved to the slow axis); smooth specimens have a parabola's top there.
    """
    centred = frame - frame.mean()
    height = len(centred)
    zero, one, two = (float(np.vdot(centred[lag:], centred[: height - lag])) / (height - lag) for lag in range(3))
    signal = (4 * one - two) / 3
    if zero <= 0 or signal <= 0:
        return None
    noise = max(zero - signal, signal * 10 ** (-MOST_DB / 10))
    return float(10 * np.log10(signal / noise))
