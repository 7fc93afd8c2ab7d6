from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from stages.noise import Noise

LAW = Noise(0.07, 0.011, 0.0005, (1.0, 0.48, 0.09), 0.0, 0.0, holds=True)
SHAPE = (150, 170)

WritePair = Callable[[str, int], None]


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    return tmp_path / "pairs"


@pytest.fixture
def write_pair(pairs: Path) -> WritePair:
    """Writes ``KIND/noisy_NNN.tif`` and, moved and darker, ``KIND/clean_NNN.tif`` of the same grains."""

    def write(kind: str, number: int) -> None:
        rng = np.random.default_rng(number)
        grains = cv2.GaussianBlur(rng.standard_normal((SHAPE[0] + 8, SHAPE[1] + 8)), (0, 0), 3.0)
        scene = cv2.GaussianBlur(np.where(grains > 0, 0.6, 0.3).astype(np.float32), (0, 0), 1.2)
        seen = np.asarray(scene[4:-4, 4:-4], np.float32)
        _write(pairs / kind / f"noisy_{number:03d}.tif", seen + LAW.draw(seen, rng))
        _write(pairs / kind / f"clean_{number:03d}.tif", 0.9 * scene[2:-6, 5:-3] + 0.02)

    return write


def _write(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.clip(np.rint(pixels * 255), 0, 255).astype(np.uint8))
