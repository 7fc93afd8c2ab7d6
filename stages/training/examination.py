"""An examination that every network sits: simulated scans with known truth, none of which training has seen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter

from schemas.frame import Pixels
from stages.noise import Noise, measure
from stages.simulation.physics import Scan, acquire, exponential_kernel
from stages.simulation.scenes import KINDS, scene
from stages.stage import Restore

SEED = 20_260_101
SIDE_PX = 256
DOSES = (15.0, 40.0, 120.0)
SCANS = {
    "white": Scan(40.0, read_noise=0.02),
    "scan": Scan(40.0, read_noise=0.02, row_kernel=exponential_kernel(0.5), jitter_px=0.2, flicker=0.008),
}
"""Independent pixels; and a detector of one time constant with restless lines. The dose is replaced."""


@dataclass(frozen=True)
class Question:
    """One simulated scan, its truth, and what kind it is."""

    kind: str
    scan: str
    dose_e_per_px: float
    clean: Pixels
    noisy: Pixels


def questions(*, side_px: int = SIDE_PX, seed: int = SEED) -> list[Question]:
    """Return one scan of every kind of specimen, at three doses, white and scan-correlated: 36 in all."""
    found = []
    for number, (kind, (name, scan), dose) in enumerate(product(KINDS, SCANS.items(), DOSES)):
        rng = np.random.default_rng([seed, number])
        clean = scene(kind, (side_px, side_px), rng)
        dosed = Scan(dose, scan.read_noise, 0.0, scan.row_kernel, scan.jitter_px, scan.flicker)
        found.append(Question(kind, name, dose, clean, acquire(clean, scan=dosed, rng=rng)))
    return found


def psnr_db(restored: Pixels, clean: Pixels) -> float:
    """Peak signal-to-noise ratio of a frame clipped to the grey scale, whose peak is 1."""
    error = float(np.square(np.clip(restored, 0, 1) - clean, dtype=np.float64).mean())
    return -10 * float(np.log10(max(error, 1e-12)))


def marks(restore: Restore, asked: Sequence[Question]) -> list[float]:
    """Return the PSNR in dB that a method reaches on each question, with the noise law measured from the scan."""
    laws = [measure(question.noisy) for question in asked]
    return [
        psnr_db(restored, question.clean)
        for question, restored in zip(asked, restore([q.noisy for q in asked], laws), strict=True)
    ]


def gaussian(frames: Sequence[Pixels], noises: Sequence[Noise]) -> list[Pixels]:
    """Blur of 1.3 px: the yardstick that costs nothing."""
    return [gaussian_filter(frame, 1.3) for frame in frames]


def non_local_means(frames: Sequence[Pixels], noises: Sequence[Noise]) -> list[Pixels]:
    """OpenCV's non-local means at 1.1 times the measured noise."""
    return [_non_local_means(frame, noise) for frame, noise in zip(frames, noises, strict=True)]


def _non_local_means(frame: Pixels, noise: Noise) -> Pixels:
    grey = np.round(frame * 255).astype(np.uint8)
    restored = cv2.fastNlMeansDenoising(grey, None, float(1.1 * 255 * noise.sigma), 5, 17)
    return np.asarray(restored, np.float32) / np.float32(255)


def untouched(frames: Sequence[Pixels], noises: Sequence[Noise]) -> list[Pixels]:
    """Return the scans as they are."""
    return list(frames)


YARDSTICKS: Mapping[str, Restore] = {
    "scan as it is": untouched,
    "Gaussian 1.3 px": gaussian,
    "non-local means": non_local_means,
}
