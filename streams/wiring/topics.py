"""Topics as they stand, for commands that look back and publish again."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from streams.adapters.kafka_log import KafkaLog
from streams.adapters.kafka_publisher import KafkaPublisher
from streams.adapters.kafka_reader import KafkaReader
from streams.adapters.kafka_topics import KafkaTopics
from streams.adapters.s3_store import S3Store
from streams.adapters.sql_ledger import SqlLedger
from streams.adapters.sql_seeds import SqlSeeds
from streams.ports import Inventory, JobLedger, Seeds
from streams.settings import Settings
from streams.topic_log import TopicLog
from streams.topics import Cluster
from streams.transport import Publisher


def open_log(settings: Settings) -> TopicLog:
    """Open the topics as they stand, for commands that look back."""
    return KafkaLog(settings.kafka)


def open_topics(settings: Settings) -> Cluster:
    """Reach the cluster to ask and order what an operator does."""
    return KafkaTopics(settings.kafka)


def open_publisher(settings: Settings) -> Publisher:
    """Open a connection for events outside any transaction."""
    return KafkaPublisher(settings.kafka)


def open_observer(settings: Settings) -> Publisher:
    """Open a connection that puts keys into the partitions into which Faust, like Java's clients, puts them."""
    return KafkaPublisher(settings.kafka, options={"partitioner": "murmur2_random"})


@dataclass(frozen=True)
class Evidence:
    """What conservation is judged by: topics and groups, the ledger, and the store's list."""

    log: TopicLog
    ledger: JobLedger
    seeds: Seeds
    inventory: Inventory
    bucket: str


@contextmanager
def evidence_at_services(settings: Settings) -> Iterator[Evidence]:
    """Reach Kafka, Postgres and S3."""
    with ExitStack() as stack:
        log = KafkaLog(settings.kafka)
        stack.callback(log.close)
        ledger = SqlLedger.postgres(settings.postgres, connections=1)
        stack.callback(ledger.close)
        store = S3Store(settings.s3, connections=1)
        stack.callback(store.close)
        yield Evidence(log, ledger, SqlSeeds(ledger.database), store, settings.s3.bucket)


def open_reader(settings: Settings, topic: str) -> KafkaReader:
    """Follow a topic from its beginning, read committed, as no group's member."""
    return KafkaReader(settings.kafka, [topic], "semstream.reader")
