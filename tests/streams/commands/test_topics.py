"""`semstream topics`, on a cluster in memory."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from streams.cli import outcome_of
from streams.topic_options import TopicOptions
from streams.topics import PartitionLag, Topic
from streams.trends.desk import TrendsDesk
from streams.trends.topics import own_topics

SETTINGS = """
[kafka]
bootstrap_servers = "nowhere:1"
[s3]
[postgres]
url = "postgresql://nowhere"
"""
Call = Callable[..., tuple[int, str]]


class DictCluster:
    """Topics in memory, on three brokers."""

    def __init__(self) -> None:
        self.topics: dict[str, Topic] = {}
        self.was_reset: list[tuple[str, str, list[int], str]] = []

    def brokers(self) -> int:
        return 3

    def found(self, names: Sequence[str]) -> dict[str, Topic]:
        return {name: self.topics[name] for name in names if name in self.topics}

    def create(self, topics: Sequence[Topic]) -> list[str]:
        created = [topic.name for topic in topics if topic.name not in self.topics]
        self.topics |= {topic.name: topic for topic in topics if topic.name in created}
        return created

    def lag(self, stage: str, group: str, topic: str) -> list[PartitionLag]:
        known = PartitionLag(stage, group, topic, 0, committed=7, end=10, messages=3, seconds=12.5)
        return [known, replace(known, partition=1, committed=None, messages=0, seconds=0.0)]

    def readers(self, groups: Sequence[str]) -> dict[str, int]:
        return dict.fromkeys(groups, 0) | {"pick.busy": 1}

    def reset(self, group: str, topic: str, partitions: Sequence[int], to: str) -> dict[int, int]:
        self.was_reset.append((group, topic, list(partitions), to))
        return dict.fromkeys(partitions, 4)


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> DictCluster:
    cluster = DictCluster()
    monkeypatch.setattr("streams.commands.topics.open_topics", lambda settings: cluster)
    return cluster


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Call:
    monkeypatch.chdir(tmp_path)
    Path("settings.toml").write_text(SETTINGS)
    Path("pipeline.toml").write_text('path = ["tests.toys:Shade", "tests.toys:Pick"]\n[topics]\npartitions = 3\n')

    def call(command: str, *options: str) -> tuple[int, str]:
        files = ("--settings", "settings.toml", *(() if command == "reset" else ("--pipeline", "pipeline.toml")))
        return outcome_of(["topics", command, *files, *options])

    return call


def test_what_is_missing_is_created_and_what_exists_stays(
    call: Call, cluster: DictCluster, capsys: pytest.CaptureFixture[str]
) -> None:
    cluster.topics["sem.shaded"] = Topic("sem.shaded", 1, 1, {})
    assert call("create") == (0, "")
    assert capsys.readouterr().out.splitlines()[:2] == ["sem.images: created", "sem.shaded: exists"]
    assert cluster.topics["sem.images"].partitions == 3
    assert cluster.topics["sem.shaded"].partitions == 1


def test_a_check_names_every_difference_and_fails(
    call: Call, cluster: DictCluster, capsys: pytest.CaptureFixture[str]
) -> None:
    call("create")
    capsys.readouterr()
    assert call("check")[0] == 0
    assert "8 topics are as they are to be" in capsys.readouterr().out
    cluster.topics["sem.images"] = replace(cluster.topics["sem.images"], partitions=4)
    assert call("check", "--json")[0] == 1
    told = capsys.readouterr()
    assert "semstream topics create makes those that do not exist" in told.err
    lines = told.out.splitlines()
    assert lines[0] == "sem.images: partitions is 4, not 3"
    assert orjson.loads(lines[-1]) == {"topics": 8, "drift": ["sem.images: partitions is 4, not 3"]}


def test_the_topics_of_the_trends_are_checked_where_the_trends_were_started(
    call: Call, cluster: DictCluster, capsys: pytest.CaptureFixture[str]
) -> None:
    call("create")
    desk = TrendsDesk("live")
    cluster.create(own_topics(desk, TopicOptions(partitions=5), {}, brokers=3))
    capsys.readouterr()
    assert call("check")[0] == 0, "their number of partitions is their own: it was set when they were made"
    assert "10 topics are as they are to be" in capsys.readouterr().out
    cluster.topics[desk.changelog] = replace(cluster.topics[desk.changelog], partitions=4)
    assert call("check")[0] == 1
    assert capsys.readouterr().out == "sem.trends-watches-changelog: partitions is 4, not 5\n"
    assert call("describe")[0] == 0
    assert "sem.trends-observations" in capsys.readouterr().out
    del cluster.topics[desk.changelog]
    assert call("check")[0] == 1
    assert capsys.readouterr().out == "sem.trends-watches-changelog: does not exist\n"
    assert call("describe")[0] == 0
    assert "changelog: does not exist; semstream trends --lane live creates it" in capsys.readouterr().out
    kept = {desk.changelog: replace(cluster.topics[desk.observations], name=desk.changelog, partitions=7)}
    assert [topic.partitions for topic in own_topics(desk, TopicOptions(), kept, brokers=3)] == [7, 7]


def test_a_description_shows_what_is_there_and_what_is_not(
    call: Call, cluster: DictCluster, capsys: pytest.CaptureFixture[str]
) -> None:
    call("create")
    del cluster.topics["sem.picked"]
    capsys.readouterr()
    assert call("describe")[0] == 0
    shown = capsys.readouterr().out
    assert "168 h" in shown
    assert "sem.picked: does not exist; semstream topics create creates it" in shown


def test_the_lag_is_told_by_stage_in_whole_values(
    call: Call, cluster: DictCluster, capsys: pytest.CaptureFixture[str]
) -> None:
    lane = "a-lane-with-a-name-that-is-longer-than-any-column-of-eighty-may"
    assert call("lag", "--lane", lane)[0] == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[1:] == [
        ["shade", f"sem.{lane}.images", "3", "12.5", "1", "of", "2"],
        ["pick", f"sem.{lane}.shaded", "3", "12.5", "1", "of", "2"],
    ]


def test_a_stage_that_is_behind_and_that_nobody_runs_is_named_with_its_command(
    call: Call, cluster: DictCluster, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("lag", "--lane", "busy")[0] == 0
    assert capsys.readouterr().err.splitlines() == [
        "nobody reads sem.busy.images: start semstream worker --stage shade --lane busy, or --all --lane busy"
    ]


def test_what_was_not_counted_is_told_as_a_bound(
    call: Call, cluster: DictCluster, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def lag(stage: str, group: str, topic: str) -> list[PartitionLag]:
        return [PartitionLag(stage, group, topic, 0, 7, 12_007, messages=11_000, seconds=9.0, counted=False)]

    monkeypatch.setattr(cluster, "lag", lag)
    call("lag")
    assert "up to 11,000" in capsys.readouterr().out


def test_the_lag_is_told_by_partition_where_that_is_asked_for(
    call: Call, cluster: DictCluster, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("lag", "--lane", "replay", "--partitions", "--json")[0] == 0
    lines = capsys.readouterr().out.splitlines()
    rows = orjson.loads(lines[-1])
    assert [(row["stage"], row["group"], row["topic"], row["partition"]) for row in rows] == [
        ("shade", "shade.replay", "sem.replay.images", 0),
        ("shade", "shade.replay", "sem.replay.images", 1),
        ("pick", "pick.replay", "sem.replay.shaded", 0),
        ("pick", "pick.replay", "sem.replay.shaded", 1),
    ]
    assert (rows[0]["messages"], rows[0]["seconds"], rows[1]["committed"]) == (3, 12.5, None)
    assert any(line.split()[-4:] == ["7", "10", "3", "12.5"] for line in lines[:-1])


def test_a_group_is_told_where_to_read_on(call: Call, cluster: DictCluster, capsys: pytest.CaptureFixture[str]) -> None:
    place = ("--group", "sem.shade", "--topic", "sem.images")
    assert call("reset", *place, "--partitions", "0,3", "--to", "beginning")[0] == 0
    assert cluster.was_reset == [("sem.shade", "sem.images", [0, 3], "beginning")]
    assert capsys.readouterr().out.splitlines()[0] == "sem.shade reads sem.images [0] on from 4"
    assert call("reset", *place, "--partitions", "0-3", "--to", "end") == (
        2,
        "--partitions '0-3': expected numbers with commas between them, as in 0,3",
    )


def test_a_lane_that_no_topic_can_be_named_by_is_refused(call: Call, cluster: DictCluster) -> None:
    for command in ("create", "check", "describe", "lag"):
        code, message = call(command, "--lane", "My Lane")
        assert (code, message.split(" cannot")[0]) == (2, "--lane 'My Lane'")
