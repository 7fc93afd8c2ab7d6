from collections.abc import Callable, Sequence

import numpy as np
import pytest

from schemas.scores import RAW, Candidate, NoiseRecord, Risk
from stages.metrics.names import Score

BLOCKS = 16

SEEN: dict[str, float | None] = {Score.EVIDENCE_COVERED.value: 0.98}

MakeCandidate = Callable[..., Candidate]


@pytest.fixture
def noise() -> NoiseRecord:
    return NoiseRecord(
        sigma=0.07, gain=0.012, offset=0.0, row_acf=(1.0, 0.48), column_lag1=-0.1, saturated=0.01, holds=True
    )


@pytest.fixture
def make() -> MakeCandidate:
    return candidate


def candidate(
    name: str,
    risk: float,
    *,
    spread: float = 0.0,
    removed: float | None = 0.9,
    row_j: float | None = None,
    row_spread: float = 0.0,
    seed: int = 0,
    blocks: Sequence[float] | None = None,
) -> Candidate:
    """A candidate whose blocks scatter by ``spread`` around its risk, and by ``row_spread`` around the second voice."""
    scatter = np.random.default_rng(seed).standard_normal(BLOCKS)
    values = blocks if blocks is not None else risk + spread * (scatter - scatter.mean())
    second = risk if row_j is None else row_j
    se = float(np.std(values, ddof=1)) / BLOCKS**0.5
    return Candidate(
        name=name,
        stage="filter",
        method=name.title(),
        config_hash=f"hash-of-{name}",
        risk=Risk(
            value=risk,
            se=se,
            row_j=second,
            blocks=tuple(map(float, values)),
            row_blocks=tuple(map(float, second + row_spread * (scatter - scatter.mean()))),
        ),
        scores={} if name == RAW or removed is None else {**SEEN, Score.RESIDUAL_ENERGY.value: removed},
    )
