"""A picture of what the evidence map does: a raw frame, its restoration with a feature planted, and the map of both."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from schemas.frame import Frame, Pixels
from stages.evidence import Evidence
from stages.noise import measure
from stages.stage import Method
from streams.bench.features import Feature, drawn_features
from streams.bench.guards import Specimen
from streams.errors import UsageError
from streams.report.evidence import Tint, painted
from streams.report.pictures import GreyWindow

SIDE_PX = 160
MAGNIFIED = 2
GAP_PX = 12
SNR = 8


def write_picture(path: Path, specimen: Specimen, method: Method, *, seed: int) -> Feature:
    """Write three panels side by side as PNG, and return the feature that was planted.

    Raises
    ------
    UsageError
        If the noise of the frame follows no law, it is too small, or the file cannot be written.
    """
    raw, noise = specimen.raw, measure(specimen.raw)
    evidence = Evidence.of(raw, noise)
    if evidence is None or min(raw.shape) < SIDE_PX:
        raise UsageError(f"{specimen.name} is too small, or its noise follows no law")
    (restored,) = method([raw], [noise])
    (feature,) = drawn_features(restored, noise, evidence.trusted, [SNR], np.random.default_rng(seed))
    planted = np.asarray(np.clip(restored + feature.drawn(raw.shape), 0, 1), np.float32)
    window = GreyWindow.of(Frame(raw))
    panels = (_grey(raw, window), _grey(planted, window), painted(Tint(Frame(planted), evidence(planted)), window))
    row = np.concatenate([_panel(panel, feature) for panel in panels], axis=1)[:, :-GAP_PX]
    if not cv2.imwrite(str(path), row[..., ::-1]):
        raise UsageError(f"cannot write {path}")
    return feature


def _grey(pixels: Pixels, window: GreyWindow) -> NDArray[np.uint8]:
    levels = np.clip((pixels - window.black) / (window.white - window.black), 0, 1) * 255
    return np.repeat(np.rint(levels).astype(np.uint8)[..., None], 3, axis=2)


def _panel(colours: NDArray[np.uint8], feature: Feature) -> NDArray[np.uint8]:
    """Cut a panel out around the feature, magnify it, and put a white gap to its right."""
    height, width = colours.shape[:2]
    top = int(np.clip(feature.y - SIDE_PX // 2, 0, height - SIDE_PX))
    left = int(np.clip(feature.x - SIDE_PX // 2, 0, width - SIDE_PX))
    part = colours[top : top + SIDE_PX, left : left + SIDE_PX]
    large = np.repeat(np.repeat(part, MAGNIFIED, axis=0), MAGNIFIED, axis=1)
    return np.pad(large, ((0, 0), (0, GAP_PX), (0, 0)), constant_values=255)
