"""Where a group begins to read: each partition is given its first offset once, and that is written down.

``auto.offset.reset`` is `error`: were it `earliest` or `latest`, offsets that expired or were deleted would repeat or
skip a topic in silence. So whether a partition without an offset is new or has lost it must be known from elsewhere.
"""

from collections.abc import Callable, Collection
from datetime import datetime

import structlog
from confluent_kafka import Consumer, KafkaException, TopicPartition

from streams.adapters.kafka_admin import EARLIEST, KafkaAdmin
from streams.adapters.kafka_errors import cause_of, exception_for
from streams.errors import UsageError
from streams.ports import Seeds

CALL_S = 30.0

log = structlog.get_logger()


def lost_offsets(group: str, topic: str, partitions: Collection[int]) -> UsageError:
    """Return the error that says so, and what to do."""
    numbers = ",".join(map(str, sorted(partitions)))
    command = f"semstream topics reset --group {group} --topic {topic} --partitions {numbers} --to"
    return UsageError(
        f"group {group} has lost its offsets in {topic}, partitions {numbers}: they expired, were deleted, or point "
        f"beyond what the topic still holds. Read on from the beginning, where what is known is not computed again "
        f"({command} beginning), or skip what is there ({command} end)"
    )


class FirstOffsets:
    """Gives the partitions of a topic that a group never read their first offset: the oldest message there is."""

    def __init__(self, admin: KafkaAdmin, group: str, seeds: Seeds, now: Callable[[], datetime]) -> None:
        self._admin = admin
        self._group = group
        self._seeds = seeds
        self._now = now
        self._known: set[int] = set()

    def prepare(self, topic: str) -> None:
        """See to the partitions there are, before subscribing.

        Raises
        ------
        UsageError
            If offsets were written down once and are gone, or the topic does not exist.
        """
        partitions = self._admin.partitions(topic)
        seeded = self._seeds.seeded(self._group, topic)
        committed = self._admin.committed(self._group, topic, partitions)
        new = self._new(topic, partitions, seeded, committed)
        first = self._admin.ends(topic, new, EARLIEST) if new else {}
        if first and not self._admin.move(self._group, topic, first):
            # The group lives. Whoever is assigned these partitions gives them their offsets: see `complete`.
            first = {}
        self._write_down(topic, {**committed, **first}, seeded)

    def complete(self, consumer: Consumer, topic: str, partitions: Collection[int]) -> None:
        """See to partitions that were just assigned, of which some may be new: only a member can set offsets now.

        The offsets are committed before they are written down: whoever dies in between leaves no trace of a loss.
        """
        strange = set(partitions) - self._known
        if not strange:
            return
        seeded = self._seeds.seeded(self._group, topic)
        places = [TopicPartition(topic, number) for number in strange]
        try:
            found = consumer.committed(places, timeout=CALL_S)
            committed = {place.partition: place.offset for place in found if place.offset >= 0}
            new = self._new(topic, strange, seeded, committed)
            first = {n: consumer.get_watermark_offsets(TopicPartition(topic, n), timeout=CALL_S)[0] for n in new}
            if first:
                consumer.commit(offsets=[TopicPartition(topic, n, o) for n, o in first.items()], asynchronous=False)
        except KafkaException as error:
            raise exception_for(cause_of(error), f"giving group {self._group} its first offsets in {topic}") from error
        self._write_down(topic, {**committed, **first}, seeded)

    def _new(
        self, topic: str, partitions: Collection[int], seeded: Collection[int], committed: Collection[int]
    ) -> list[int]:
        without = [number for number in partitions if number not in committed]
        lost = [number for number in without if number in seeded]
        if lost:
            raise lost_offsets(self._group, topic, lost)
        return without

    def _write_down(self, topic: str, offsets: dict[int, int], seeded: dict[int, int]) -> None:
        fresh = {number: offset for number, offset in offsets.items() if number not in seeded}
        if fresh:
            self._seeds.seed(self._group, topic, fresh, at=self._now())
            log.info("group_seeded", group=self._group, topic=topic, offsets=fresh)
        self._known |= set(seeded) | set(fresh)
