"""Conservation: whatever came into a stage was answered once, by an event or a dead letter, or is in flight.

Topics are read committed and joined with the ledger by acquisition. Offsets only say what a group has read: they are
never counted, for transactions' marks and aborted records occupy some.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import orjson

from streams.balance import Balance, Finding, Scope, Window
from streams.books import Books, Place, Settlements
from streams.pipeline import DEAD_LETTERS, Step, group_of
from streams.ports import Seeds
from streams.sightings import sighting_of
from streams.topic_log import TopicLog, stamped
from streams.transport import Message

Read = Callable[[str], Iterable[Message]]
"""Gives the committed messages of a topic, from `Window.read_since` on."""


class Groups(Protocol):
    """Where the group of a stage stands in the topic that it reads."""

    def committed(self, step: Step) -> Mapping[int, int]:
        """Return the next offset of each partition, now."""

    def seeded(self, step: Step) -> Mapping[int, int]:
        """Return the first offset of each partition that was ever given to it."""


@dataclass(frozen=True)
class LaneGroups:
    """The groups of a lane's workers."""

    log: TopicLog
    seeds: Seeds
    lane: str

    def committed(self, step: Step) -> Mapping[int, int]:
        """Ask the brokers."""
        return self.log.committed(group_of(step.stage.name, self.lane), step.consumes)

    def seeded(self, step: Step) -> Mapping[int, int]:
        """Ask where it is written down."""
        return self.seeds.seeded(group_of(step.stage.name, self.lane), step.consumes)


def conservation(scope: Scope, groups: Groups, read: Read, ledger: Settlements | None) -> Iterator[Balance]:
    """Yield the balance of every stage, in the order of the path.

    Answers are published with the offsets that they answer. So what groups had read before anything is read here must
    be answered in it, and what is answered in it must have been read by the groups thereafter; lanes may live
    meanwhile. It keeps the accounts of two stages at a time, some 400 bytes an acquisition.
    """
    committed = [groups.committed(step) for step in scope.steps]
    letters = letter_places(read(DEAD_LETTERS))
    writer: Books | None = None
    for step, at_first in zip(scope.steps, committed, strict=True):
        reader = Books(step, scope, at_first, groups.seeded(step), letters[step.stage.name, step.consumes])
        _enter(read(step.consumes), writer, reader)
        if writer is not None:
            yield writer.balance(ledger, groups.committed(writer.step))
        writer = reader
    if writer is not None:
        _enter(read(writer.step.produces), writer, None)
        yield writer.balance(ledger, groups.committed(writer.step))


def _enter(messages: Iterable[Message], writer: Books | None, reader: Books | None) -> None:
    for seen in map(sighting_of, messages):
        if reader is not None:
            reader.deliver(seen)
        if writer is not None:
            writer.answer(seen)


def letter_places(messages: Iterable[Message]) -> Mapping[tuple[str, str], Mapping[Place, int]]:
    """Count dead letters by the stage that wrote them and the topic, then the place, of the message they are about."""
    found: dict[tuple[str, str], Counter[Place]] = defaultdict(Counter)
    for message in messages:
        try:
            letter = orjson.loads(message.value or b"")
            original = letter["original"]
            found[letter["stage"], original["topic"]][original["partition"], original["offset"]] += 1
        except (orjson.JSONDecodeError, TypeError, KeyError):
            continue  # a file that never was a message, or no letter at all: it answers nothing
    return found


def read_from(log: TopicLog, window: Window) -> Read:
    """Return how `conservation` reads."""
    return lambda topic: stamped(log, topic, since=window.read_since)


def names_of(log: TopicLog, findings: Collection[Finding]) -> dict[Finding, tuple[str, str]]:
    """Return the image's id and source name of findings, from the messages they are about, where these can be read."""
    named: dict[Finding, tuple[str, str]] = {}
    for topic in {finding.topic for finding in findings}:
        places: dict[Place, list[Finding]] = defaultdict(list)
        for finding in findings:
            if finding.topic == topic:
                places[finding.partition, finding.offset].append(finding)
        for message in log.read(topic, _extent(places)):
            for finding in places.get((message.partition.number, message.offset), ()):
                named[finding] = _names(message.value or b"")
    return named


def _extent(places: Collection[Place]) -> dict[int, range]:
    extent: dict[int, range] = {}
    for partition, offset in places:
        known = extent.get(partition, range(offset, offset + 1))
        extent[partition] = range(min(known.start, offset), max(known.stop, offset + 1))
    return extent


def _names(value: bytes) -> tuple[str, str]:
    try:
        event = orjson.loads(value)
        return str(event["image"]["image_id"]), str(event["acquisition"]["source_name"])
    except (orjson.JSONDecodeError, TypeError, KeyError):
        return "", ""
