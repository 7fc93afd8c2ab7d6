"""One call of ``semstream replay``: a lane, the pipelines on both sides, and the topics between them."""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime

from streams.balance import EDGE
from streams.comparison import Comparison, compare
from streams.errors import UsageError
from streams.pipeline import DEAD_LETTERS, LIVE, Pipeline
from streams.promotion import Origin, Promoted, promote
from streams.replay import Replay, Replayed, Selection
from streams.report.comparison import PICTURED_IMAGES, Pair
from streams.shadow import Patience, Tail, events_of, pairs_of, unanswered
from streams.sightings import acquisition_in
from streams.topic_log import TopicLog, stamped
from streams.transport import Publisher


@dataclass(frozen=True)
class Sides:
    """A lane with its pipeline, and the live lane with its own."""

    lane: str
    new: Pipeline
    live: Pipeline

    @property
    def live_topics(self) -> list[str]:
        """The live lane's topics along its path: the images' first, the selected last."""
        steps = self.live.steps(LIVE)
        return [*(step.consumes for step in steps), steps[-1].produces]

    @property
    def images(self) -> str:
        """Where the lane's images are published."""
        return self.new.steps(self.lane)[0].consumes

    @property
    def selected(self) -> str:
        """Where the lane's last stage publishes."""
        return self.new.steps(self.lane)[-1].produces


@dataclass(frozen=True)
class ReplayRun:
    """What can be done with a lane. Without a publisher nothing is published: a dry run."""

    log: TopicLog
    publisher: Publisher | None
    sides: Sides
    now: Callable[[], datetime]
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    def publish(self, selection: Selection, *, speed: float | None) -> Replayed:
        """Publish images into the lane."""
        again = Replay(self.log, self.sides.live_topics, self.now, self.clock, self.sleep)
        return again(self.publisher, selection, lane=self.sides.lane, topic=self.sides.images, speed=speed)

    def shadow(
        self, selection: Selection, *, speed: float | None, patience_s: float, note: Callable[[int], None]
    ) -> tuple[Replayed, set[str], Comparison]:
        """Publish images into the lane, wait until it has answered them, and compare; tell what it left unanswered."""
        tail = Tail(self.log, [self.sides.selected, DEAD_LETTERS])
        replayed = self.publish(selection, speed=speed)
        patience = Patience(patience_s, self.clock, self.sleep, note)
        left = unanswered(tail, replayed.acquisitions, lane=self.sides.lane, patience=patience)
        since = datetime.fromtimestamp((replayed.first_ms or 0) / 1000, UTC) - EDGE
        return replayed, left, self.compare(replayed.acquisitions, since=since)

    def compare(self, acquisitions: Collection[str] | None, *, since: datetime | None) -> Comparison:
        """Compare what the live lane selected with what this one did, of some images or of all that it selected."""
        wanted = acquisitions if acquisitions is not None else self._selected()
        old = events_of(stamped(self.log, self.sides.live_topics[-1], since=since), wanted)
        new = events_of(stamped(self.log, self.sides.selected), wanted)
        return compare(old, new)

    def pairs(self, comparison: Comparison) -> list[Pair]:
        """Return both events of the images whose choice changed, those with the largest change of risk."""
        shown = [pair.acquisition_id for pair in comparison.changed[:PICTURED_IMAGES]]
        old, new = (stamped(self.log, topic) for topic in (self.sides.live_topics[-1], self.sides.selected))
        return pairs_of(old, new, shown) if shown else []

    def promote(self) -> Promoted:
        """Publish what the lane selected to the live lane.

        Raises
        ------
        UsageError
            If the lane has selected nothing by its pipeline, or everything was promoted before.
        """
        sides = self.sides
        if sides.lane == LIVE:
            raise UsageError("--lane live: what the live lane selected is live already")
        stage = sides.new.stages[-1].name
        origin = Origin(sides.lane, stage, sides.new.hash, sides.selected)
        outcome = promote(self.log, self.publisher, origin, into=sides.live_topics[-1], now=self.now)
        if outcome.published == 0:
            raise UsageError(_why_nothing(outcome, sides))
        return outcome

    def _selected(self) -> set[str]:
        messages = self.log.read(self.sides.selected, self.log.extent(self.sides.selected))
        return {found for message in messages if (found := acquisition_in(message.value or b""))}


def _why_nothing(outcome: Promoted, sides: Sides) -> str:
    if outcome.already:
        return f"all {outcome.already} images that lane {sides.lane} selected by this pipeline were promoted before"
    others = f"; {outcome.by_others} are another's: name its file by --pipeline" if outcome.by_others else ""
    return f"lane {sides.lane} has selected no image by pipeline {sides.new.hash}{others}"
