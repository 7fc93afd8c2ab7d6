"""A scanned frame whose noise is known, made with nothing of the program."""

import cv2
import numpy as np
from numpy.typing import NDArray

from schemas.frame import Pixels


def scene(kind: str = "particles", *, height: int = 192, width: int = 208, seed: int = 0) -> Pixels:
    """A clean specimen between grey 0.08 and 0.7: room above it for the noise of a well-set detector."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    match kind:
        case "particles":
            grey = np.full((height, width), 0.2)
            for _ in range(height * width // 1500):
                centre, radius = rng.uniform(0, (height, width)), rng.uniform(4, 14)
                inside = 1 / (1 + np.exp(np.hypot(y - centre[0], x - centre[1]) - radius))
                grey = np.maximum(grey, inside * rng.uniform(0.3, 0.7))
        case "lines":
            grey = 0.2 + 0.4 / (1 + np.exp(-8 * np.sin(2 * np.pi * (x + 0.05 * y) / 40)))
        case "texture":
            grey = 0.4 + 1.2 * cv2.GaussianBlur(rng.standard_normal((height, width)), (0, 0), 4)
        case "ramp":
            grey = 0.1 + 0.6 * (x + y) / (height + width)
        case _:
            raise ValueError(kind)
    return np.clip(grey, 0.08, 0.7).astype(np.float32)


def row_filter(lag1: float) -> NDArray[np.float64]:
    """Three taps whose output on white noise has variance 1 and this correlation at lag 1 (at most 2/3)."""
    if lag1 == 0:
        return np.array([1.0])
    side = (1 - (1 - 2 * lag1**2) ** 0.5) / (2 * lag1)
    taps = np.array([side, 1, side])
    return np.asarray(taps / np.linalg.norm(taps))


def scanned(clean: Pixels, *, electrons: float, lag1: float = 0.0, seed: int = 1, bits: int = 8) -> Pixels:
    """Scan a specimen with ``electrons`` at full scale, through a detector that correlates neighbours along a row."""
    rng = np.random.default_rng(seed)
    spread = np.sqrt(clean / electrons)
    unit = (rng.poisson(clean * electrons) / electrons - clean) / spread
    unit = cv2.filter2D(unit, -1, row_filter(lag1)[None], borderType=cv2.BORDER_REFLECT)
    levels = 2**bits - 1
    return np.asarray(np.round(np.clip(clean + unit * spread, 0, 1) * levels) / levels, np.float32)


def psnr(restored: Pixels, clean: Pixels) -> float:
    """Peak signal to noise ratio in dB, for a peak of 1."""
    return float(-10 * np.log10(np.mean((restored - clean) ** 2)))
