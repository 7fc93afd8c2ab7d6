"""Apache Kafka by confluent-kafka: a member of a consumer group and the transactional producer that answers it."""

import os
from collections.abc import Callable, Sequence
from uuid import uuid4

from streams.adapters.kafka_client import Options, consumer_configuration, producer_configuration
from streams.adapters.kafka_errors import ClientErrors
from streams.adapters.kafka_member import IN_DOUBT_S, Callbacks, Member
from streams.adapters.kafka_progress import Progress
from streams.adapters.kafka_seeds import FirstOffsets
from streams.adapters.kafka_transactions import Transactions, Watchdog
from streams.settings import KafkaSettings
from streams.transport import Message, Outgoing, Partition, PartitionsFn, Positions


class KafkaTransport:
    """A member of a consumer group; events and positions go out in one transaction.

    Parameters
    ----------
    kafka, group
        Where, and as a member of which consumer group.
    slot
        A stable name of the place this process runs in, its own within the group: its successor fences it, gets its
        partitions back without a rebalance, and makes no reader wait for a transaction that it left open.
    first_offsets
        Where the group begins to read; without it ``auto.offset.reset`` decides.
    in_doubt_s
        A partition that is revoked sooner after its assignment counts as lost (see `Member`).
    consumer, producer
        More librdkafka options.
    end
        Ends a process whose transaction hangs.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        group: str,
        *,
        slot: str | None = None,
        first_offsets: FirstOffsets | None = None,
        in_doubt_s: float = IN_DOUBT_S,
        consumer: Options | None = None,
        producer: Options | None = None,
        end: Callable[[int], object] = os._exit,
    ) -> None:
        errors = ClientErrors()
        self._progress = Progress()
        reading = consumer_configuration(kafka, group, slot=slot, options=consumer)
        self._member = Member(reading, errors, self._progress, first_offsets=first_offsets, in_doubt_s=in_doubt_s)
        writing = producer_configuration(kafka, transactional_id=f"{group}-{slot or uuid4()}", options=producer)
        self._transactions = Transactions(writing, errors, Watchdog(end=end))

    def subscribe(self, topic: str, *, on_assign: PartitionsFn, on_revoke: PartitionsFn, on_lost: PartitionsFn) -> None:
        """Fence a predecessor and abort what it left open, which the group's offsets wait for; then join the group."""
        self._transactions.begin()
        self._member.join(topic, Callbacks(on_assign, on_revoke, on_lost))

    def poll(self, *, limit: int, timeout_s: float) -> list[Message]:
        """Wait for one message, then take what else has arrived."""
        return self._member.poll(limit=limit, timeout_s=timeout_s)

    def pause(self) -> None:
        """Stop fetching."""
        self._member.pause()

    def resume(self) -> None:
        """Fetch again."""
        self._member.resume()

    def membership(self) -> object:
        """Return the group's metadata as of the last poll or callback."""
        return self._member.membership

    def commit(self, outgoing: Sequence[Outgoing], positions: Positions) -> None:
        """One transaction for the events and the positions; aborted as a whole where the broker asks for it."""
        self._transactions.commit(outgoing, positions.offsets, positions.membership)
        self._progress.commit(positions.offsets)

    def lag(self) -> dict[Partition, int]:
        """Return how far each partition held is behind its end."""
        return self._member.lag()

    def close(self) -> None:
        """Leave the group at once."""
        self._member.leave()
        self._transactions.close()
