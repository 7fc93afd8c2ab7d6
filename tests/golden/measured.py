"""Figures of two real pairs, as the product measures them.

``python -m tests.golden.measured FOLDER`` writes them anew, ``FOLDER`` being that of the pairs.
"""

import json
import sys
from dataclasses import asdict
from pathlib import Path

from schemas.scores import RAW
from stages.filter import Filter
from stages.filter.gaussian import Gaussian
from stages.filter.median import Median
from stages.metrics import Metrics
from stages.metrics.reference import Reference, psnr_db, ssim
from stages.noise import measure
from stages.selector import Selector
from streams.bench.fields import find_fields, read_sight
from streams.bench.rehearsal import rehearse

STORED = Path(__file__).with_name("figures.json")
LABELS = ("line/029", "time/030")
STAGES = (Filter(candidates={"gaussian": Gaussian(), "median": Median()}), Metrics(), Selector())

Figures = dict[str, float]


def figures_of(pairs: Path, label: str) -> Figures:
    """Return every figure of one pair by a dotted name."""
    (field,) = (f for f in find_fields(pairs) if f.label == label)
    noisy, clean = read_sight(field.noisy), read_sight(field.clean)
    reference = Reference.of(clean.frame.pixels, noisy.frame.pixels)
    assert reference is not None
    rehearsed = rehearse(STAGES, noisy, label)
    law = asdict(measure(noisy.frame.pixels))
    figures = {f"noise.{name}": float(law[name]) for name in ("sigma", "gain", "offset", "column_lag1", "saturated")}
    figures |= {f"noise.row_acf_{lag}": law["row_acf"][lag] for lag in (1, 2)}
    for candidate in rehearsed.event.candidates:
        inner = reference.inner(rehearsed.frames[candidate.name].pixels)
        figures[f"{candidate.name}.true_psnr"] = round(psnr_db(reference.clean, inner), 4)
        figures[f"{candidate.name}.true_ssim"] = round(ssim(reference.clean, inner), 5)
        assert candidate.risk is not None
        figures[f"{candidate.name}.risk"] = candidate.risk.value
        figures |= {f"{candidate.name}.{k}": v for k, v in candidate.scores.items() if v is not None}
    assert RAW in rehearsed.frames
    return figures


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    STORED.write_text(json.dumps({label: figures_of(folder, label) for label in LABELS}, indent=1) + "\n")
