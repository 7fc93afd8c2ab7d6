from itertools import pairwise

import pytest

from schemas.events import DeadLetter
from schemas.headers import Headers
from schemas.health import HealthEvent, Quantity
from streams.transport import Message, Partition
from streams.trends.desk import TrendsDesk, kept
from streams.trends.observation import Observation, parsed, relearning
from streams.trends.watch import InstrumentWatch
from tests.events import NOON, headers_of, image_event
from tests.streams.trends.instruments import rising, simulated

DESK = TrendsDesk("live")


def _message(value: bytes | None, offset: int = 0) -> Message:
    return Message(Partition("sem.scored", 0), offset, 0, b"key", value, headers_of(image_event()).to_wire())


def _observation(seen: Observation) -> Message:
    return Message(Partition(DESK.observations, 0), seen.offset, 0, seen.key, seen.to_json(), [])


def test_lanes_have_topics_and_groups_of_their_own() -> None:
    assert (DESK.name, DESK.observations) == ("sem.trends", "sem.trends-observations")
    assert TrendsDesk("replay").observations == "sem.replay.trends-observations"


def test_an_event_becomes_an_observation_under_its_instruments_name() -> None:
    sent = DESK.noted(_message(image_event().to_json(), 5), NOON)
    assert sent is not None
    assert (sent.topic, sent.key) == ("sem.trends-observations", b"unknown|")
    assert parsed(sent.value).offset == 5


@pytest.mark.parametrize("value", [None, b"", b"{}", b"\xff\xfe"])
def test_what_is_no_event_becomes_a_dead_letter_with_the_original(value: bytes | None) -> None:
    sent = DESK.noted(_message(value, 5), NOON)
    assert sent is not None
    letter = DeadLetter.from_json(sent.value)
    assert (sent.topic, letter.stage, letter.error_class) == ("sem.deadletter", "trends", "malformed_event")
    assert letter.original is not None
    assert (letter.original.topic, letter.original.offset) == ("sem.scored", 5)


@pytest.mark.parametrize("value", [None, b"{}", b"\xff\xfe"])
def test_what_is_no_observation_becomes_one_too_and_the_watch_stays_as_it_is(value: bytes | None) -> None:
    watch = InstrumentWatch(instrument_id="sem-1", images=3)
    after, sent = DESK.taken(_message(value), watch, NOON)
    assert after is watch
    assert [message.topic for message in sent] == ["sem.deadletter"]


@pytest.mark.parametrize("sigma", [0.0, -1.0])
def test_a_strength_of_noise_without_a_logarithm_becomes_a_dead_letter(sigma: float) -> None:
    seen = next(simulated(1, seed=1)).but(values={Quantity.SIGMA: sigma})
    watch = InstrumentWatch(instrument_id="sem-1", images=3)
    after, sent = DESK.taken(_observation(seen), watch, NOON)
    assert (after, [message.topic for message in sent]) == (watch, ["sem.deadletter"])


def test_who_is_not_watched_is_not_begun_by_the_word_that_it_was_serviced() -> None:
    assert DESK.taken(_observation(relearning("sem-1", None, NOON)), None, NOON) == (None, [])


def test_observations_become_health_events_and_those_delivered_again_nothing() -> None:
    watch, told = None, list[str]()
    messages = [_observation(seen) for seen in simulated(500, seed=1, drift=rising(start=300))]
    for message in messages:
        watch, sent = DESK.taken(message, watch, NOON)
        told += [Headers.from_wire(one.headers).id for one in sent]
        assert all(HealthEvent.from_json(one.value).instrument_id == "sem-1" for one in sent)
    assert told
    assert len(set(told)) == len(told)
    assert all(DESK.taken(message, watch, NOON) == (watch, []) for message in messages)


def test_what_was_told_before_a_crash_is_told_again_by_the_same_ids() -> None:
    watches: list[InstrumentWatch | None] = [None]
    messages = [_observation(seen) for seen in simulated(500, seed=1, drift=rising(start=300))]
    for message in messages:
        watches.append(DESK.taken(message, watches[-1], NOON)[0])
    for message, (before, after) in zip(messages, pairwise(watches), strict=True):
        assert DESK.taken(message, before, NOON) == DESK.taken(message, before, NOON)
        assert DESK.taken(message, before, NOON)[0] == after


@pytest.mark.parametrize("data", [None, b"", b"{}", b"\xff"])
def test_a_table_without_a_watch_begins_one(data: bytes | None) -> None:
    assert kept(data) is None


def test_a_watch_is_kept_as_it_is() -> None:
    watch = InstrumentWatch(instrument_id="sem-1", recipe="lines", images=3)
    assert kept(watch.to_json()) == watch
