"""How far a member is in each partition it holds, and how far that is from the end."""

from collections.abc import Collection, Mapping, Sequence

from confluent_kafka import Consumer, KafkaException

from streams.transport import Message, Partition

END_QUERY_S = 1.0
"""Brokers that do not answer must not hold the polling thread up for longer."""


class Progress:
    """What was read and what was committed of the partitions held."""

    def __init__(self) -> None:
        self._read: dict[Partition, range] = {}
        self._committed: dict[Partition, int] = {}

    def forget(self, partitions: Collection[Partition]) -> None:
        """Begin anew: a partition that comes back may have been read by another member meanwhile."""
        for partition in partitions:
            self._read.pop(partition, None)
            self._committed.pop(partition, None)

    def read(self, messages: Sequence[Message]) -> None:
        """Note what a poll brought."""
        for message in messages:
            begun = self._read.get(message.partition, range(message.offset, message.offset)).start
            self._read[message.partition] = range(begun, message.offset + 1)

    def commit(self, offsets: Mapping[Partition, int]) -> None:
        """Note positions that stand now; another thread than the one that reads may call this."""
        self._committed.update(offsets)

    def lag(self, consumer: Consumer, *, cached: bool) -> dict[Partition, int]:
        """Return the distance from what is committed to the end, as far as both are known.

        ``cached`` takes the end from the last fetch, which costs nothing; else the brokers are asked, because a paused
        member fetches nothing. The `consumer_lag` of librdkafka's statistics is always -1 with transactional commits.
        """
        found: dict[Partition, int] = {}
        for held in consumer.assignment():
            partition = Partition(held.topic, held.partition)
            try:
                _, end = consumer.get_watermark_offsets(held, timeout=END_QUERY_S, cached=cached)
                (position,) = consumer.position([held])
            except KafkaException:
                break
            done = self._done(partition, position.offset)
            if end >= 0 and done >= 0:
                found[partition] = max(0, end - done)
        return found

    def _done(self, partition: Partition, position: int) -> int:
        """Return the first offset that is not done with; negative where nobody knows.

        The position runs ahead of the last message read over the markers of transactions. Where all that was read is
        committed, nothing but markers lies between, and they are nobody's lag.
        """
        read = self._read.get(partition)
        if read is None:
            return position
        done = self._committed.get(partition, read.start)
        return max(done, position) if done == read.stop else done
