"""The topics of the trends' own: made when a lane's trends are first started, looked after as all others."""

from collections.abc import Mapping
from dataclasses import replace

from streams.topic_options import TopicOptions
from streams.topics import Topic, planned_topic
from streams.trends.desk import TrendsDesk


def own_topics(desk: TrendsDesk, options: TopicOptions, found: Mapping[str, Topic], *, brokers: int) -> list[Topic]:
    """Return the topics as they are to be: observations by instrument, and the latest state of each instrument.

    What exists of them in ``found`` says how many partitions both have: what is kept of an instrument lies where its
    key put it.
    """
    planned = planned_topic(desk.observations, options, brokers=brokers)
    known = found.get(desk.observations) or found.get(desk.changelog)
    observations = replace(planned, partitions=known.partitions) if known else planned
    latest = {name: value for name, value in planned.configuration.items() if name != "retention.ms"}
    changelog = replace(observations, name=desk.changelog, configuration={**latest, "cleanup.policy": "compact"})
    return [observations, changelog]
