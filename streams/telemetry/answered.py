"""What answered images tell: how many, how large, how late, how noisy, and what was selected."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from schemas.events import ImageEvent
from schemas.scores import RAW, Selection
from stages.metrics.names import Score
from stages.selector.rule import Flag
from streams.telemetry.catalogue import (
    DEAD_LETTERS,
    END_TO_END_SECONDS,
    FLAGS,
    IMAGE_BYTES,
    IMAGES,
    LAST_IMAGE,
    NOISE_SIGMA,
    RETRIES,
    SELECTION_MARGIN,
    SELECTIONS,
    SNR_DECIBELS,
    VETOES,
)
from streams.telemetry.names import OTHER
from streams.telemetry.registry import Telemetry

ERROR_CLASSES = {"rejected": "invalid_image", "malformed": "malformed_event"}
FLAG_NAMES: dict[str, str] = {flag.value: flag.name.lower() for flag in Flag}


@dataclass(frozen=True)
class Answered:
    """An answered message: the event that came, and as it goes on; neither, where it was malformed or rejected."""

    came: ImageEvent | None = None
    goes: ImageEvent | None = None

    @property
    def outcome(self) -> str:
        """How it was answered."""
        if self.came is None:
            return "malformed"
        return "rejected" if self.goes is None else "done"


MALFORMED = Answered()


def begin_counts(telemetry: Telemetry, stage: str, lane: str) -> None:
    """Begin every count of a stage at zero: of a series that begins at one, Prometheus does not see the first."""
    for outcome in ("done", *ERROR_CLASSES):
        telemetry.count(IMAGES, stage, lane, outcome, by=0)
    for error_class in ERROR_CLASSES.values():
        telemetry.count(DEAD_LETTERS, stage, lane, error_class, by=0)
    telemetry.count(RETRIES, stage, lane, by=0)


def note_answers(telemetry: Telemetry, stage: str, lane: str, answers: Sequence[Answered], now: datetime) -> None:
    """Count what a stage has answered and committed."""
    outcomes = [answer.outcome for answer in answers]
    for outcome in set(outcomes):
        sizes = [
            a.came.image.object.size_bytes for a, of in zip(answers, outcomes, strict=True) if of == outcome and a.came
        ]
        telemetry.count(IMAGES, stage, lane, outcome, by=outcomes.count(outcome))
        telemetry.count(IMAGE_BYTES, stage, lane, outcome, by=sum(sizes))
        if outcome in ERROR_CLASSES:
            telemetry.count(DEAD_LETTERS, stage, lane, ERROR_CLASSES[outcome], by=outcomes.count(outcome))
    for answer in answers:
        if answer.came is not None and answer.goes is not None:
            _note_news(telemetry, lane, answer.came, answer.goes, now)


def _note_news(telemetry: Telemetry, lane: str, came: ImageEvent, goes: ImageEvent, now: datetime) -> None:
    if came.noise is None and goes.noise is not None:
        _note_noise(telemetry, lane, goes, goes.noise.sigma, now)
    if came.selection is None and goes.selection is not None:
        seconds = (now - goes.acquisition.published_at).total_seconds()
        telemetry.observe(END_TO_END_SECONDS, max(0.0, seconds), lane)
        _note_selection(telemetry, lane, goes.selection)


def _note_noise(telemetry: Telemetry, lane: str, event: ImageEvent, sigma: float, now: datetime) -> None:
    instrument = telemetry.instruments.bounded(event.image.instrument_id)
    telemetry.observe(NOISE_SIGMA, sigma, lane, instrument)
    at = min(event.acquisition.published_at, now)  # a producer's clock may be ahead, and this never falls
    telemetry.rise(LAST_IMAGE, at.timestamp(), lane, instrument)
    raw = next((candidate for candidate in event.candidates if candidate.name == RAW), None)
    snr_db = raw.scores.get(Score.SNR) if raw else None
    if snr_db is not None:
        telemetry.observe(SNR_DECIBELS, snr_db, lane, instrument)


def _note_selection(telemetry: Telemetry, lane: str, selection: Selection) -> None:
    telemetry.count(SELECTIONS, lane, telemetry.methods.bounded(selection.chosen))
    if selection.margin is not None and selection.margin_se:
        telemetry.observe(SELECTION_MARGIN, selection.margin / selection.margin_se, lane)
    for name in selection.vetoes:
        telemetry.count(VETOES, lane, telemetry.methods.bounded(name))
    for flag in selection.flags:
        telemetry.count(FLAGS, lane, FLAG_NAMES.get(flag, OTHER))
