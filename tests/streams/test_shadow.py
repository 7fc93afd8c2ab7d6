from dataclasses import dataclass, field

import pytest

from streams.shadow import Patience, Tail, events_of, pairs_of, unanswered
from streams.sightings import acquisition_in
from tests.events import image_event
from tests.memory_log import MemoryLog
from tests.streams.flowing import STAGES, Fate, Flowing

TOPICS = ("sem.replay.picked", "sem.deadletter")


@dataclass
class Lane:
    """A lane whose workers answer some images every time that somebody waits."""

    flowing: Flowing
    time_s: float = 0.0
    notes: list[int] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.time_s += seconds
        for stage in STAGES:
            self.flowing.work(stage, limit=1)

    def patience(self, lasts_s: float = 60) -> Patience:
        return Patience(lasts_s, lambda: self.time_s, self.sleep, self.notes.append)

    def publish(self, *names: str) -> set[str]:
        for name in names:
            self.flowing.publish(name)
        return {image_event(name=name).acquisition.acquisition_id for name in names}


@pytest.fixture
def lane() -> Lane:
    return Lane(Flowing(MemoryLog(), "replay"))


def test_answers_are_waited_for_dead_letters_among_them(lane: Lane) -> None:
    lane.flowing.fates = {("shade", "b"): Fate.REJECTED, ("pick", "c"): Fate.REJECTED}
    tail = Tail(lane.flowing.log, TOPICS)
    published = lane.publish("a", "b", "c", "d")
    assert unanswered(tail, published, lane="replay", patience=lane.patience()) == set()
    assert lane.notes[0] == 4
    assert lane.notes == sorted(lane.notes, reverse=True)


def test_answers_of_an_earlier_replay_do_not_count(lane: Lane) -> None:
    published = lane.publish("a", "b")
    for stage in STAGES:
        lane.flowing.work(stage)
    tail = Tail(lane.flowing.log, TOPICS)
    assert unanswered(tail, published, lane="replay", patience=lane.patience(5)) == published


def test_letters_of_another_lane_do_not_count(lane: Lane) -> None:
    tail = Tail(lane.flowing.log, TOPICS)
    published = lane.publish("a")
    live = Flowing(lane.flowing.log, "live", fates={("shade", "a"): Fate.REJECTED})
    live.publish("a")
    live.work("shade")
    lane.flowing.read["shade"] = {0: 99, 1: 99}
    assert unanswered(tail, published, lane="replay", patience=lane.patience(5)) == published


def test_patience_is_renewed_by_every_answer(lane: Lane) -> None:
    tail = Tail(lane.flowing.log, TOPICS)
    published = lane.publish(*(str(n) for n in range(30)))
    assert unanswered(tail, published, lane="replay", patience=lane.patience(3)) == set()
    assert lane.time_s > 3


def test_only_the_events_asked_for_are_parsed(lane: Lane) -> None:
    wanted = lane.publish("a", "b")
    lane.publish("c")
    lane.flowing.publish("d", value=b"?")
    messages = lane.flowing.log.messages("sem.replay.images")
    assert {event.acquisition.acquisition_id for event in events_of(messages, wanted)} == wanted


def test_pairs_come_in_the_order_asked_for(lane: Lane) -> None:
    lane.publish(*"abc")
    messages = lane.flowing.log.messages("sem.replay.images")
    ids = [acquisition_in(message.value or b"") or "" for message in messages]
    pairs = pairs_of(messages[:2], messages, [*reversed(ids), "unknown"])
    assert [pair.old.acquisition.acquisition_id for pair in pairs] == list(reversed(ids[:2]))
