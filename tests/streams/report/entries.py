"""What a report is made from, without a pipeline: BM3D won over a Gaussian, a median was not tried."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from schemas.frame import Frame
from schemas.scores import RAW, Candidate, NoiseRecord, Risk, Selection
from streams.report.entry import ReportEntry
from tests.events import image_event


def risk(value: float) -> Risk:
    """Return a risk with a standard error of a twentieth."""
    return Risk(value=value, se=value / 20, row_j=value, blocks=(value, value))


RAW_FRAME = Candidate(name=RAW, stage="filter", method="Raw", config_hash="0", risk=risk(4e-3))
GAUSSIAN = Candidate(name="gaussian", stage="filter", method="Gaussian", config_hash="1", risk=risk(1e-3), seconds=0.25)
BM3D = Candidate(name="bm3d", stage="filter", method="BM3D", config_hash="2", risk=risk(4e-4), seconds=2.0)
MEDIAN = Candidate(
    name="median", stage="filter", method="Median", config_hash="3", skipped="no impulse noise was found"
)
SELECTION = Selection(
    chosen="bm3d", rule="least-risk", reason="bm3d errs least.", margin=6e-4, margin_se=2e-4, runner_up="gaussian"
)
NOISE = NoiseRecord(
    sigma=0.07, gain=0.0145, offset=0.0, row_acf=(1.0, 0.48, 0.09), column_lag1=0.01, saturated=0.002, holds=True
)


@dataclass(frozen=True)
class NoisyFrames:
    """Frames of one image, drawn when asked for."""

    shape: tuple[int, int] = (40, 60)

    def __call__(self, name: str) -> Frame:
        """Return white noise around mid-grey, another for names of another length."""
        rng = np.random.default_rng(len(name))
        return Frame.clipped(rng.normal(0.5, 0.2, self.shape))


def entry(
    name: str = "day1/a.tif",
    *,
    frames: Callable[[str], Frame] | None = None,
    output: Path | None = None,
    **fields: object,
) -> ReportEntry:
    """Return an entry; ``fields`` replace those of its event."""
    known = {"noise": NOISE, "candidates": (RAW_FRAME, GAUSSIAN, BM3D, MEDIAN), "selection": SELECTION}
    event = image_event(width=60, height=40).but(**{**known, **fields})
    return ReportEntry(event=event, frames=frames or NoisyFrames(), source_path=name, output_path=output)
