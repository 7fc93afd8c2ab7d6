"""Which topics a pipeline needs, how they are to be set up, and how far its groups are in them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from streams.pipeline import DEAD_LETTERS, HEALTH, Pipeline
from streams.topic_options import TopicOptions

HOUR_MS = 3_600_000
BEGINNING, END = "beginning", "end"


@dataclass(frozen=True)
class Topic:
    """A topic as it is, or as it is to be; ``configuration`` holds what is given here and leaves the rest open."""

    name: str
    partitions: int
    copies: int
    configuration: Mapping[str, str]


@dataclass(frozen=True)
class PartitionLag:
    """How far a group is in a partition.

    ``end`` is that of readers of what is committed, which lies behind the last message by a marker of its transaction.
    ``messages`` are unread; ``seconds`` is the age of the first of them. A group that has no position yet has None.
    """

    stage: str
    group: str
    topic: str
    partition: int
    committed: int | None
    end: int
    messages: int
    seconds: float
    counted: bool = True
    """Whether every message was counted; else ``messages`` is what there can be at the most, markers included."""


@dataclass(frozen=True)
class GroupLag:
    """How far a group is in all partitions of a topic."""

    stage: str
    group: str
    topic: str
    partitions: int
    behind: int
    """Partitions in which something is unread."""
    messages: int
    seconds: float
    counted: bool


def by_group(rows: Sequence[PartitionLag]) -> list[GroupLag]:
    """Sum the partitions of each topic up."""
    places = dict.fromkeys((row.stage, row.group, row.topic) for row in rows)
    return [_summed(place, [row for row in rows if (row.stage, row.group, row.topic) == place]) for place in places]


def _summed(place: tuple[str, str, str], rows: Sequence[PartitionLag]) -> GroupLag:
    return GroupLag(
        *place,
        partitions=len(rows),
        behind=sum(row.messages > 0 for row in rows),
        messages=sum(row.messages for row in rows),
        seconds=max(row.seconds for row in rows),
        counted=all(row.counted for row in rows),
    )


class Cluster(Protocol):
    """What an operator asks of a cluster and does to it."""

    def brokers(self) -> int:
        """Count the brokers."""

    def found(self, names: Sequence[str]) -> dict[str, Topic]:
        """Return the topics of these names that exist."""

    def create(self, topics: Sequence[Topic]) -> list[str]:
        """Create those that do not exist, and return their names; those that exist stay as they are."""

    def lag(self, stage: str, group: str, topic: str) -> list[PartitionLag]:
        """Return how far a group is in each partition of a topic."""

    def readers(self, groups: Sequence[str]) -> dict[str, int]:
        """Count the members of groups; of a group that is not there, none."""

    def reset(self, group: str, topic: str, partitions: Sequence[int], to: str) -> dict[int, int]:
        """Say where a group reads on, in all partitions if none are named: at `BEGINNING`, at `END`, or an offset."""


def planned(pipeline: Pipeline, lane: str, *, brokers: int) -> list[Topic]:
    """Return the topics of a lane, and those that all lanes share, as they are to be on so many brokers."""
    options, steps = pipeline.topics, pipeline.steps(lane)
    names = [*(step.consumes for step in steps), steps[-1].produces, DEAD_LETTERS, HEALTH]
    return [planned_topic(name, options, brokers=brokers) for name in names]


def planned_topic(name: str, options: TopicOptions, *, brokers: int) -> Topic:
    """Return a topic of events as it is to be on so many brokers."""
    copies = options.replication_factor or min(3, brokers)
    hours = options.dead_letter_retention_hours if name == DEAD_LETTERS else options.retention_hours
    configuration = {
        "cleanup.policy": "delete",
        "compression.type": "zstd",
        "max.message.bytes": str(options.max_message_bytes),
        # One copy may be missing, and still nothing acknowledged stands on a single disk.
        "min.insync.replicas": str(options.min_insync_replicas or max(1, min(2, copies - 1))),
        "retention.ms": str(hours * HOUR_MS),
    }
    return Topic(name, options.partitions, copies, configuration)


def drift(wanted: Sequence[Topic], found: Mapping[str, Topic]) -> list[str]:
    """Return every difference, one line each."""
    return [line for plan in wanted for line in _drift(plan, found.get(plan.name))]


def _drift(wanted: Topic, found: Topic | None) -> list[str]:
    if found is None:
        return [f"{wanted.name}: does not exist"]
    pairs = {
        "partitions": (found.partitions, wanted.partitions),
        "replication factor": (found.copies, wanted.copies),
        **{name: (found.configuration.get(name), value) for name, value in sorted(wanted.configuration.items())},
    }
    return [f"{wanted.name}: {name} is {is_}, not {ought}" for name, (is_, ought) in pairs.items() if is_ != ought]
