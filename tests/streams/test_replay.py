from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest

from schemas.events import ImageEvent
from schemas.headers import Headers
from streams.errors import UsageError
from streams.replay import Replay, Replayed, Selection, offsets_of
from streams.transport import Message, Outgoing
from tests.events import NOON, headers_of, image_event, object_ref
from tests.hostile.events import CORPUS
from tests.memory_log import MemoryLog
from tests.streams.flowing import STAGES, Flowing

TOPICS = ("sem.images", "sem.shaded", "sem.picked")
TARGET = "sem.replay.images"
HOUR = timedelta(hours=1)


class Watch:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.time_s = 100.0

    def clock(self) -> float:
        return self.time_s

    def sleep(self, seconds: float) -> None:
        self.time_s += seconds


class Scene:
    """Images in the live lane, one an hour, and a lane to replay into."""

    def __init__(self, count: int = 6) -> None:
        self.log = MemoryLog()
        self.flowing = Flowing(self.log)
        self.watch = Watch()
        self.replay = Replay(self.log, TOPICS, lambda: NOON, self.watch.clock, self.watch.sleep)
        for n in range(count):
            at = NOON - (count - n) * HOUR
            self.log.now = lambda at=at: at  # type: ignore[misc]
            self.publish(n)
        self.log.now = lambda: NOON

    def publish(self, n: int, **marks: object) -> None:
        event = image_event(object_ref(f"{n:02x}" * 32), name=f"day{n % 2}/{n}.tif")
        event = event.but(image=event.image.but(instrument_id=f"sem-{n % 2}"))
        headers = replace(headers_of(event), **marks)  # type: ignore[arg-type]
        self.log.publish([Outgoing("sem.images", str(n).encode(), event.to_json(), headers.to_wire())])

    def __call__(self, selection: Selection, *, speed: float | None = None, lane: str = "replay") -> Replayed:
        return self.replay(self.log, selection, lane=lane, topic=TARGET, speed=speed)

    @property
    def arrived(self) -> list[Message]:
        return self.log.messages(TARGET)

    def numbers(self) -> list[int]:
        names = (ImageEvent.from_json(message.value or b"").acquisition.source_name for message in self.arrived)
        return sorted(int(name.split("/")[1].split(".")[0]) for name in names)


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_an_image_is_published_as_it_was_with_the_mark_of_what_it_replays(scene: Scene) -> None:
    scene(Selection(images=("3.tif",)))
    (original,) = [m for m in scene.log.messages("sem.images") if m.key == b"3"]
    (message,) = scene.arrived
    assert (message.key, message.value) == (original.key, original.value)
    old, new = Headers.from_wire(original.headers), Headers.from_wire(message.headers)
    assert (new.replay_of, new.source, new.time, new.attempt) == (old.id, "/replay", NOON, 1)
    assert new.id != old.id
    assert (new.type, new.subject) == (old.type, old.subject)


def test_the_same_replay_again_is_a_repeat_in_its_lane(scene: Scene) -> None:
    for _ in range(2):
        scene(Selection(images=("3.tif",)))
    first, second = scene.arrived
    assert Headers.from_wire(first.headers).id == Headers.from_wire(second.headers).id


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (Selection(since=NOON - 3 * HOUR), [3, 4, 5]),
        (Selection(until=NOON - 3 * HOUR), [0, 1, 2]),
        (Selection(since=NOON - 5 * HOUR, until=NOON - 3 * HOUR), [1, 2]),
        (Selection(instrument="sem-1"), [1, 3, 5]),
        (Selection(instrument="sem-1", since=NOON - 3 * HOUR), [3, 5]),
        (Selection(images=("day0/2.tif", "05" * 16)), [2, 5]),
        (Selection(images=("nothing",)), []),
    ],
)
def test_images_are_selected_by_time_instrument_and_name(
    scene: Scene, selection: Selection, expected: list[int]
) -> None:
    scene(selection)
    assert scene.numbers() == expected


def test_images_are_selected_by_their_offsets(scene: Scene) -> None:
    held = scene.log.messages("sem.images")
    wanted = [message for message in held if message.partition.number == 1][1:3]
    last = wanted[-1].offset
    scene(Selection(offsets={1: range(wanted[0].offset, last + 1), 7: range(5)}))
    assert [message.value for message in scene.arrived] == [message.value for message in wanted]


@pytest.mark.parametrize("text", ["", "0", "0:5", "0:9-5", "a:1-2", "0:1-2 ", "-1:0-1"])
def test_offsets_that_mean_nothing_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="PARTITION:FIRST-LAST"):
        offsets_of([text])


def test_only_the_first_event_of_an_acquisition_is_replayed(scene: Scene) -> None:
    scene.publish(2)
    scene.publish(2, retry_of="letter", attempt=2)
    replayed = scene(Selection(since=NOON - 24 * HOUR))
    assert scene.numbers() == list(range(6))
    assert (len(replayed.acquisitions), replayed.repeats) == (6, 2)
    assert all(Headers.from_wire(message.headers).attempt == 1 for message in scene.arrived)


