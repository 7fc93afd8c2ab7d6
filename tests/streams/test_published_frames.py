"""Frames of published images, from topics in memory and objects in a folder."""

from pathlib import Path

import numpy as np
import pytest

from schemas.image import ObjectRef
from streams.adapters.folder_store import FolderStore
from streams.folder_frames import FolderFrame
from streams.frames import Frames
from streams.intake import message_of
from streams.published_frames import Meant, frames_named
from streams.transport import Outgoing
from tests.events import NOON, image_event, object_ref
from tests.memory_log import MemoryLog
from tests.toys import SIDE, ToyDecoder, toy_file

TOPIC = "sem.images"


class Feed:
    """What was published, and what is asked of it."""

    def __init__(self, folder: Path) -> None:
        self.store, self.log = FolderStore(folder), MemoryLog()
        self.log.create(TOPIC)
        self.failed: list[tuple[str, str]] = []
        self.alone: list[tuple[str, str]] = []

    def stored(self, seed: int) -> ObjectRef:
        return self.store.put(toy_file(seed), folder="raw/x", suffix="", media_type="x")

    def publish(self, ref: ObjectRef, *, name: str, second: ObjectRef | None = None, instrument: str = "sem-1") -> str:
        event = image_event(ref, name=name, width=SIDE, height=SIDE)
        event = event.but(image=event.image.but(second=second, instrument_id=instrument))
        self.log.publish([message_of(event, TOPIC)])
        return event.image.image_id

    def named(self, *image_ids: str, instrument: str | None = None) -> list[FolderFrame]:
        told = frames_named(
            self.log,
            TOPIC,
            Meant(image_ids, instrument),
            Frames(self.store, ToyDecoder()),
            now=lambda: NOON,
            left_out=lambda name, why: self.failed.append((name, why)),
            alone=lambda name, why: self.alone.append((name, why)),
        )
        return list(told)


@pytest.fixture
def feed(tmp_path: Path) -> Feed:
    return Feed(tmp_path)


def test_images_meant_come_once_with_their_second_frames(feed: Feed) -> None:
    one = feed.publish(feed.stored(1), name="a.tif")
    feed.publish(feed.stored(2), name="b.tif")
    two = feed.publish(feed.stored(3), name="c.tif", second=feed.stored(4))
    feed.publish(feed.stored(1), name="again.tif")
    first, other = feed.named(one, two)
    assert (first.image_id, first.name, first.second) == (one, "again.tif", None)
    assert (other.image_id, other.name) == (two, "c.tif")
    assert other.second is not None
    assert not np.array_equal(other.pixels, other.second)
    assert feed.failed == []


def test_those_of_another_instrument_are_counted_where_one_is_named(feed: Feed) -> None:
    both = [feed.publish(feed.stored(n), name=f"{n}.tif", instrument=f"sem-{n}") for n in (1, 2)]
    assert len(feed.named(*both)) == 2
    assert feed.failed == []
    assert [frame.name for frame in feed.named(*both, instrument="sem-2")] == ["2.tif"]
    assert feed.failed == [("1 image(s)", "of another instrument than sem-2")]
    feed.failed.clear()
    feed.publish(feed.stored(1), name="again.tif", instrument="sem-2")
    assert [frame.name for frame in feed.named(*both, instrument="sem-2")] == ["again.tif", "2.tif"]
    assert feed.failed == []


def test_a_second_frame_that_came_later_is_had_and_one_that_is_gone_is_told(feed: Feed) -> None:
    late = feed.publish(feed.stored(1), name="late.tif")
    feed.publish(feed.stored(1), name="late.tif", second=feed.stored(5))
    feed.publish(feed.stored(1), name="elsewhere.tif")
    lost = feed.publish(feed.stored(2), name="lost.tif", second=object_ref())
    first, other = feed.named(late, lost)
    assert first.second is not None
    assert (other.name, other.second) == ("lost.tif", None)
    assert feed.failed == []
    ((name, why),) = feed.alone
    assert name == "lost.tif"
    assert why.startswith(f"its second frame {object_ref().key}: ")


def test_the_order_is_that_of_the_ids_however_the_partitions_are_read(feed: Feed) -> None:
    ids = [feed.publish(feed.stored(n), name=f"{n}.tif") for n in range(8)]
    wanted = ids[::-1]
    before = [frame.image_id for frame in feed.named(*wanted)]
    feed.log.topics[TOPIC] = feed.log.topics[TOPIC][::-1]
    assert before == [frame.image_id for frame in feed.named(*wanted)] == wanted


def test_an_image_without_an_event_is_counted_and_one_without_its_object_is_named(feed: Feed) -> None:
    gone = feed.publish(object_ref(), name="gone.tif")
    kept = feed.publish(feed.stored(1), name="kept.tif")
    (frame,) = feed.named(gone, kept, "ff" * 16 + "-0")
    assert frame.name == "kept.tif"
    assert [name for name, _ in feed.failed] == ["1 image(s)", "gone.tif"]
    assert "publish their files with another --state" in feed.failed[0][1]


def test_what_is_no_event_is_passed_over(feed: Feed) -> None:
    wanted = feed.publish(feed.stored(1), name="a.tif")
    for records in feed.log.topics[TOPIC]:
        records.clear()
    feed.log.publish([Outgoing(TOPIC, wanted.encode(), b"{", [])])
    feed.publish(feed.stored(1), name="a.tif")
    assert [len(records) for records in feed.log.topics[TOPIC] if records] == [2]
    assert [frame.name for frame in feed.named(wanted)] == ["a.tif"]
