"""Replay: the first events of images, published again into a lane of their own."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice

from schemas.events import ImageEvent
from schemas.headers import Headers
from schemas.image import event_id_of
from streams.errors import InvalidImage, UsageError
from streams.pipeline import LIVE, NAME
from streams.scrutiny import read_event
from streams.topic_log import CLOCK_SKEW, TopicLog, within
from streams.transport import Message, Outgoing, Publisher

AT_ONCE = 500
BATCHES_A_SECOND = 10
"""A limited speed is kept by so many small batches a second."""
RANGE = re.compile(r"(\d{1,6}):(\d{1,18})-(\d{1,18})")


def offsets_of(texts: Iterable[str]) -> dict[int, range]:
    """Return what ``P:A-B`` means: of partition P the offsets A to B, B included.

    >>> offsets_of(["0:5-9"])
    {0: range(5, 10)}

    Raises
    ------
    UsageError
        If one means nothing.
    """
    found: dict[int, range] = {}
    for text in texts:
        parts = RANGE.fullmatch(text)
        if not parts or int(parts[3]) < int(parts[2]):
            raise UsageError(f"--offsets {text}: write PARTITION:FIRST-LAST, such as 0:100-199")
        found[int(parts[1])] = range(int(parts[2]), int(parts[3]) + 1)
    return found


@dataclass(frozen=True)
class Selection:
    """Which images are replayed; what is empty says nothing. ``images`` are beginnings of ids, or source names."""

    since: datetime | None = None
    until: datetime | None = None
    offsets: Mapping[int, range] = field(default_factory=dict)
    instrument: str | None = None
    images: tuple[str, ...] = ()

    def covers(self, time: datetime) -> bool:
        """Whether a time is one of those selected."""
        return (self.since is None or time >= self.since) and (self.until is None or time < self.until)

    def meant(self, event: ImageEvent) -> tuple[str, ...] | None:
        """Return which of ``images`` an event is, none where none is asked for; None where it is not selected."""
        if self.instrument not in (None, event.image.instrument_id):
            return None
        name = event.acquisition.source_name
        ids = (event.image.image_id, event.acquisition.acquisition_id)
        meant = tuple(
            image
            for image in self.images
            if any(found.startswith(image) for found in ids) or name == image or name.endswith(f"/{image}")
        )
        return meant if meant or not self.images else None


@dataclass(frozen=True)
class First:
    """The first event of an acquisition: what a feed published, or what can be had of it."""

    headers: Headers
    event: ImageEvent
    key: bytes | None
    value: bytes
    stamped_ms: int


@dataclass
class Replayed:
    """What a replay comes to."""

    lane: str
    acquisitions: set[str] = field(default_factory=set)
    bytes: int = 0
    first_ms: int | None = None
    last_ms: int | None = None
    repeats: int = 0
    """Messages left out: the same acquisition, published or retried again."""
    malformed: int = 0
    """Messages left out: no image events."""
    rebuilt: int = 0
    """Images whose first event is gone, and was made of a later one."""
    meant: Counter[str] = field(default_factory=Counter)
    """How many images each one asked for was: a name may be the same in several folders. None: no topic holds it."""

    @property
    def missing(self) -> set[str]:
        """Images asked for that no topic holds any more."""
        return {image for image, count in self.meant.items() if count == 0}

    def add(self, first: First) -> None:
        """Count an image."""
        self.acquisitions.add(first.event.acquisition.acquisition_id)
        self.bytes += len(first.value)
        self.first_ms = min(first.stamped_ms, first.stamped_ms if self.first_ms is None else self.first_ms)
        self.last_ms = max(first.stamped_ms, first.stamped_ms if self.last_ms is None else self.last_ms)


@dataclass(frozen=True)
class Replay:
    """Selects first events in the topics of a lane, the images' first, and publishes them into another.

    ``topics`` are those of the lane in the order of its path. Events are of interest in the later ones where images
    are asked for by name whose first events have expired.
    """

    log: TopicLog
    topics: Sequence[str]
    now: Callable[[], datetime]
    clock: Callable[[], float]
    sleep: Callable[[float], None]

    def __call__(
        self, publisher: Publisher | None, selection: Selection, *, lane: str, topic: str, speed: float | None = None
    ) -> Replayed:
        """Publish what is selected into ``topic``, at most ``speed`` images a second; only count without a publisher.

        Raises
        ------
        UsageError
            If the lane is the live one, or none.
        """
        if lane == LIVE or not NAME.fullmatch(lane):
            raise UsageError(f"--lane {lane}: replay into a lane of its own, named with a-z, 0-9, - and _")
        replayed = Replayed(lane, meant=Counter(dict.fromkeys(selection.images, 0)))
        firsts = self._firsts(selection, replayed)
        size = AT_ONCE if speed is None else max(1, min(AT_ONCE, round(speed / BATCHES_A_SECOND)))
        start, sent = self.clock(), 0
        while some := list(islice(firsts, size)):
            if publisher is not None:
                self._wait(start + sent / speed if speed else start)
                publisher.publish([replayed_event(first, lane, topic, self.now()) for first in some])
            sent += len(some)
        return replayed

    def _wait(self, due: float) -> None:
        wait = due - self.clock()
        if wait > 0:
            self.sleep(wait)

    def _firsts(self, selection: Selection, replayed: Replayed) -> Iterator[First]:
        images, *later = self.topics
        for message in selected_messages(self.log, images, selection):
            yield from self._taken(message, selection, replayed, rebuilt=False)
        for topic in reversed(later):
            if _may_be_elsewhere(selection, replayed):
                for message in selected_messages(self.log, topic, selection):
                    yield from self._taken(message, selection, replayed, rebuilt=True)

    def _taken(self, message: Message, selection: Selection, replayed: Replayed, *, rebuilt: bool) -> Iterator[First]:
        try:
            headers, event = read_event(message, now=self.now())
        except InvalidImage:
            replayed.malformed += 1
            return
        meant = selection.meant(event)
        if meant is None or (rebuilt and not selection.covers(event.acquisition.published_at)):
            return
        if event.acquisition.acquisition_id in replayed.acquisitions:
            replayed.repeats += not rebuilt
            return
        first = First(headers, event, message.key, message.value or b"", message.timestamp_ms)
        first = first_of(first) if rebuilt else first
        replayed.rebuilt += rebuilt
        replayed.meant.update(meant)
        replayed.add(first)
        yield first


def _may_be_elsewhere(selection: Selection, replayed: Replayed) -> bool:
    """Whether images asked for may stand in later topics only: a name may be that of several, an acquisition is one."""
    return not selection.offsets and not replayed.acquisitions.issuperset(selection.images)


def selected_messages(log: TopicLog, topic: str, selection: Selection) -> Iterator[Message]:
    """Read the messages of the times and offsets selected."""
    end = selection.until + CLOCK_SKEW if selection.until else None
    extent = log.extent(topic, since=selection.since, until=end)
    if selection.offsets:
        extent = {number: _both(extent[number], r) for number, r in selection.offsets.items() if number in extent}
    yield from within(log.read(topic, extent), since=selection.since, until=selection.until)


def _both(one: range, other: range) -> range:
    start = max(one.start, other.start)
    return range(start, max(start, min(one.stop, other.stop)))


def first_of(later: First) -> First:
    """Return the first event of an image, made of a later one: what the stages have added is left out."""
    event = later.event.but(noise=None, candidates=(), selection=None, results={})
    acquisition = event.acquisition
    headers = replace(later.headers, id=acquisition.acquisition_id, source=acquisition.source)
    return replace(later, headers=headers, event=event, value=event.to_json())


def replayed_event(first: First, lane: str, topic: str, now: datetime) -> Outgoing:
    """Return what is published for an image: the same value, and headers that say of what it is a replay.

    The same replay again has the same ``ce_id``: in its lane it is a repeat.
    """
    original = first.headers.id
    identity = event_id_of(first.event.acquisition.acquisition_id, "replay", lane, original)
    headers = replace(
        first.headers, id=identity, source="/replay", time=now, replay_of=original, retry_of=None, attempt=1
    )
    return Outgoing(topic, first.key, first.value, headers.to_wire())
