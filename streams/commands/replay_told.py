"""A replay told to people and to machines: what was published again, and how the lane's answers differ."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from streams.comparison import Comparison
from streams.promotion import Promoted
from streams.replay import Replayed
from streams.replay_run import Sides
from streams.report.markup import visible
from streams.report.quantities import aligned, decibels

SHOWN = 20
"""Images named on a terminal; --json and --report have more."""


@dataclass(frozen=True)
class Done:
    """What a run came to; None is what it was not asked for."""

    replayed: Replayed | None
    unanswered: set[str]
    comparison: Comparison | None

    def to_dict(self) -> dict[str, object]:
        """Return all of it."""
        return {
            "replayed": _replayed_json(self.replayed) if self.replayed else None,
            "unanswered": sorted(self.unanswered),
            "comparison": self.comparison.to_json() if self.comparison else None,
        }


def _replayed_json(replayed: Replayed) -> dict[str, object]:
    counts = ("repeats", "malformed", "rebuilt", "bytes")
    return {
        "images": len(replayed.acquisitions),
        **{name: getattr(replayed, name) for name in counts},
        "first": _time(replayed.first_ms),
        "last": _time(replayed.last_ms),
        "meant": dict(replayed.meant),
        "missing": sorted(replayed.missing),
    }


def _time(ms: int | None) -> str | None:
    return None if ms is None else datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="seconds")


def story_of(done: Done, *, dry_run: bool) -> Iterator[str]:
    """Yield what is to be read of a run."""
    if done.replayed is not None:
        yield from _replayed(done.replayed, dry_run=dry_run)
    if done.unanswered:
        yield f"{len(done.unanswered)} images were not answered: is a worker running for this lane?"
    if done.comparison is not None:
        yield from _compared(done.comparison)


def _replayed(replayed: Replayed, *, dry_run: bool) -> Iterator[str]:
    verb = "would be published" if dry_run else "published"
    span = f", from {_time(replayed.first_ms)} to {_time(replayed.last_ms)}" if replayed.acquisitions else ""
    size = f"{replayed.bytes / 1e6:.1f} MB of events"
    yield f"{len(replayed.acquisitions)} images {verb} into lane {replayed.lane}{span}, {size}"
    if replayed.repeats or replayed.malformed:
        yield f"left out: {replayed.repeats} repeats and retries, {replayed.malformed} that are no image events"
    if replayed.rebuilt:
        yield f"{replayed.rebuilt} of them expired in the images' topic and were made of what a later stage published"
    for image, count in replayed.meant.items():
        if count > 1:
            yield visible(f"{image} names {count} images: all of them are among these")
    for image in sorted(replayed.missing):
        yield visible(f"{image}: no topic holds its event any more, and the ledger keeps none; publish its file again")


def _compared(comparison: Comparison) -> Iterator[str]:
    changed = comparison.changed
    yield (
        f"{comparison.images} images in both; another choice for {len(changed)}; "
        f"only before {comparison.only_old}, only after {comparison.only_new}"
    )
    risk = comparison.risk_summary()
    if risk:
        parts = ", ".join(f"{name} {decibels(value)} dB" for name, value in risk.items())
        yield f"estimated squared error of the choice, after against before: {parts}"
    for (old, new), count in comparison.moves.most_common():
        yield f"  {count:>7}  {visible(old)} -> {visible(new)}"
    for name, *values in comparison.score_table():
        before, after, difference = aligned(values)
        yield f"  {visible(name)}: {before} -> {after}, median difference {difference}"
    for pair in changed[:SHOWN]:
        yield visible(f"{pair.source_name}: {pair.old.chosen} -> {pair.new.chosen}, {decibels(pair.risk_db)} dB")
    if len(changed) > SHOWN:
        yield f"and {len(changed) - SHOWN} more; --json names all"


def promoted_story(outcome: Promoted, sides: Sides, *, dry_run: bool) -> Iterator[str]:
    """Yield what is to be read of selections that were taken into production."""
    verb = "would be published" if dry_run else "published"
    yield f"{outcome.published} selections of lane {sides.lane} {verb} to {sides.live_topics[-1]}"
    if outcome.already:
        yield f"{outcome.already} were there already"
    if outcome.by_others:
        yield f"{outcome.by_others} were left out: another pipeline selected them"
