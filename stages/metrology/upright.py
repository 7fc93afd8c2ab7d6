"""Bring the lines of a frame upright: turned if they are level, sheared if they lean a little."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from schemas.frame import Pixels
from stages.metrology.change import BLOCKS

MOST_LEAN = 0.035
"""Pixels that lines may go sideways a row: two degrees, more than any stage leaves."""
NO_LEAN_PX = 0.25
"""Sideways drift over the whole frame below which it is not sheared: interpolation would cost more."""


@dataclass(frozen=True)
class Uprighting:
    """How a frame is laid so that its lines stand upright; the same for all its restorations."""

    level: bool
    """Whether its lines run along the rows of the file."""
    lean: float
    """Pixels that its lines go to the right a row."""

    @classmethod
    def of(cls, raw: Pixels) -> "Uprighting | None":
        """Tell from the profiles along both axes which one the lines have; ``None`` where they lean too much."""
        level = _contrast(raw.T) > _contrast(raw)
        lean = _lean(raw.T if level else raw)
        return None if abs(lean) > MOST_LEAN else cls(level, lean)

    def __call__(self, frame: Pixels) -> Pixels:
        """Return the frame with its lines upright."""
        turned = np.ascontiguousarray(frame.T) if self.level else frame
        height, width = turned.shape
        if abs(self.lean) * height < NO_LEAN_PX:
            return turned
        shear = np.array([[1, self.lean, -self.lean * (height - 1) / 2], [0, 1, 0]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        return np.asarray(cv2.warpAffine(turned, shear, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE))


def block_sums(upright: Pixels) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Sums over the rows of each of the blocks along the lines ``(BLOCKS, W)``, and their counts of rows."""
    starts = np.linspace(0, len(upright), BLOCKS + 1).astype(int)
    sums = np.add.reduceat(upright, starts[:-1], axis=0, dtype=np.float64)
    return np.asarray(sums), np.diff(starts).astype(np.float64)


def _contrast(frame: Pixels) -> float:
    """How much the profile across upright lines varies over a few pixels."""
    blocks = frame[: len(frame) // 4 * 4].reshape(4, -1, frame.shape[1]).mean(axis=1)
    detail = blocks - cv2.GaussianBlur(blocks, (0, 0), sigmaX=24, sigmaY=0.01)
    return float(np.abs(detail[:-1] * detail[1:]).mean())


def _lean(frame: Pixels) -> float:
    """Sideways drift a row, by how the phase of the strongest spatial frequencies advances from block to block."""
    sums, counts = block_sums(frame)
    blocks = sums / counts[:, None]
    width = frame.shape[1]
    spectrum = np.fft.rfft((blocks - blocks.mean(axis=1, keepdims=True)) * np.hanning(width), axis=1)
    advance = (spectrum[1:] * spectrum[:-1].conj()).sum(axis=0)
    advance[: max(width // 128, 2)] = 0
    strongest = int(np.argmax(np.abs(advance)))
    near = slice(strongest - 1, strongest + 2)
    angle = float(np.angle(advance[near].sum()))
    frequency = 2 * np.pi * strongest / width
    return float(-angle / max(frequency, 1e-9) / float(counts.mean()))
