"""What a scan does to a specimen: shot noise, detector bandwidth, drifting lines, charging, digitisation."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import convolve1d, gaussian_filter1d
from scipy.signal import lfilter

from schemas.frame import Pixels
from stages.noise import Noise


@dataclass(frozen=True)
class Scan:
    """How an image was acquired.

    The noise has the variance ``mean * (1 + excess) / dose + read_noise**2`` in units of full scale; along a row it is
    correlated by ``row_kernel``, the impulse response of the detector chain.
    """

    dose_e_per_px: float
    """Electrons a pixel at full scale."""
    read_noise: float = 0.01
    """Standard deviation of the electronics' noise, in units of full scale."""
    excess: float = 0.0
    """Variance that the detector's gain adds to the electron count's; Gamma statistics (Mack & Lorusso 2019)."""
    row_kernel: tuple[float, ...] = (1.0,)
    """Impulse response along a row; scaled to unit energy."""
    jitter_px: float = 0.0
    """Standard deviation of each line's sideways displacement."""
    flicker: float = 0.0
    """Standard deviation of each line's brightness offset, in units of full scale."""
    charging: float = 0.0
    """Depth of the dark tails that edges leave on some lines, as a share of the step."""
    bits: int = 8
    """Bits of the digitiser; 0 leaves the values as they are."""

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> "Scan":
        """Draw the settings of an everyday scan: dose 8 to 250 electrons, a quarter of the rows uncorrelated."""
        odd = rng.random() < 0.3
        return cls(
            dose_e_per_px=float(np.exp(rng.uniform(np.log(8), np.log(250)))),
            read_noise=float(rng.uniform(0, 0.03)),
            excess=float(rng.choice([0.0, rng.uniform(0, 1)])),
            row_kernel=_kernel_drawn(rng),
            jitter_px=float(rng.uniform(0, 0.25)) if odd else 0.0,
            flicker=float(rng.uniform(0, 0.008)) if odd else 0.0,
            charging=float(rng.uniform(0, 0.25)) if odd else 0.0,
            bits=8 if rng.random() < 0.7 else 0,
        )

    @property
    def noise(self) -> Noise:
        """Law of the noise at the mean grey level 0.4, artefacts left out: what `stages.noise.measure` should find."""
        gain = (1 + self.excess) / self.dose_e_per_px
        rounding = ((2**self.bits - 1) ** -2) / 12 if self.bits else 0.0
        offset = self.read_noise**2 + rounding
        return Noise((0.4 * gain + offset) ** 0.5, gain, offset, self._row_acf, 0.0, 0.0, holds=True)

    @property
    def _row_acf(self) -> tuple[float, ...]:
        kernel = np.asarray(self.row_kernel)
        acf = np.correlate(kernel, kernel, "full")[kernel.size - 1 :]
        return tuple(float(value) for value in (acf / acf[0])[:9])


def _kernel_drawn(rng: np.random.Generator) -> tuple[float, ...]:
    family = rng.random()
    if family < 0.25:
        return (1.0,)
    if family < 0.8:
        near = rng.uniform(0, 0.45)
        far = near * rng.uniform(0, 0.3)
        return (far, near, 1.0, near, far)
    return exponential_kernel(rng.uniform(0.2, 0.65))


def exponential_kernel(correlation: float) -> tuple[float, ...]:
    """Impulse response of a detector with one time constant: noise becomes AR(1) with that lag-1 correlation.

    >>> exponential_kernel(0.5)[:3]
    (1.0, 0.5, 0.25)
    """
    return tuple(float(correlation**lag) for lag in range(24) if correlation**lag > 1e-3)


def acquire(clean: Pixels, *, scan: Scan, rng: np.random.Generator) -> Pixels:
    """Scan a noise-free ``(H, W)`` frame in ``[0, 1]``: a noisy one, float32 in ``[0, 1]``; ``rng`` decides all chance.

    Noise is drawn white, correlated along the rows, and only then scaled by the local standard deviation, so that it is
    row-correlated *and* keeps its strength at every grey level.
    """
    scanned = _jittered(clean, scan.jitter_px, rng) if scan.jitter_px else clean
    signal = scanned - _tails(scanned, scan.charging, rng) if scan.charging else scanned
    deviation = np.sqrt(np.maximum(signal, 0) * (1 + scan.excess) / scan.dose_e_per_px + scan.read_noise**2)
    noisy = signal + deviation * _correlated(_unit_noise(signal, scan, rng), scan.row_kernel)
    if scan.flicker:
        noisy = noisy + scan.flicker * rng.standard_normal((clean.shape[0], 1))
    return _digitised(np.clip(noisy, 0, 1), scan.bits)


def _unit_noise(signal: Pixels, scan: Scan, rng: np.random.Generator) -> NDArray[np.float64]:
    """White noise of zero mean and unit variance, as skewed as the detector's at each grey level."""
    electrons = scan.dose_e_per_px * np.maximum(signal, 1e-3).astype(np.float64)
    counted = rng.poisson(electrons).astype(np.float64)
    if scan.excess:
        counted = rng.standard_gamma(counted / scan.excess) * scan.excess
    read = scan.read_noise * scan.dose_e_per_px
    total = counted - electrons + read * rng.standard_normal(signal.shape)
    return np.asarray(total / np.sqrt(electrons * (1 + scan.excess) + read**2))


def _correlated(white: NDArray[np.float64], kernel: tuple[float, ...]) -> NDArray[np.float64]:
    if len(kernel) == 1:
        return white
    taps = np.asarray(kernel) / np.linalg.norm(kernel)
    return np.asarray(convolve1d(white, taps, axis=1, mode="wrap"))


def _jittered(clean: Pixels, sigma_px: float, rng: np.random.Generator) -> Pixels:
    height, width = clean.shape
    position = np.arange(width) + sigma_px * rng.standard_normal((height, 1))
    left = np.floor(position).astype(np.intp)
    share = (position - left).astype(np.float32)
    row = np.arange(height)[:, None]
    near, far = (clean[row, np.clip(left + step, 0, width - 1)] for step in (0, 1))
    return np.asarray((1 - share) * near + share * far, np.float32)


def _tails(clean: Pixels, depth: float, rng: np.random.Generator) -> Pixels:
    """Dark tails behind edges on about one line in 25: an insulating edge charges, and discharges along the line."""
    smooth = gaussian_filter1d(clean, 1.0, axis=1)
    steps = np.abs(np.diff(smooth, axis=1, prepend=smooth[:, :1]))
    tails = lfilter([1.0], [1.0, -0.97], steps, axis=1)
    struck = gaussian_filter1d(np.asarray(rng.random(clean.shape[0]) < 0.04, np.float64), 1.0)
    return np.asarray(depth * struck[:, None] * tails, np.float32)


def _digitised(pixels: NDArray[np.floating], bits: int) -> Pixels:
    if not bits:
        return np.asarray(pixels, np.float32)
    levels = 2**bits - 1
    return np.asarray(np.round(pixels * levels) / levels, np.float32)
