"""How fast the ledger is when a million events are settled in it already."""

import random
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from uuid import UUID

import numpy as np

from schemas.image import ObjectRef
from schemas.model import Record
from schemas.scores import Candidate, NoiseRecord, Risk, Scoring
from streams.ports import OutcomeRow, Settlement, SettlementId, State
from streams.questions import Search
from streams.wiring.ledger import ScratchLedger
from streams.wiring.process import utc_now

BATCH = 500
"""Events in a batch; as many as one Kafka transaction carries."""
QUESTIONS = 20
CANDIDATES = ("raw", "mean", "gaussian", "median", "bilateral", "nlm", "wavelet", "tv", "unet")
SCORES = ("noise_left", "snr_db", "residual_energy", "residual_structure", "edge_gradient", "texture_coarse")


class Timing(Record):
    """Milliseconds of one kind of call."""

    median_ms: float
    p99_ms: float
    calls: int


class LedgerFigures(Record):
    """What was measured. ``rows`` events were settled before, with an outcome each; a batch is 500 of them."""

    rows: int
    fill_s: float
    sizes_mb: Mapping[str, float]
    settle_candidates: Timing
    """New events, with a candidate's outcome each (0.7 kB)."""
    settle_scorings: Timing
    """New events, with the scores of nine candidates each (2 kB)."""
    settle_known: Timing
    """New events whose outcomes are known: a replay."""
    settle_again: Timing
    """Events that are settled already: a redelivery."""
    bodies: Timing
    settlements: Timing
    standing: Timing
    """What `semstream status` asks."""
    failed_last_hour: Timing
    history: Timing
    """What `semstream show` asks, by the name of a file."""


class Batches:
    """Batches of events that nobody has settled, drawn from a seed."""

    def __init__(self, seed: int, now: Callable[[], datetime]) -> None:
        self._random = random.Random(seed)  # noqa: S311 - no secret
        self._now = now

    def draw(self, stage: str, record: Callable[[str], Record]) -> tuple[list[OutcomeRow], list[Settlement]]:
        """Draw one batch."""
        drawn = [self._event(stage, record) for _ in range(BATCH)]
        return [outcome for outcome, _ in drawn], [settlement for _, settlement in drawn]

    def candidate(self, image: str) -> Record:
        """Draw a candidate as the filters make it."""
        key = f"candidates/{image[:2]}/{image}{image}.tif"
        ref = ObjectRef(
            store="s3", bucket="sem", key=key, size_bytes=524_818, sha256=image * 2, media_type="image/tiff"
        )
        blocks = tuple(self._number() for _ in range(16))
        return Candidate(
            name="gaussian",
            stage="filter",
            method="stages.filter.gaussian:Gaussian",
            parameters={"strength": 1.0},
            config_hash=image,
            object=ref,
            seconds=self._number(),
            risk=Risk(value=self._number(), se=self._number(), row_j=self._number(), blocks=blocks),
        )

    def scoring(self, _: str) -> Record:
        """Draw scores as the metrics stage makes them."""
        noise = NoiseRecord(
            sigma=self._number(), gain=self._number(), offset=0, row_acf=(1.0,), column_lag1=0, saturated=0, holds=True
        )
        return Scoring(noise=noise, scores={c: {s: self._number() for s in SCORES} for c in CANDIDATES})

    def _event(self, stage: str, record: Callable[[str], Record]) -> tuple[OutcomeRow, Settlement]:
        image, now = f"{self._random.getrandbits(128):032x}", self._now()
        key = f"{image}-0:{image[:16]}:{stage}:{image}"
        identity = SettlementId(str(UUID(image)), stage, "live", "ca6f14e5a757f378", 1)
        name = f"lot-7/image_{image[:12]}.tif"
        settlement = Settlement(identity, f"{image}-0", image[:16], name, State.DONE, now, computed=CANDIDATES)
        return OutcomeRow(key, record(image).to_json(), now), settlement

    def _number(self) -> float:
        return round(self._random.lognormvariate(-7, 1), 7)


def measure_ledger(scratch: ScratchLedger, *, rows: int, batches: int) -> LedgerFigures:
    """Fill a scratch ledger and measure what a worker and a person ask of it."""
    draw = Batches(7, utc_now)
    start_s = time.perf_counter()
    scratch.fill(rows, draw.candidate("ab" * 16).to_json().decode())
    fill_s = time.perf_counter() - start_s
    ledger, questions = scratch.ledger, scratch.questions
    candidates = [draw.draw("filter", draw.candidate) for _ in range(batches)]
    scorings = [draw.draw("metrics", draw.scoring) for _ in range(batches)]
    known = [draw.draw("filter", draw.candidate)[1] for _ in range(batches)]
    return LedgerFigures(
        rows=rows,
        fill_s=round(fill_s, 1),
        sizes_mb=scratch.sizes_mb(),
        settle_candidates=_timed(lambda n: ledger.settle(*candidates[n]), batches),
        settle_scorings=_timed(lambda n: ledger.settle(*scorings[n]), batches),
        settle_known=_timed(lambda n: ledger.settle([], known[n]), batches),
        settle_again=_timed(lambda n: ledger.settle([], known[n]), batches),
        bodies=_timed(lambda n: ledger.bodies([row.key for row in candidates[n][0]]), batches),
        settlements=_timed(lambda n: ledger.settlements([row.id for row in candidates[n][1]]), batches),
        standing=_timed(lambda _: questions.standing(utc_now()), QUESTIONS),
        failed_last_hour=_timed(lambda _: questions.answered(State.REJECTED, Search(_hour_ago())), QUESTIONS),
        history=_timed(lambda n: ledger.history(f"image_{n}.tif"), QUESTIONS),
    )


def _hour_ago() -> datetime:
    return utc_now() - timedelta(hours=1)


def _timed(call: Callable[[int], object], calls: int) -> Timing:
    spent_ms = []
    for number in range(calls):
        start_s = time.perf_counter()
        call(number)
        spent_ms.append(1000 * (time.perf_counter() - start_s))
    median_ms, p99_ms = np.percentile(spent_ms, [50, 99])
    return Timing(median_ms=round(float(median_ms), 2), p99_ms=round(float(p99_ms), 2), calls=calls)
