"""BM3D as its authors publish it, for evaluation: its licence allows non-commercial use only."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from schemas.frame import Pixels
from schemas.model import Positive
from stages.filter.one_by_one import OneByOne
from stages.noise import Noise
from stages.stabilise import Stabiliser

LEAST_SIDE_PX = 16
"""Frames with a shorter side end the process inside the package."""


class Bm3dAbsent(ImportError):
    """The package ``bm3d`` is not installed."""


@dataclass(frozen=True)
class Bm3dPypi(OneByOne):
    """BM3D for row-correlated noise (Makinen, Azzari, Foi 2020, IEEE TIP 29:8339) in the stabilised domain.

    The package ``bm3d`` of PyPI; it comes with ``semstream[bm3d]``, never by default.
    """

    version: ClassVar[int] = 1

    strength: Positive = 1.0
    """Multiplies the standard deviation of the noise that is taken away."""

    def restore(self, pixels: Pixels, noise: Noise) -> Pixels:
        """Restore one frame.

        Raises
        ------
        Bm3dAbsent
            If the package is not installed.
        """
        try:
            from bm3d import bm3d  # noqa: PLC0415 - optional
        except ImportError as error:
            raise Bm3dAbsent("the method Bm3dPypi needs the package bm3d: pip install 'semstream[bm3d]'") from error
        stabiliser = Stabiliser.of(noise)
        height, width = pixels.shape
        padding = [(0, max(0, LEAST_SIDE_PX - side)) for side in pixels.shape]
        padded = np.pad(stabiliser.forward(pixels).astype(np.float64), padding, mode="symmetric")
        power = _power(padded.shape, noise) * (self.strength * stabiliser.sigma) ** 2
        restored = np.asarray(bm3d(padded, power), np.float32).reshape(padded.shape)
        return stabiliser.inverse(restored[:height, :width])


def _power(shape: tuple[int, ...], noise: Noise) -> NDArray[np.float64]:
    """Power of unit noise at every frequency of an unnormalised ``fft2``: its mean is the number of pixels."""
    half = noise.row_psd(shape[1])
    mirrored = half[1 : (shape[1] + 1) // 2][::-1]
    return np.tile(np.concatenate([half, mirrored]) * shape[0] * shape[1], (shape[0], 1))
