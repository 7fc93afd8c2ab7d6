"""Where the trends' messages are answered: a message in, messages out; nothing raises but a bug."""

from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError

from streams.errors import InvalidImage
from streams.letters import Refusal, letter_about
from streams.pipeline import topic
from streams.transport import Message, Outgoing
from streams.trends.health import health_message
from streams.trends.observation import Observation, observed_in, parsed
from streams.trends.watch import InstrumentWatch, observed

TRENDS = "trends"
TABLE = "watches"


@dataclass(frozen=True)
class TrendsDesk:
    """The trends of one lane: from events to observations by instrument, from observations to health events."""

    lane: str

    @property
    def name(self) -> str:
        """Its consumer group, and what its own topics' names begin with."""
        return topic(self.lane, TRENDS)

    @property
    def observations(self) -> str:
        """Topic of observations, keyed by instrument and recipe: those of one are in one partition."""
        return f"{self.name}-observations"

    @property
    def changelog(self) -> str:
        """Compacted topic of what is kept of each instrument, under the name that Faust gives it."""
        return f"{self.name}-{TABLE}-changelog"

    @property
    def topics(self) -> tuple[str, str]:
        """The topics of its own."""
        return self.observations, self.changelog

    def noted(self, message: Message, now: datetime) -> Outgoing | None:
        """Return what is to be sent for an event: its observation, a dead letter, or nothing where it is replayed."""
        try:
            seen = observed_in(message, now=now)
        except InvalidImage as error:
            return self._letter(message, str(error), now)
        return self.sent(seen) if seen else None

    def sent(self, seen: Observation) -> Outgoing:
        """Return the message of an observation."""
        return Outgoing(self.observations, seen.key, seen.to_json(), [])

    def taken(
        self, message: Message, watch: InstrumentWatch | None, now: datetime
    ) -> tuple[InstrumentWatch | None, list[Outgoing]]:
        """Return what is then kept of the instrument, and what is to be sent before it is kept."""
        try:
            seen = parsed(message.value or b"")
        except InvalidImage as error:
            return watch, [self._letter(message, str(error), now)]
        if watch is None and seen.relearn:
            return None, []
        after, events = observed(watch or begun(seen), seen)
        return after, [health_message(event, self.lane, now) for event in events]

    def _letter(self, message: Message, reason: str, now: datetime) -> Outgoing:
        return letter_about(message, Refusal(reason=reason, stage=TRENDS, lane=self.lane, pipeline=TRENDS), now)


def kept(data: bytes | None) -> InstrumentWatch | None:
    """Return what a table holds of an instrument; what another version left there and is no watch is begun anew."""
    try:
        return InstrumentWatch.from_json(data) if data else None
    except ValidationError:
        return None


def begun(seen: Observation) -> InstrumentWatch:
    """Return the watch of an instrument and recipe of which this is the first observation."""
    return InstrumentWatch(instrument_id=seen.instrument_id, recipe=seen.recipe)
