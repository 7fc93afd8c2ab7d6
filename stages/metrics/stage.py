"""The stage that scores the raw frame and every candidate."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import ClassVar

from pydantic import JsonValue

from schemas.events import ImageEvent
from schemas.frame import Pixels
from schemas.model import Record, digest
from schemas.scores import RAW, Candidate, Scoring
from stages.frame_law import law_of
from stages.metrics.disagreement import Disagreement
from stages.metrics.edges import Edges
from stages.metrics.grain import Grain
from stages.metrics.names import Score, Scores
from stages.metrics.patterns import PATTERNS
from stages.metrics.reference import Reference
from stages.metrics.residual import Residual
from stages.metrics.texture import Texture
from stages.noise import Noise
from stages.stage import Done, Outcome, Part, Stage, Task, options_of

REFERENCE = "reference"
"""Name of the frame that is a clean image of the same field."""
LEAST_SIDE_PX = 16
"""Frames with a shorter side are not scored: they hold too few pixels for any of it."""

Family = Callable[[Pixels], Scores]
"""A family of scores, prepared for one raw frame."""


@dataclass(frozen=True)
class Metrics(Stage):
    """Scores of the raw frame and every candidate; against a reference as well where the image has one."""

    name: ClassVar[str] = "metrics"
    emits: ClassVar[str] = "scored"
    follows: ClassVar[tuple[str, ...]] = ("filter", "denoise")
    version: ClassVar[int] = 6
    record: ClassVar[type[Record]] = Scoring

    def parts(self, event: ImageEvent) -> Mapping[str, str]:
        """One part; its hash covers the candidates that it scores and the reference."""
        reference = event.image.reference.sha256 if event.image.reference else None
        identity: dict[str, JsonValue] = {
            "stage": self.name,
            "version": self.version,
            "options": options_of(self),
            "candidates": [f"{c.name}={c.config_hash}" for c in sorted(event.candidates, key=attrgetter("name"))],
            "reference": reference,
        }
        return {"scores": digest(identity)}

    def needs(self, event: ImageEvent) -> tuple[str, ...]:
        """Every frame of the image."""
        reference = (REFERENCE,) if event.image.reference else ()
        return (RAW, *(candidate.name for candidate in event.restored), *reference)

    def __call__(self, batch: Sequence[Task]) -> list[Outcome]:
        """Score each image."""
        return [Done({"scores": Part(_score(task))}) for task in batch]

    def extend(self, event: ImageEvent, records: Mapping[str, Record]) -> ImageEvent:
        """Add the frame's noise, and to each candidate its scores."""
        scoring = records["scores"]
        assert isinstance(scoring, Scoring)  # noqa: S101 - what this stage's `record` says
        known = event.candidates if any(c.name == RAW for c in event.candidates) else (_raw(), *event.candidates)
        scored = tuple(c.but(scores={**c.scores, **scoring.scores.get(c.name, {})}) for c in known)
        return event.but(noise=scoring.noise, candidates=scored)


def _raw() -> Candidate:
    return Candidate(name=RAW, stage=Metrics.name, method=RAW, config_hash=RAW)


def _score(task: Task) -> Scoring:
    raw = task.raw.pixels
    noise = law_of(raw, task.event.image.prior_law)
    reference = task.frames.get(REFERENCE)
    families = families_of(raw, noise, None if reference is None else reference.pixels, task.event.image.recipe)
    names = (RAW, *(candidate.name for candidate in task.event.restored))
    return Scoring(
        noise=noise.to_record(),
        scores={name: _rounded(scores_of(task.frames[name].pixels, families)) for name in names},
        bits=task.event.image.bits,
    )


def families_of(raw: Pixels, noise: Noise, reference: Pixels | None = None, recipe: str | None = None) -> list[Family]:
    """Prepare every family of scores that applies to a raw frame."""
    if min(raw.shape) < LEAST_SIDE_PX:
        return []
    families: list[Family] = [
        Grain.of(raw),
        Residual.of(raw, noise),
        Disagreement.of(raw, noise),
        Edges.of(raw),
        Texture.of(raw, noise),
    ]
    if recipe in PATTERNS:
        families.append(PATTERNS[recipe](raw, noise))
    compared = None if reference is None else Reference.of(reference, raw)
    return families if compared is None else [*families, compared]


def scores_of(frame: Pixels, families: Sequence[Family]) -> Scores:
    """Score one frame by every family."""
    return {name: value for family in families for name, value in family(frame).items()}


def _rounded(scores: Mapping[Score, float | None]) -> dict[str, float | None]:
    return {name.value: None if value is None else float(f"{value:.4g}") for name, value in scores.items()}