def test_every_image_of_a_name_is_replayed_wherever_its_event_stands(scene: Scene) -> None:
    for folder in ("x", "y", "z"):
        scene.flowing.publish(f"{folder}/same.tif")
    for stage in STAGES:
        scene.flowing.work(stage)
    same = Selection(images=("same.tif", "3.tif", "none.tif"))
    assert scene(same).meant == {"same.tif": 3, "3.tif": 1, "none.tif": 0}
    for records in scene.log.topics["sem.images"]:  # of the three one has not expired
        records[:] = [m if m and m.key in (b"3", b"z/same.tif") else None for m in records]
    replayed = scene(same, lane="other")
    assert (replayed.meant["same.tif"], replayed.rebuilt, replayed.missing) == (3, 2, {"none.tif"})


def test_what_is_no_image_event_is_left_out_and_counted(scene: Scene) -> None:
    bad = [hostile.build() for hostile in CORPUS]
    scene.log.publish([Outgoing("sem.images", m.key, m.value or b"", m.headers) for m in bad])
    replayed = scene(Selection(since=NOON - 24 * HOUR))
    assert scene.numbers() == list(range(6))
    assert replayed.malformed == len(bad)


def test_a_dry_run_counts_and_publishes_nothing(scene: Scene) -> None:
    replayed = scene.replay(None, Selection(since=NOON - 3 * HOUR), lane="replay", topic=TARGET, speed=0.001)
    assert TARGET not in scene.log.topics
    assert len(replayed.acquisitions) == 3
    stamps = [NOON - 3 * HOUR, NOON - HOUR]
    assert [replayed.first_ms, replayed.last_ms] == [int(stamp.timestamp() * 1000) for stamp in stamps]
    assert replayed.bytes == sum(m.size_bytes for m in scene.log.messages("sem.images")[-3:])
    assert scene.watch.time_s == 100.0


@pytest.mark.parametrize("speed", [0.5, 3.0, 40.0, 100_000.0])
def test_a_speed_is_kept(speed: float) -> None:
    scene = Scene(count=120)
    arrivals: list[tuple[float, int]] = []
    publish = scene.log.publish

    def noted(events: object) -> None:
        wanted: list[Outgoing] = list(events)  # type: ignore[call-overload]
        arrivals.append((scene.watch.time_s - 100.0, len(wanted)))
        publish(wanted)

    scene.log.publish = noted  # type: ignore[method-assign]
    scene(Selection(since=NOON - 1000 * HOUR), speed=speed)
    assert sum(count for _, count in arrivals) == 120
    assert all(later[0] >= earlier[0] for earlier, later in pairwise(arrivals))
    sent = 0
    for at, count in arrivals:
        assert at == pytest.approx(sent / speed)
        sent += count


def test_without_a_speed_nothing_is_waited_for(scene: Scene) -> None:
    scene(Selection(since=NOON - 24 * HOUR))
    assert scene.watch.time_s == 100.0


@pytest.mark.parametrize("lane", ["live", "", "Replay", "a.b"])
def test_a_replay_has_a_lane_of_its_own(scene: Scene, lane: str) -> None:
    with pytest.raises(UsageError, match="a lane of its own"):
        scene(Selection(instrument="sem-1"), lane=lane)


@pytest.fixture
def expired(scene: Scene) -> Iterator[Scene]:
    """Images that every stage has answered, and that have expired in the images' topic."""
    for stage in STAGES:
        scene.flowing.work(stage)
    scene.log.delete_before("sem.images", {n: len(r) for n, r in enumerate(scene.log.topics["sem.images"])})
    yield scene


def test_an_image_that_expired_is_made_of_what_a_later_stage_published(expired: Scene) -> None:
    replayed = expired(Selection(images=("3.tif",)))
    (message,) = expired.arrived
    event = ImageEvent.from_json(message.value or b"")
    first = image_event(object_ref("03" * 32), name="day1/3.tif")
    assert event == first.but(image=first.image.but(instrument_id="sem-1"))
    assert Headers.from_wire(message.headers).replay_of == event.acquisition.acquisition_id
    assert (replayed.rebuilt, replayed.missing) == (1, set())
    expired.log.reads.clear()
    expired(Selection(images=(event.acquisition.acquisition_id,)))
    assert "sem.shaded" not in expired.log.reads


def test_only_what_was_asked_for_by_name_is_looked_for_in_later_topics(expired: Scene) -> None:
    assert expired(Selection(since=NOON - 24 * HOUR)).acquisitions == set()


def test_an_image_that_no_topic_holds_is_named(expired: Scene) -> None:
    replayed = expired(Selection(images=("3.tif", "gone.tif")))
    assert replayed.missing == {"gone.tif"}
    assert len(replayed.acquisitions) == 1
