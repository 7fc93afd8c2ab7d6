from dataclasses import replace
from pathlib import Path

import pytest

from streams.pipeline import LIVE, Pipeline, load_pipeline
from streams.topic_options import TopicOptions
from streams.topics import Topic, drift, planned

TOYS = 'path = ["tests.toys:Shade", "tests.toys:Pick"]\n'


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    (tmp_path / "pipeline.toml").write_text(TOYS)
    return load_pipeline(tmp_path / "pipeline.toml")


def named(topics: list[Topic]) -> dict[str, Topic]:
    return {topic.name: topic for topic in topics}


def test_a_pipeline_needs_the_topics_of_its_steps_and_those_that_all_lanes_share(pipeline: Pipeline) -> None:
    live = [topic.name for topic in planned(pipeline, LIVE, brokers=1)]
    assert live == ["sem.images", "sem.shaded", "sem.picked", "sem.deadletter", "sem.health"]
    replay = [topic.name for topic in planned(pipeline, "replay", brokers=1)]
    assert replay == ["sem.replay.images", "sem.replay.shaded", "sem.replay.picked", "sem.deadletter", "sem.health"]


@pytest.mark.parametrize(("brokers", "copies", "in_sync"), [(1, 1, "1"), (2, 2, "1"), (3, 3, "2"), (9, 3, "2")])
def test_what_is_acknowledged_stands_on_two_disks_where_there_are_three_brokers(
    pipeline: Pipeline, brokers: int, copies: int, in_sync: str
) -> None:
    for topic in planned(pipeline, LIVE, brokers=brokers):
        assert (topic.copies, topic.configuration["min.insync.replicas"]) == (copies, in_sync)


def test_the_pipeline_file_decides_where_it_says_so(pipeline: Pipeline) -> None:
    options = TopicOptions(
        partitions=3, replication_factor=2, min_insync_replicas=2, retention_hours=1, dead_letter_retention_hours=2
    )
    topics = named(planned(replace(pipeline, topics=options), LIVE, brokers=9))
    assert {(t.partitions, t.copies, t.configuration["min.insync.replicas"]) for t in topics.values()} == {(3, 2, "2")}
    assert topics["sem.images"].configuration["retention.ms"] == "3600000"
    assert topics["sem.deadletter"].configuration["retention.ms"] == "7200000"


def test_every_difference_is_named(pipeline: Pipeline) -> None:
    wanted = planned(pipeline, LIVE, brokers=3)
    found = named(wanted)
    more = {**found["sem.images"].configuration, "retention.ms": "5", "something.else": "6"}
    found["sem.images"] = Topic("sem.images", 4, 3, more)
    found["sem.shaded"] = Topic("sem.shaded", 8, 1, {**more, "compression.type": "producer"})
    del found["sem.health"]
    assert drift(wanted, found) == [
        "sem.images: partitions is 4, not 8",
        "sem.images: retention.ms is 5, not 604800000",
        "sem.shaded: replication factor is 1, not 3",
        "sem.shaded: compression.type is producer, not zstd",
        "sem.shaded: retention.ms is 5, not 604800000",
        "sem.health: does not exist",
    ]
    assert drift(wanted, named(wanted)) == []
