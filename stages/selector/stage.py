"""The stage that chooses one candidate of every image."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import ClassVar

from pydantic import JsonValue

from schemas.events import ImageEvent
from schemas.model import Record, digest
from schemas.scores import Selection
from stages.metrics import Metrics
from stages.selector.rounding import GreyLevels
from stages.selector.rule import Rule, select
from stages.stage import Done, Outcome, Part, Stage, Task, options_of


@dataclass(frozen=True)
class Selector(Rule, Stage):
    """Chooses the candidate by the rule's options, from the event alone: it needs no pixels."""

    name: ClassVar[str] = "selector"
    emits: ClassVar[str] = "selected"
    follows: ClassVar[tuple[str, ...]] = ("filter", "denoise", "metrics")
    version: ClassVar[int] = 7
    record: ClassVar[type[Record]] = Selection
    light: ClassVar[bool] = True

    def parts(self, event: ImageEvent) -> Mapping[str, str]:
        """One part; its hash covers the candidates that it chooses from, and how they were scored."""
        identity: dict[str, JsonValue] = {
            "stage": self.name,
            "version": self.version,
            "options": options_of(self),
            "candidates": [f"{c.name}={c.config_hash}" for c in sorted(event.candidates, key=attrgetter("name"))],
            "scored": Metrics.version,
        }
        return {"selection": digest(identity)}

    def needs(self, event: ImageEvent) -> tuple[str, ...]:
        """No frame."""
        return ()

    def __call__(self, batch: Sequence[Task]) -> list[Outcome]:
        """Choose for each image."""
        return [Done({"selection": Part(self._selection(task.event))}) for task in batch]

    def extend(self, event: ImageEvent, records: Mapping[str, Record]) -> ImageEvent:
        """Add the selection."""
        return event.but(selection=records["selection"])

    def _selection(self, event: ImageEvent) -> Selection:
        selection = select(event.candidates, event.noise, self, GreyLevels.of(event.image))
        hashes = {candidate.name: candidate.config_hash for candidate in event.candidates}
        return selection.but(chosen_hash=hashes.get(selection.chosen))
