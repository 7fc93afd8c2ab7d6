"""A shadow run: what a lane answers is waited for, and compared with what the live lane selected."""

from collections.abc import Callable, Collection, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass

import orjson

from schemas.events import ImageEvent
from streams.deadletters import lane_of
from streams.pipeline import DEAD_LETTERS
from streams.report.comparison import Pair
from streams.sightings import acquisition_in
from streams.topic_log import TopicLog
from streams.transport import Message

POLL_S = 1.0


class Tail:
    """What is committed to topics from now on."""

    def __init__(self, log: TopicLog, topics: Sequence[str]) -> None:
        self._log = log
        self._ends = {topic: {n: held.stop for n, held in log.extent(topic).items()} for topic in topics}

    def new(self) -> Iterator[Message]:
        """Read what has come since the last call."""
        for topic, ends in self._ends.items():
            held = self._log.extent(topic)
            yield from self._log.read(topic, {n: range(ends.get(n, h.start), h.stop) for n, h in held.items()})
            ends.update({n: h.stop for n, h in held.items()})


@dataclass(frozen=True)
class Patience:
    """How long a lane may answer nothing."""

    lasts_s: float
    clock: Callable[[], float]
    sleep: Callable[[float], None]
    note: Callable[[int], None] = lambda left: None
    """Is told how many images are waited for."""


def unanswered(tail: Tail, acquisitions: Collection[str], *, lane: str, patience: Patience) -> set[str]:
    """Wait until a lane has answered images, by its last event or a dead letter; return those given up.

    ``tail`` is that of the lane's last topic and of the dead letters, begun before the images were published.
    """
    waiting = set(acquisitions)
    last = patience.clock()
    while waiting and patience.clock() - last < patience.lasts_s:
        patience.note(len(waiting))
        answered = waiting.intersection(_answered(tail.new(), lane))
        if answered:
            waiting -= answered
            last = patience.clock()
        elif waiting:
            patience.sleep(POLL_S)
    return waiting


def _answered(messages: Iterable[Message], lane: str) -> Iterator[str]:
    for message in messages:
        value = message.value or b""
        found = acquisition_in(value) if message.partition.topic != DEAD_LETTERS else _in_letter(value, lane)
        if found:
            yield found


def _in_letter(value: bytes, lane: str) -> str | None:
    """Return the acquisition of a lane's dead letter."""
    try:
        letter = orjson.loads(value)
        acquisition, topic = letter["acquisition_id"], letter["original"]["topic"]
    except (orjson.JSONDecodeError, TypeError, KeyError):
        return None
    return acquisition if isinstance(acquisition, str) and isinstance(topic, str) and lane_of(topic) == lane else None


def events_of(messages: Iterable[Message], acquisitions: Container[str]) -> Iterator[ImageEvent]:
    """Parse the events of some acquisitions; the others are passed over without parsing them."""
    for message in messages:
        value = message.value or b""
        if acquisition_in(value) in acquisitions:
            yield ImageEvent.from_json(value)


def pairs_of(old: Iterable[Message], new: Iterable[Message], acquisitions: Sequence[str]) -> list[Pair]:
    """Return both events of some images, in their order; of several events of one image the last."""
    before = {event.acquisition.acquisition_id: event for event in events_of(old, acquisitions)}
    after = {event.acquisition.acquisition_id: event for event in events_of(new, acquisitions)}
    return [Pair(before[one], after[one]) for one in acquisitions if one in before and one in after]
