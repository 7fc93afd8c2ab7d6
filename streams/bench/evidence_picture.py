"""A picture of what the evidence map does: a raw frame, its restoration with a feature planted, and the map of both."""

from pathlib import Path

import numpy as np

from schemas.frame import Frame
from stages.evidence import Evidence
from stages.noise import measure
from stages.stage import Method
from streams.bench.features import Feature, drawn_features
from streams.bench.guards import Specimen
from streams.bench.panels import grey, panel, write_row
from streams.errors import UsageError
from streams.report.evidence import Tint, painted
from streams.report.pictures import GreyWindow

SIDE_PX = 160
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
    window = GreyWindow.of(raw)
    pictures = {
        "raw": grey(raw, window),
        "restored, a feature planted": grey(planted, window),
        "evidence map": painted(Tint(Frame(planted), evidence(planted)), window),
    }
    top, left = feature.y - SIDE_PX // 2, feature.x - SIDE_PX // 2
    write_row(path, [panel(one, top=top, left=left, side_px=SIDE_PX, title=name) for name, one in pictures.items()])
    return feature
