"""A reader of a topic that the cluster does not know yet, or not at all."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest
from confluent_kafka import KafkaError, TopicPartition

from streams.adapters import kafka_reader
from streams.adapters.kafka_reader import KafkaReader
from streams.errors import UsageError
from streams.settings import KafkaSettings


class Cluster:
    """Knows a topic of two partitions after so many questions."""

    def __init__(self, unknown_for: int) -> None:
        self.unknown_for = unknown_for
        self.assigned: list[TopicPartition] = []

    def list_topics(self, topic: str, timeout: float) -> SimpleNamespace:
        assert timeout > 0
        self.unknown_for -= 1
        known = self.unknown_for < 0
        error = None if known else KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART)
        partitions = {0: None, 1: None} if known else {}
        return SimpleNamespace(topics={topic: SimpleNamespace(error=error, partitions=partitions)})

    def assign(self, places: list[TopicPartition]) -> None:
        self.assigned = places


@pytest.fixture
def cluster_of(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Cluster]:
    def make(unknown_for: int) -> Cluster:
        cluster = Cluster(unknown_for)
        monkeypatch.setattr(kafka_reader, "made", lambda *_: cluster)
        return cluster

    return make


def test_a_topic_that_is_not_known_yet_is_waited_for(cluster_of: Callable[[int], Cluster]) -> None:
    cluster = cluster_of(2)
    KafkaReader(KafkaSettings(bootstrap_servers="nowhere:9092"), ["young"], "reader")
    assert [(place.topic, place.partition) for place in cluster.assigned] == [("young", 0), ("young", 1)]


def test_a_topic_that_never_comes_is_told(
    cluster_of: Callable[[int], Cluster], monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster_of(1_000_000)
    monkeypatch.setattr(kafka_reader, "UNKNOWN_S", 0.2)
    with pytest.raises(UsageError, match=r"topic absent cannot be read .* semstream topics check"):
        KafkaReader(KafkaSettings(bootstrap_servers="nowhere:9092"), ["absent"], "reader")
