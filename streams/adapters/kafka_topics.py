"""The topics of a cluster: which there are, how they are set up, and how far groups are in them."""

import time
from collections.abc import Sequence
from concurrent.futures import Future

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    ConfigResource,
    ConsumerGroupDescription,
    ResourceType,
)
from confluent_kafka.cimpl import NewTopic

from streams.adapters.kafka_admin import EARLIEST, LATEST, REQUEST_S, KafkaAdmin
from streams.adapters.kafka_errors import cause_of, exception_for
from streams.adapters.kafka_unread import Unread, unread
from streams.errors import UsageError
from streams.settings import KafkaSettings
from streams.topics import BEGINNING, END, PartitionLag, Topic


class KafkaTopics:
    """What an operator asks of a cluster and does to it.

    Each call raises `TransientError` where the brokers do not answer, `UsageError` where something is not permitted.
    """

    def __init__(self, kafka: KafkaSettings) -> None:
        self._kafka = kafka
        self._admin = KafkaAdmin(kafka)

    def brokers(self) -> int:
        """Count the brokers."""
        return len(self._admin.metadata().brokers)

    def found(self, names: Sequence[str]) -> dict[str, Topic]:
        """Return the topics of these names that exist."""
        known = self._admin.metadata().topics
        existing = [name for name in dict.fromkeys(names) if name in known]
        if not existing:
            return {}
        asked = self._admin.client.describe_configs(
            [ConfigResource(ResourceType.TOPIC, name) for name in existing], request_timeout=REQUEST_S
        )
        configurations = {place.name: self._admin.wait(answer, "describing topics") for place, answer in asked.items()}
        return {
            name: Topic(
                name,
                len(known[name].partitions),
                min(len(partition.replicas) for partition in known[name].partitions.values()),
                {key: entry.value or "" for key, entry in configurations[name].items()},
            )
            for name in existing
        }

    def create(self, topics: Sequence[Topic]) -> list[str]:
        """Create those that do not exist, and return their names; those that exist stay as they are."""
        wanted = [NewTopic(t.name, t.partitions, t.copies, config=dict(t.configuration)) for t in topics]
        asked = self._admin.client.create_topics(wanted, request_timeout=REQUEST_S) if wanted else {}
        return [name for name, answer in asked.items() if self._created(name, answer)]

    def remove(self, names: Sequence[str], groups: Sequence[str]) -> None:
        """Delete topics and groups, for whoever made them for a while."""
        for name, answer in self._admin.client.delete_topics(list(names)).items():
            self._admin.wait(answer, f"deleting topic {name}")
        for name, answer in self._admin.client.delete_consumer_groups(list(groups)).items():
            self._admin.wait(answer, f"deleting group {name}")

    def lag(self, stage: str, group: str, topic: str) -> list[PartitionLag]:
        """Return how far a group is in each partition of a topic."""
        partitions = self._admin.partitions(topic)
        committed = self._admin.committed(group, topic, partitions)
        ends = self._admin.ends(topic, partitions, LATEST)
        begun = {**self._admin.ends(topic, partitions, EARLIEST), **committed}
        found = unread(self._kafka, topic, {n: begun[n] for n in partitions if begun[n] < ends[n]})
        now_ms = time.time() * 1000
        return [
            PartitionLag(
                stage=stage,
                group=group,
                topic=topic,
                partition=n,
                committed=committed.get(n),
                end=ends[n],
                messages=_messages(found[n], ends[n]) if n in found else 0,
                seconds=max(0.0, (now_ms - found[n].first_ms) / 1000) if n in found else 0.0,
                counted=n not in found or found[n].whole,
            )
            for n in partitions
        ]

    def readers(self, groups: Sequence[str]) -> dict[str, int]:
        """Count the members of groups; of a group that is not there, none."""
        asked = self._admin.client.describe_consumer_groups(list(dict.fromkeys(groups)), request_timeout=REQUEST_S)
        return {group: self._members(group, answer) for group, answer in asked.items()}

    def reset(self, group: str, topic: str, partitions: Sequence[int], to: str) -> dict[int, int]:
        """Say where a group reads on: at the `beginning`, the `end`, or an offset."""
        known = self._admin.partitions(topic)
        strange = sorted(set(partitions) - set(known))
        if strange:
            raise UsageError(f"topic {topic} has no partition {strange[0]}; it has {len(known)}")
        wanted = sorted(set(partitions)) or known
        if to in (BEGINNING, END):
            offsets = self._admin.ends(topic, wanted, EARLIEST if to == BEGINNING else LATEST)
        elif to.isdigit():
            offsets = dict.fromkeys(wanted, int(to))
        else:
            raise UsageError(f"--to '{to}' is neither {BEGINNING} nor {END} nor an offset")
        if not self._admin.move(group, topic, offsets):
            raise UsageError(f"group {group} has members: stop its workers first")
        return offsets

    def _members(self, group: str, answer: "Future[ConsumerGroupDescription]") -> int:
        try:
            return len(answer.result(REQUEST_S + 5).members)
        except KafkaException as error:
            if cause_of(error).code() != KafkaError.GROUP_ID_NOT_FOUND:
                raise exception_for(cause_of(error), f"describing group {group}") from error
            return 0

    def _created(self, name: str, answer: "Future[None]") -> bool:
        try:
            answer.result(REQUEST_S + 5)
        except KafkaException as error:
            if cause_of(error).code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise exception_for(cause_of(error), f"creating topic {name}") from error
            return False
        return True


def _messages(found: Unread, end: int) -> int:
    """Return how many messages are unread; beyond what was counted, every offset may be one."""
    return found.messages + (0 if found.whole else max(0, end - found.behind))
