"""Two versions of what was selected, image by image: a shadow run against production."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from statistics import median

from pydantic import JsonValue

from schemas.events import ImageEvent
from schemas.scores import RAW

NOTHING = "nothing"
"""Chosen where no selection stands in an event."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was selected of an image, and what is known of the chosen candidate."""

    chosen: str
    config_hash: str
    risk: float | None
    """Estimated mean squared error, squared units of full scale."""
    scores: tuple[tuple[str, float], ...]
    flags: tuple[str, ...]


def verdict_of(event: ImageEvent) -> Verdict:
    """Return what an event says of its selection."""
    selection = event.selection
    if selection is None:
        return Verdict(NOTHING, "", None, (), ())
    found = [candidate for candidate in event.candidates if candidate.name == selection.chosen]
    if not found:  # the raw frame, where no stage listed it
        return Verdict(selection.chosen, "", None, (), selection.flags)
    chosen = found[0]
    scores = tuple(sorted((name, value) for name, value in chosen.scores.items() if value is not None))
    return Verdict(chosen.name, chosen.config_hash, chosen.risk.value if chosen.risk else None, scores, selection.flags)


@dataclass(frozen=True, slots=True)
class Difference:
    """One image in both versions."""

    acquisition_id: str
    image_id: str
    source_name: str
    old: Verdict
    new: Verdict

    @property
    def changed(self) -> bool:
        """Whether another candidate was chosen, or one of the same name that is another method now."""
        return (self.old.chosen, self.old.config_hash) != (self.new.chosen, self.new.config_hash)

    @property
    def risk_db(self) -> float | None:
        """Risk of the new choice against the old one's, in decibels: negative is better."""
        old, new = self.old.risk, self.new.risk
        return 10 * math.log10(new / old) if old is not None and new is not None and old > 0 and new > 0 else None

    def score_changes(self) -> Iterator[tuple[str, float, float]]:
        """Yield the scores that both choices have: name, old and new."""
        new = dict(self.new.scores)
        yield from ((name, value, new[name]) for name, value in self.old.scores if name in new)


@dataclass
class Comparison:
    """What two versions come to. Images of one version only are counted and not compared."""

    images: int = 0
    only_old: int = 0
    only_new: int = 0
    differences: list[Difference] = field(default_factory=list)
    """The images whose choice, risk, scores or flags differ; the largest change of risk first."""
    moves: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How many images went from one choice to another, the same one included."""
    risks_db: list[float] = field(default_factory=list)
    scores: dict[str, list[tuple[float, float]]] = field(default_factory=dict)

    def add(self, pair: Difference) -> None:
        """Take an image in."""
        self.images += 1
        self.moves[pair.old.chosen, pair.new.chosen] += 1
        if pair.risk_db is not None:
            self.risks_db.append(pair.risk_db)
        for name, old, new in pair.score_changes():
            self.scores.setdefault(name, []).append((old, new))
        if pair.old != pair.new:
            self.differences.append(pair)

    @property
    def changed(self) -> list[Difference]:
        """The images for which another candidate was chosen."""
        return [pair for pair in self.differences if pair.changed]

    def score_table(self) -> list[tuple[str, float, float, float]]:
        """Return name, median before, median after, and median of the differences of every score."""
        return [
            (name, median(o for o, _ in pairs), median(n for _, n in pairs), median(n - o for o, n in pairs))
            for name, pairs in sorted(self.scores.items())
        ]

    def risk_summary(self) -> dict[str, float]:
        """Return the median change of risk, the best and the worst, in decibels; empty where none is known."""
        known = self.risks_db
        return {"median": median(known), "best": min(known), "worst": max(known)} if known else {}

    def to_json(self) -> dict[str, JsonValue]:
        """Return all of it as JSON values."""
        return {
            "images": self.images,
            "only_old": self.only_old,
            "only_new": self.only_new,
            "changed": len(self.changed),
            "moves": [{"old": old, "new": new, "images": n} for (old, new), n in self.moves.most_common()],
            "risk_db": dict(self.risk_summary()),
            "scores": {name: {"old": o, "new": n, "difference": d} for name, o, n, d in self.score_table()},
            "differences": [_json(pair) for pair in self.differences],
        }


def compare(old: Iterable[ImageEvent], new: Iterable[ImageEvent]) -> Comparison:
    """Compare two versions by acquisition; where one has several events of an acquisition, the last counts."""
    before = {event.acquisition.acquisition_id: verdict_of(event) for event in old}
    after: dict[str, Difference] = {}
    comparison = Comparison()
    unknown: set[str] = set()
    for event in new:
        acquisition = event.acquisition
        identity = acquisition.acquisition_id
        if identity in before:
            name, image_id = acquisition.source_name, event.image.image_id
            after[identity] = Difference(identity, image_id, name, before[identity], verdict_of(event))
        else:
            unknown.add(identity)
    for pair in after.values():
        comparison.add(pair)
    comparison.only_new, comparison.only_old = len(unknown), len(before) - len(after)
    comparison.differences.sort(key=lambda pair: -abs(pair.risk_db or 0.0))
    return comparison


def shown(name: str) -> str:
    """Return a choice as people read it."""
    return "the raw frame" if name == RAW else name


def _json(pair: Difference) -> dict[str, JsonValue]:
    return {
        "acquisition_id": pair.acquisition_id,
        "image_id": pair.image_id,
        "source_name": pair.source_name,
        "changed": pair.changed,
        "risk_db": pair.risk_db,
        "old": _verdict_json(pair.old),
        "new": _verdict_json(pair.new),
    }


def _verdict_json(verdict: Verdict) -> dict[str, JsonValue]:
    scores: Mapping[str, JsonValue] = dict(verdict.scores)
    return {
        "chosen": verdict.chosen,
        "config_hash": verdict.config_hash,
        "risk": verdict.risk,
        "scores": dict(scores),
        "flags": list(verdict.flags),
    }
