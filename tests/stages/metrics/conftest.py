from dataclasses import dataclass

import cv2
import numpy as np
import pytest

from schemas.frame import Pixels
from stages.noise import Noise

LAW = Noise(0.07, 0.011, 0.0005, (1.0, 0.48, 0.09), 0.0, 0.0, holds=True)


@dataclass(frozen=True)
class Scene:
    """A clean frame of grains, the same frame with scan noise, and that noise's law."""

    clean: Pixels
    raw: Pixels
    noise: Noise

    def blurred(self, sigma: float) -> Pixels:
        return np.asarray(cv2.GaussianBlur(self.raw, (0, 0), sigma), np.float32)


@pytest.fixture(scope="package")
def scene() -> Scene:
    rng = np.random.default_rng(7)
    grains = cv2.GaussianBlur(rng.standard_normal((320, 360)), (0, 0), 3.0)
    clean = np.asarray(cv2.GaussianBlur(np.where(grains > 0, 0.6, 0.3), (0, 0), 1.2), np.float32)
    raw = np.asarray(np.clip(clean + LAW.draw(clean, rng), 0, 1), np.float32)
    return Scene(clean, raw, LAW)
