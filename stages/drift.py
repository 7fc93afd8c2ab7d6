"""How far the specimen drifted between two noisy frames of one scan setting, and whether they tell at all.

The cross-correlation of two frames has a highest place whether they show anything or not, so it is believed only as far
as it stands above chance. With spectra ``A``, ``B`` of the frames and ``P1``, ``P2`` of their noises, which the laws
give, the correlation at a shift has the variance ``K(0)`` and its difference between two shifts ``s`` apart
``2 (K(0) - K(s))``, where

    K(s) = 1/N² · Σ (P1 |B|² + P2 |A|² - P1 P2) · exp(2πi f·s)

with ``N`` the places of the transform: noise of the one frame with what the other shows, noise with noise counted once.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.fft import fftfreq, irfft2, next_fast_len, rfft, rfft2, rfftfreq
from scipy.signal.windows import tukey

from schemas.frame import Pixels
from stages.noise import Noise

BLUR_PX = 1.5
"""Blur before correlating: what is finer is noise."""
TAPERED = 0.125
"""Share of each axis that the window fades out, half at either end: a wider one hides what lies near the sides."""
ROUNDS = 3
"""The window pulls a drift towards none, so it is sought again between what both frames show."""
LEAST_OVERLAP_PX = 16
"""Frames that share less of an axis are not measured again."""
FITS_FROM = 3.0
"""Standard errors of chance from which the correlation at no drift says that the frames show the same there; more is
asked of other drifts, as there are more of them (`errors_asked`)."""
STEPS = np.arange(-10, 11) / 10
"""Around the best whole pixel, where the drift is sought; between them it is the vertex of a parabola."""

Floats = NDArray[np.float64]
Whole = NDArray[np.int_]
Laws = tuple[Noise, Noise]


@dataclass(frozen=True, eq=False)
class Drift:
    """How far ``(y, x)`` in pixels the content moved from the first frame to the second."""

    by: Floats
    told: bool
    """Whether the frames, one drifted so far, have more in common than chance gives."""


def drift_between(first: Pixels, second: Pixels, laws: Laws) -> Drift:
    """Find the drift between two noisy frames ``(H, W)`` of the same scan settings, whose noise laws are given.

    A shift and no more: two frames of one scan share its magnification and its distortions, and the six numbers of an
    affine map, each measured on noise in both frames, would move the corners further than they mend them. An axis along
    which nothing tells the drift, as along straight lines, has none.
    """
    whole = np.zeros(2, int)
    found = _left(first, second, laws, whole)
    for _ in range(ROUNDS - 1):
        before, whole = whole, np.rint(found.by).astype(int)
        if np.array_equal(before, whole) or min(_common(first, whole).shape) < LEAST_OVERLAP_PX:
            break
        found = _left(_common(first, whole), _common(second, -whole), laws, whole)
    return found


def _left(first: Pixels, second: Pixels, laws: Laws, whole: Whole) -> Drift:
    """Find what is left of a drift between frames of which so many pixels are undone, and add those.

    Along an axis of which none are, no drift is what the frames must speak against.
    """
    correlation = Correlation.of(first, second, laws)
    highest = correlation.finest(correlation.best())
    nearer = [highest * axes for axes in ((0, 0), (0, 1), (1, 0)) if np.all(axes | (whole == 0))]
    left = next((one for one in nearer if not correlation.tells(highest, one)), highest)
    asked = FITS_FROM - 1 + float(errors_asked(*(whole + left)))
    return Drift(whole + left, told=correlation.errors_at(left) > asked)


def _common(frame: Pixels, drift: Whole) -> Pixels:
    """Return the part of a frame that another one shows, whose content has drifted so far."""
    sides = zip(drift, frame.shape, strict=True)
    rows, columns = (slice(max(0, -by), max(0, min(length, length - by))) for by, length in sides)
    return frame[rows, columns]


@dataclass(frozen=True, eq=False)
class Correlation:
    """Cross-correlation of two frames, and that of what chance adds to it, as half spectra ``(h, w // 2 + 1)``."""

    cross: NDArray[np.complex64]
    chance: Pixels
    shape: tuple[int, int]
    """``(h, w)`` of the transform."""

    @classmethod
    def of(cls, first: Pixels, second: Pixels, laws: Laws) -> "Correlation":
        """Correlate two frames of one shape; the window is not divided out: the sides would be taken for specimen."""
        shape = (next_fast_len(first.shape[0], real=True), next_fast_len(first.shape[1], real=True))
        (ours, our_noise), (theirs, their_noise) = (
            _spectra(frame, law, shape) for frame, law in zip((first, second), laws, strict=True)
        )
        power = our_noise * np.abs(theirs) ** 2 + their_noise * np.abs(ours) ** 2 - our_noise * their_noise
        return cls(np.conj(ours) * theirs, power / np.float32(shape[0] * shape[1]), shape)

    def best(self) -> Whole:
        """Return the shift in whole pixels that stands highest above what chance gives it over none."""
        cross, chance = (irfft2(half, self.shape) for half in (self.cross, self.chance))
        y, x = (fftfreq(side, 1 / side) for side in self.shape)
        error = np.sqrt(2 * np.maximum(chance[0, 0] - chance, 0))
        row, column = np.unravel_index(np.argmax(cross - errors_asked(y[:, None], x) * error), cross.shape)
        return np.array([y[row], x[column]]).astype(int)

    def finest(self, near: Whole) -> Floats:
        """Return the shift of the highest correlation within a pixel of another."""
        around = self._at(self.cross, near[0] + STEPS, near[1] + STEPS)
        row, column = (int(place) for place in np.unravel_index(np.argmax(around), around.shape))
        return np.asarray(near + np.array([_vertex(around[:, column], row), _vertex(around[row], column)]))

    def tells(self, drift: Floats, nearer: Floats) -> bool:
        """Whether the frames fit at a drift so much better than at a nearer one that chance does not explain it."""
        apart = drift - nearer
        variance = 2 * (self._of(self.chance, np.zeros(2)) - self._of(self.chance, apart))
        gain = self._of(self.cross, drift) - self._of(self.cross, nearer)
        return bool(gain > errors_asked(*apart) * max(variance, 0.0) ** 0.5)

    def errors_at(self, drift: Floats) -> float:
        """How far above that of frames with nothing in common the correlation at a drift is, in standard errors."""
        return self._of(self.cross, drift) / float(np.sqrt(max(self._of(self.chance, np.zeros(2)), 1e-12)))

    def _of(self, half: NDArray[np.complex64] | Pixels, shift: Floats) -> float:
        return float(self._at(half, shift[:1], shift[1:]).item())

    def _at(self, half: NDArray[np.complex64] | Pixels, y: Floats, x: Floats) -> Floats:
        """Transform a half spectrum back at any shifts, ``y`` times ``x``."""
        height, width = self.shape
        twice = np.full(half.shape[1], 2.0)
        twice[0] = 1
        twice[width // 2 :] = 2 - (width + 1) % 2
        rows = np.exp(2j * np.pi * np.outer(y, fftfreq(height))).astype(np.complex64)
        columns = (np.exp(2j * np.pi * np.outer(rfftfreq(width), x)) * twice[:, None]).astype(np.complex64)
        return np.asarray((rows @ half @ columns).real / (height * width), np.float64)


def errors_asked(y: Floats, x: Floats) -> Floats:
    """Standard errors by which a shift must be better than none: more, the more shifts are no further.

    The highest of ``n`` places of chance lies ``sqrt(2 ln n)`` standard errors up, and what it is compared with as far
    down at times: twice that square. Correlated noise has about one place in ``2 pi (2 BLUR_PX)²`` pixels.

    >>> errors_asked(np.array([0.0, 3.0, 30.0, 300.0]), np.zeros(4)).round(1)
    array([1. , 1.6, 4.1, 5.9])
    """
    places = 1 + (y**2 + x**2) / (2 * (2 * BLUR_PX) ** 2)
    return np.asarray(np.sqrt(1 + 4 * np.log(places)))


def _spectra(frame: Pixels, law: Noise, shape: tuple[int, int]) -> tuple[NDArray[np.complex64], Pixels]:
    """Return the spectrum of a frame, blurred and windowed, and the expected power of the noise in it."""
    down, along = (tukey(side, TAPERED).astype(np.float32) for side in frame.shape)
    window = down[:, None] * along
    blur = _blur(fftfreq(shape[0]))[:, None] * _blur(rfftfreq(shape[1]))
    spectrum = rfft2((frame - frame.mean()) * window, shape) * blur
    of_pixels = np.sum(window**2 * law.variance(frame), dtype=np.float64) * law.row_psd(shape[1])
    of_rows = law.flicker**2 * np.sum(down**2) * np.abs(rfft(along, shape[1])) ** 2
    return spectrum, np.asarray(blur**2 * (of_pixels + of_rows), np.float32)


def _blur(frequencies: Floats) -> Pixels:
    return np.exp(-2 * (np.pi * BLUR_PX * frequencies) ** 2).astype(np.float32)


def _vertex(values: Floats, highest: int) -> float:
    """Return where the parabola through the highest of the steps and its neighbours is highest, in pixels."""
    if not 0 < highest < len(values) - 1:
        return float(STEPS[highest])
    before, here, after = values[highest - 1 : highest + 2]
    curvature = before - 2 * here + after
    return float(STEPS[highest] + (0.05 * (before - after) / curvature if curvature < 0 else 0.0))
