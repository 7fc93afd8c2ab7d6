"""Variance stabilisation: the map under which a frame's noise has one strength, whatever the signal.

The generalised Anscombe transform (Starck, Murtagh, Bijaoui 1998) for the law ``variance = gain * mean + offset``,
shifted and scaled so that grey level 0 stays 0 and 1 stays 1; the noise there has the standard deviation
`Stabiliser.sigma`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemas.frame import Pixels
from stages.noise import Noise

LEAST_SHARE = 0.05
"""Variance below which the map goes on as a straight line, as a share of the frame's: keeps it invertible there."""
LINEAR_BELOW = 1e-3
"""Gain, as a share of the variance, below which the noise counts as independent of the signal."""
TABLE = 4096
"""Entries of the table by which `Stabiliser.expected` turns `Stabiliser.inverse` around (error below 1e-5)."""
CUSP = 1.5**0.5
"""Anscombe value of a mean of 0 electrons, ``2 sqrt(3/8)``; the bias of the plain inverse vanishes there."""


@dataclass(frozen=True)
class Stabiliser:
    """Forward map and inverses for one noise law; build it with `Stabiliser.of`.

    Examples
    --------
    >>> noise = Noise(0.08, 0.0145, 0.0, (1.0, 0.48), 0.0, 0.0, True)
    >>> stabiliser = Stabiliser.of(noise)
    >>> grey = np.array([[0.0, 0.3, 1.0]], np.float32)
    >>> bool(np.allclose(stabiliser.algebraic_inverse(stabiliser.forward(grey)), grey, atol=1e-5))
    True
    """

    gain: float
    offset: float
    least: float
    """Smallest argument of the square root, in variance units."""

    @classmethod
    def of(cls, noise: Noise) -> "Stabiliser":
        """Return the stabiliser of a measured law; noise that does not grow with the signal gives the identity map."""
        gain, offset = noise.gain, noise.offset
        if gain <= LINEAR_BELOW * noise.sigma**2 or gain + offset <= 0:
            return cls(0.0, offset if offset > 0 else noise.sigma**2, 0.0)
        return cls(gain, offset, max(0.375 * gain**2, LEAST_SHARE * noise.sigma**2))

    @property
    def sigma(self) -> float:
        """Standard deviation of the noise after `forward`, the same at every grey level."""
        return float(self.offset**0.5) if self.gain == 0 else 1 / (self._one - self._zero)

    def forward(self, pixels: Pixels) -> Pixels:
        """Map grey levels to the stabilised domain: 0 to 0, 1 to 1, monotone, finite for any input."""
        if self.gain == 0:
            return pixels.astype(np.float32)
        return np.asarray((self._anscombe(pixels) - self._zero) * self.sigma, np.float32)

    def expected(self, clean: Pixels) -> Pixels:
        """Return the mean of `forward` over the noise where the noise-free frame in ``[0, 1]`` is ``clean``.

        `inverse` of it is ``clean``: what a network that works in the stabilised domain is trained towards.
        """
        if self.gain == 0:
            return clean.astype(np.float32)
        ends = self.forward(np.array([[-2 * self.gain, 1 + 2 * self.gain]], np.float32))[0]
        values = np.linspace(ends[0], ends[1], TABLE, dtype=np.float32)
        return np.asarray(np.interp(clean, self.inverse(values[None])[0], values), np.float32)

    def algebraic_inverse(self, stabilised: Pixels) -> Pixels:
        """Undo `forward` exactly; biased low by ``gain / 4`` for an *average* of stabilised values (use `inverse`)."""
        if self.gain == 0:
            return stabilised.astype(np.float32)
        return np.asarray(self._plain(self._unscaled(stabilised)), np.float32)

    def inverse(self, stabilised: Pixels) -> Pixels:
        """Return the grey level whose *expected* stabilised value is given: the exact unbiased inverse.

        Closed form of Makitalo & Foi 2013, IEEE Trans. Image Process. 22:91, eq. 10, continued below its cusp.
        """
        if self.gain == 0:
            return stabilised.astype(np.float32)
        value = self._unscaled(stabilised)
        v = np.maximum(value, CUSP)
        bias = 1 / 4 + CUSP / (4 * v) - 11 / (8 * v**2) + 5 * CUSP / (8 * v**3)
        return np.asarray(self._plain(value) + self.gain * bias, np.float32)

    @property
    def _zero(self) -> float:
        return float(self._anscombe(np.zeros(1))[0])

    @property
    def _one(self) -> float:
        return float(self._anscombe(np.ones(1))[0])

    def _unscaled(self, stabilised: Pixels) -> NDArray[np.float64]:
        return np.asarray(stabilised, np.float64) / self.sigma + self._zero

    def _anscombe(self, pixels: NDArray[np.floating]) -> NDArray[np.float64]:
        argument = self.gain * np.asarray(pixels, np.float64) + 0.375 * self.gain**2 + self.offset
        root = np.sqrt(np.maximum(argument, self.least))
        below = np.minimum(argument - self.least, 0)
        return np.asarray((2 * root + below / self.least**0.5) / self.gain)

    def _plain(self, value: NDArray[np.float64]) -> NDArray[np.float64]:
        knee = 2 * self.least**0.5 / self.gain
        argument = (self.gain * np.maximum(value, knee) / 2) ** 2
        argument += self.gain * np.minimum(value - knee, 0) * self.least**0.5
        return np.asarray((argument - self.offset) / self.gain - 0.375 * self.gain)
