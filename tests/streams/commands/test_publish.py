"""``semstream publish`` as a user meets it, against librdkafka's in-process cluster."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import NewTopic  # type: ignore[attr-defined]

from schemas.events import ImageEvent
from schemas.headers import Headers
from streams.adapters.journal_standing import standing_of
from streams.adapters.kafka_admin import KafkaAdmin
from streams.adapters.kafka_reader import KafkaReader
from streams.agent.journal import FileState
from streams.cli import outcome_of
from streams.pipeline import IMAGES, topic
from tests.agents import tiff
from tests.instrument import sha256_of
from tests.services import settings, unique

ROOT = Path(__file__).parents[3]
SETTINGS = """
[kafka]
bootstrap_servers = "{servers}"
[s3]
endpoint_url = "{endpoint}"
access_key = "{access_key}"
secret_key = "{secret_key}"
[postgres]
url = "postgresql://nobody@127.0.0.1:1/none"
[worker]
state = "{state}"
"""


class Desk:
    """A folder of images, settings, and a reader of the topic."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / "in"
        self.folder.mkdir()
        self.kafka = settings().kafka
        self.lane = unique("lane")
        self.other_lane = unique("lane")
        self._admin = KafkaAdmin(self.kafka)
        self._topics = [topic(lane, IMAGES) for lane in (self.lane, self.other_lane)]
        for future in self._admin.client.create_topics([NewTopic(name, 2, 1) for name in self._topics]).values():
            future.result(20)
        self.settings = root / "settings.toml"
        self.use_brokers(self.kafka.bootstrap_servers)

    def close(self) -> None:
        """Remove the topics."""
        for future in self._admin.client.delete_topics(self._topics).values():
            future.result(20)

    def use_brokers(self, servers: str) -> None:
        s3 = settings().s3
        text = SETTINGS.format(
            servers=servers,
            endpoint=s3.endpoint_url,
            access_key=s3.access_key,
            secret_key=s3.secret_key.get_secret_value() if s3.secret_key else "",
            state=self.root / "state",
        )
        self.settings.write_text(text)

    def arguments(self, *more: str) -> tuple[str, ...]:
        lane = () if {"--lane", "--status"} & {*more} else ("--lane", self.lane)
        return ("publish", *more, *lane, "--settings", str(self.settings))

    def publish(self, *more: str) -> tuple[int, str]:
        return outcome_of(self.arguments(*more))

    def started(self, *more: str) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "streams.cli", *self.arguments(*more)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.Popen(command, cwd=self.root, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def events(self, *, count: int, lane: str | None = None) -> list[ImageEvent]:
        """Read so many events, and what else is there."""
        reader = KafkaReader(
            self.kafka, [topic(lane or self.lane, IMAGES)], unique("test"), options={"auto.offset.reset": "earliest"}
        )
        found: list[ImageEvent] = []
        deadline = time.monotonic() + 60
        while len(found) < count and time.monotonic() < deadline:
            for message in reader.poll(limit=1000, timeout_s=0.5):
                event = ImageEvent.from_json(message.value or b"")
                assert Headers.from_wire(message.headers).id == event.acquisition.acquisition_id
                found.append(event)
        reader.close()
        return found


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.chdir(tmp_path)
    prepared = Desk(tmp_path)
    yield prepared
    prepared.close()


Summary = Callable[[], dict[str, object]]


@pytest.fixture
def summary(capsys: pytest.CaptureFixture[str]) -> Summary:
    return lambda: dict(json.loads(capsys.readouterr().out.splitlines()[-1]))


def test_a_folder_is_published_once(desk: Desk, summary: Summary) -> None:
    for seed in range(3):
        (desk.folder / f"{seed}.tif").write_bytes(tiff(seed))
    assert desk.publish("in", "--instrument", "sem-1", "--recipe", "r1", "--json") == (0, "")
    first = summary()
    assert (first["files"], first["published"], first["images"], first["failed"]) == (3, 3, 3, 0)
    assert desk.publish("in", "--instrument", "sem-1", "--recipe", "r1", "--json") == (0, "")
    assert summary()["known"] == 3
    events = desk.events(count=3)
    assert sorted(event.acquisition.source_name for event in events) == ["0.tif", "1.tif", "2.tif"]
    assert {(e.image.instrument_id, e.image.recipe, e.acquisition.source) for e in events} == {
        ("sem-1", "r1", "/feeds/sem-1")
    }


def test_a_second_frame_is_published_with_its_first(desk: Desk, summary: Summary) -> None:
    for name, seed in (("a.tif", 1), ("a_f2.tif", 2), ("b.tif", 3)):
        (desk.folder / name).write_bytes(tiff(seed))
    assert desk.publish("in", "--second-suffix", "_f2", "--json") == (0, "")
    assert (summary()["files"], desk.publish("--status", "--json")) == (2, (0, ""))
    assert summary()["feeds"][0]["files"] == {"published": 2, "second": 1}  # type: ignore[index]
    found = {e.acquisition.source_name: e.image.second and e.image.second.sha256 for e in desk.events(count=2)}
    assert found == {"a.tif": sha256_of(tiff(2)), "b.tif": None}


def test_a_lane_has_its_own_topic_and_its_own_notes(desk: Desk, summary: Summary) -> None:
    (desk.folder / "a.tif").write_bytes(tiff(1))
    assert desk.publish("in", "--json") == (0, "")
    assert desk.publish("in", "--lane", desk.other_lane, "--source", "/old/session", "--json") == (0, "")
    assert summary()["published"] == 1
    (event,) = desk.events(lane=desk.other_lane, count=1)
    assert event.acquisition.source == "/old/session"


def test_a_failed_file_makes_the_exit_code_1_and_is_in_the_status(
    desk: Desk, summary: Summary, capsys: pytest.CaptureFixture[str]
) -> None:
    (desk.folder / "a.tif").write_bytes(tiff(1))
    (desk.folder / "b.tif").write_bytes(bytes(1000))
    assert desk.publish("in", "--json") == (1, "")
    assert [failure["path"] for failure in summary()["failures"]] == ["b.tif"]  # type: ignore[attr-defined]
    assert desk.publish("--status") == (0, "")
    shown = " ".join(capsys.readouterr().out.split())
    assert "1 failed, 1 published" in shown
    assert "begins with zeros" in shown
    assert desk.publish("--status", "--json") == (0, "")
    status = summary()
    assert status["feeds"][0]["files"] == {"failed": 1, "published": 1}  # type: ignore[index]
    assert status["setbacks"][0]["name"] == "b.tif"  # type: ignore[index]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "name folders or files to publish, or one folder with --watch"),
        (("in", "--watch", "in"), "name folders or files to publish, or one folder with --watch"),
        (("absent",), "absent does not exist"),
        (("--watch", "absent"), "absent is no folder"),
        (("in", "--instrument", "SEM 1"), "--instrument 'SEM 1' is no id"),
        (("in", "--lane", "a b"), "--lane 'a b' cannot be part of a topic's name"),
        (("in", "--state", "in/state"), "which is never written to; choose --state"),
        (("in", "--second-suffix", "a/b"), "--second-suffix 'a/b' is no part of a file's name"),
        (("in", "--settle-s", "-1"), "Invalid value for '--settle-s'"),
        (("--status", "--state", "absent"), "there is no journal at absent/publish.sqlite"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(desk: Desk, arguments: tuple[str, ...], message: str) -> None:
    code, said = desk.publish(*arguments)
    assert (code, message in said) == (2, True), said
    assert list(desk.folder.iterdir()) == []


@pytest.fixture
def watching(desk: Desk) -> Iterator[Callable[..., "subprocess.Popen[bytes]"]]:
    processes = []

    def start(*more: str) -> "subprocess.Popen[bytes]":
        processes.append(desk.started("--watch", "in", "--settle-s", "0.2", "--look-s", "0.1", *more))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def until(desk: Desk, state: FileState, count: int, process: "subprocess.Popen[bytes]") -> None:
    """Wait until so many files are in a state."""
    journal = desk.root / "state" / "publish.sqlite"
    deadline = time.monotonic() + 100
    while True:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        feeds = standing_of(journal)[0] if journal.exists() else []
        if feeds and feeds[0].files.get(state, 0) == count:
            return
        time.sleep(0.1)


def test_a_watched_folder_is_published_until_somebody_asks_to_stop_and_also_after_a_kill(
    desk: Desk, watching: Callable[[], "subprocess.Popen[bytes]"]
) -> None:
    (desk.folder / "a.tif").write_bytes(tiff(1))
    process = watching()
    until(desk, FileState.PUBLISHED, 1, process)
    second = watching()
    _, said = second.communicate(timeout=100)
    assert (second.returncode, b"another semstream publish is using" in said) == (2, True), said
    (desk.folder / "b.tif").write_bytes(tiff(2))
    until(desk, FileState.PUBLISHED, 2, process)
    process.kill()
    process.wait()
    (desk.folder / "c.tif").write_bytes(tiff(3))
    process = watching()
    until(desk, FileState.PUBLISHED, 3, process)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=100)
    assert process.returncode == 0, said
    assert b"Traceback" not in said
    assert sorted(event.acquisition.source_name for event in desk.events(count=3)) == ["a.tif", "b.tif", "c.tif"]


def test_a_second_frame_that_comes_late_supersedes_what_was_published_alone_also_after_a_kill(
    desk: Desk, watching: Callable[..., "subprocess.Popen[bytes]"]
) -> None:
    pairs = ("--second-suffix", "_f2", "--second-wait-s", "0.5")
    (desk.folder / "a.tif").write_bytes(tiff(1))
    process = watching(*pairs)
    until(desk, FileState.PUBLISHED, 1, process)
    process.kill()
    process.wait()
    (desk.folder / "a_f2.tif").write_bytes(tiff(2))
    until(desk, FileState.SECOND, 1, process := watching(*pairs))
    until(desk, FileState.PUBLISHED, 1, process)
    alone, both = sorted(desk.events(count=2), key=lambda event: event.image.second is not None)
    assert (alone.acquisition.supersedes, both.acquisition.supersedes) == (None, alone.acquisition.acquisition_id)
    assert both.image.second
    assert both.image.second.sha256 == sha256_of(tiff(2))


def test_who_is_asked_to_stop_while_the_brokers_are_away_stops_and_the_next_publishes(
    desk: Desk, watching: Callable[[], "subprocess.Popen[bytes]"]
) -> None:
    desk.use_brokers("127.0.0.1:1")
    (desk.folder / "a.tif").write_bytes(tiff(1))
    process = watching()
    until(desk, FileState.UPLOADED, 1, process)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=100)
    assert process.returncode == 0, said
    assert b"Traceback" not in said
    desk.use_brokers(desk.kafka.bootstrap_servers)
    (desk.folder / "a.tif").unlink()
    until(desk, FileState.PUBLISHED, 1, watching())
    (event,) = desk.events(count=1)
    assert event.acquisition.source_name == "a.tif"
