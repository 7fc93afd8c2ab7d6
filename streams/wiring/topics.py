"""Topics as they stand, for commands that look back and publish again."""

from streams.adapters.kafka_log import KafkaLog
from streams.adapters.kafka_publisher import KafkaPublisher
from streams.adapters.kafka_topics import KafkaTopics
from streams.ports import Publisher
from streams.settings import Settings
from streams.topic_log import TopicLog
from streams.topics import Cluster


def open_log(settings: Settings) -> TopicLog:
    """Open the topics as they stand, for commands that look back."""
    return KafkaLog(settings.kafka)


def open_topics(settings: Settings) -> Cluster:
    """Reach the cluster to ask and order what an operator does."""
    return KafkaTopics(settings.kafka)


def open_publisher(settings: Settings) -> Publisher:
    """Open a connection for events outside any transaction."""
    return KafkaPublisher(settings.kafka)
