from dataclasses import replace
from datetime import timedelta

import pytest

from schemas.headers import Headers
from streams.promotion import Origin, promote
from streams.transport import Outgoing
from tests.events import NOON
from tests.memory_log import MemoryLog
from tests.streams.flowing import PIPELINE, STAGES, Fate, Flowing

ORIGIN = Origin("replay", "pick", PIPELINE, "sem.replay.picked")
INTO = "sem.picked"
NAMES = ("a", "b", "c")


@pytest.fixture
def lane() -> Flowing:
    """A lane that has selected three images, beside a live lane that has, too."""
    log = MemoryLog()
    for name in ("live", "replay"):
        flowing = Flowing(log, name)
        for image in NAMES:
            flowing.publish(image)
        for stage in STAGES:
            flowing.work(stage)
    return flowing


def promoted(lane: Flowing) -> list[Headers]:
    found = [Headers.from_wire(message.headers) for message in lane.log.messages(INTO)]
    return [headers for headers in found if headers.source == "/promote/replay"]


def test_what_a_lane_selected_is_published_to_the_live_lane_with_ids_of_its_own(lane: Flowing) -> None:
    assert promote(lane.log, lane.log, ORIGIN, into=INTO, now=lambda: NOON).published == 3
    selected = {message.key: message for message in lane.log.messages(ORIGIN.topic)}
    live = {Headers.from_wire(message.headers).id for message in lane.log.messages(INTO)}
    assert len(live) == len(lane.log.messages(INTO)) == 6
    for message in lane.log.messages(INTO)[3:]:
        if Headers.from_wire(message.headers).source == "/promote/replay":
            assert message.value == selected[message.key].value


def test_marks_are_kept(lane: Flowing) -> None:
    (first, *_) = lane.log.messages(ORIGIN.topic)
    headers = replace(Headers.from_wire(first.headers), replay_of="original", extra=(("x_lab", b"7"),))
    for records in lane.log.topics[ORIGIN.topic]:
        records[:] = [m and replace(m, headers=headers.to_wire()) if m == first else m for m in records]
    promote(lane.log, lane.log, ORIGIN, into=INTO, now=lambda: NOON)
    (found,) = [headers for headers in promoted(lane) if headers.replay_of]
    assert (found.replay_of, found.extra, found.time) == ("original", (("x_lab", b"7"),), NOON)


def test_a_second_promotion_publishes_nothing(lane: Flowing) -> None:
    promote(lane.log, lane.log, ORIGIN, into=INTO, now=lambda: NOON)
    again = promote(lane.log, lane.log, ORIGIN, into=INTO, now=lambda: NOON + timedelta(days=1))
    assert (again.published, again.already) == (0, 3)
    assert len(promoted(lane)) == 3


def test_a_promotion_that_was_interrupted_goes_on(lane: Flowing) -> None:
    promote(lane.log, lane.log, ORIGIN, into=INTO, now=lambda: NOON)
    for records in lane.log.topics[INTO]:
        del records[len(records) - 1 :]
    left = len(promoted(lane))
    assert left < 3
    rest = promote(lane.log, lane.log, ORIGIN, into=INTO, now=lambda: NOON)
    assert (rest.published, rest.already) == (3 - left, left)
    assert len(promoted(lane)) == 3


def test_a_repeat_in_the_lane_is_promoted_once(lane: Flowing) -> None:
    for message in lane.log.messages(ORIGIN.topic):
        lane.log.publish([Outgoing(ORIGIN.topic, message.key, message.value or b"", message.headers)])
    assert promote(lane.log, lane.log, ORIGIN, into=INTO, now=lambda: NOON).published == 3


def test_what_another_pipeline_selected_is_left_out_whichever_came_first(lane: Flowing) -> None:
    theirs = replace(ORIGIN, pipeline="p2")
    outcome = promote(lane.log, lane.log, theirs, into=INTO, now=lambda: NOON)
    assert (outcome.published, outcome.by_others) == (0, 3)
    mixed = [
        Outgoing(ORIGIN.topic, m.key, m.value or b"", replace(Headers.from_wire(m.headers), id="p2's").to_wire())
        for m in lane.log.messages(ORIGIN.topic)
    ]
    ours = [Outgoing(ORIGIN.topic, m.key, m.value or b"", m.headers) for m in lane.log.messages(ORIGIN.topic)]
    lane.log.topics[ORIGIN.topic] = [[], []]
    lane.log.publish([*mixed, *ours])
    outcome = promote(lane.log, lane.log, ORIGIN, into=INTO, now=lambda: NOON)
    assert (outcome.published, outcome.by_others) == (3, 3)


def test_a_dry_run_counts_and_an_empty_lane_has_nothing(lane: Flowing) -> None:
    assert promote(lane.log, None, ORIGIN, into=INTO, now=lambda: NOON).published == 3
    assert promoted(lane) == []
    lane.log.topics[ORIGIN.topic] = [[], []]
    assert promote(lane.log, lane.log, ORIGIN, into=INTO, now=lambda: NOON).published == 0


def test_only_some_may_be_promoted(lane: Flowing) -> None:
    assert promote(lane.log, lane.log, ORIGIN, into=INTO, now=lambda: NOON, only=lambda _: False).published == 0


def test_a_promotion_leaves_the_balance_of_the_live_lane_as_it_was(lane: Flowing) -> None:
    live = Flowing(lane.log, "live")
    for stage in STAGES:
        live.read[stage] = lane.read[stage]
    promote(lane.log, lane.log, ORIGIN, into=INTO, now=lambda: NOON)
    balance = live.balances()["pick"]
    assert (balance.done, balance.doubled, balance.lost, balance.elsewhere) == (3, 0, 0, 3)


def test_what_a_lane_rejected_is_not_promoted() -> None:
    flowing = Flowing(MemoryLog(), "replay", fates={("pick", "a"): Fate.REJECTED})
    flowing.log.create(INTO)
    for image in NAMES:
        flowing.publish(image)
    for stage in STAGES:
        flowing.work(stage)
    assert promote(flowing.log, flowing.log, ORIGIN, into=INTO, now=lambda: NOON).published == 2
