"""Topics as they stand, for commands that look back and publish again."""

from streams.adapters.kafka_log import KafkaLog
from streams.adapters.kafka_publisher import KafkaPublisher
from streams.adapters.kafka_reader import KafkaReader
from streams.ports import Publisher
from streams.settings import Settings
from streams.topic_log import TopicLog


def open_log(settings: Settings) -> TopicLog:
    """Open the topics as they stand, for commands that look back."""
    return KafkaLog(settings.kafka)


def open_publisher(settings: Settings) -> Publisher:
    """Open a connection for events outside any transaction."""
    return KafkaPublisher(settings.kafka)


def open_reader(settings: Settings, topic: str) -> KafkaReader:
    """Follow a topic from its beginning, read committed, as no group's member."""
    return KafkaReader(settings.kafka, [topic], "semstream.reader")
