"""The trends at the services."""

import os
from collections.abc import Sequence

from streams.adapters.faust_trends import FaustTrends, TrendsOptions
from streams.adapters.kafka_topics import KafkaTopics
from streams.errors import UsageError
from streams.pipeline import DEAD_LETTERS, HEALTH, Pipeline, topic
from streams.settings import Settings
from streams.telemetry import Telemetry
from streams.trends.desk import TrendsDesk
from streams.trends.gauges import show
from streams.trends.topics import own_topics
from streams.trends.watch import InstrumentWatch
from streams.wiring.process import utc_now

WATCHED = ("scored", "selected")


def trends_at_services(settings: Settings, pipeline: Pipeline, lane: str, telemetry: Telemetry) -> FaustTrends:
    """Wire the trends of a lane, and create the topics of their own where they do not exist.

    Raises
    ------
    UsageError
        If a topic that they read or write does not exist.
    TransientError
        If the brokers do not answer.
    """
    desk, sources = TrendsDesk(lane), [topic(lane, word) for word in WATCHED]
    partitions = _prepared(KafkaTopics(settings.kafka), pipeline, desk, sources)
    state = settings.worker.state / "trends"
    state.mkdir(parents=True, exist_ok=True)

    def shown(watches: Sequence[InstrumentWatch]) -> None:
        show(watches, telemetry, utc_now())

    options = TrendsOptions(sources, partitions, state, now=utc_now, show=shown, end=os._exit)
    return FaustTrends(settings.kafka, desk, options)


def _prepared(cluster: KafkaTopics, pipeline: Pipeline, desk: TrendsDesk, sources: Sequence[str]) -> int:
    """Return how many partitions the observations have."""
    found = cluster.found([*sources, HEALTH, DEAD_LETTERS, *desk.topics])
    for name in (*sources, HEALTH, DEAD_LETTERS):
        if name not in found:
            raise UsageError(f"topic {name} does not exist; create it with semstream topics create --lane {desk.lane}")
    wanted = own_topics(desk, pipeline.topics, found, brokers=cluster.brokers())
    cluster.create(wanted)
    return wanted[0].partitions
