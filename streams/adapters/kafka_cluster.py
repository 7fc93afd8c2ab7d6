"""librdkafka's in-process cluster: the embedded mode's Kafka.

It keeps about 5 MB a partition and then drops the oldest records without a word, accepts transactions that mean
nothing, and ends with this object. Topics appear on first use with four partitions.
"""

from collections.abc import Iterable

from confluent_kafka import Producer

from streams.settings import KafkaSettings

READING: dict[str, str | int | bool] = {"fetch.wait.max.ms": 50, "auto.offset.reset": "earliest"}
"""How to read from it: it never wakes a waiting fetch, so fetches are short; nothing on it precedes its readers."""


class InProcessCluster:
    """A Kafka cluster that lives as long as this object.

    Its topics must exist before a group subscribes to them: a member that came first would never hear of them.
    """

    def __init__(self, topics: Iterable[str] = ()) -> None:
        self._owner = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "in-process", "log_level": 0})
        brokers = self._owner.list_topics(timeout=10).brokers.values()
        self.settings = KafkaSettings(bootstrap_servers=",".join(f"{broker.host}:{broker.port}" for broker in brokers))
        for topic in topics:
            self._owner.list_topics(topic, timeout=10)
