"""What a fleet's processes export, as a person looks at it; every number goes through the text of their pages."""

import pytest

from streams.telemetry import Telemetry
from streams.telemetry.catalogue import CACHE_AVAILABLE, GPU_MEMORY, GPU_MEMORY_USED, GPU_UTILISATION, PARTS
from streams.top.fleet import Fleet, Gpu, fleet_of
from streams.top.look import Answers, Look
from streams.top.questions import GPU_BUSY, GPU_SIZE, GPU_USED, QUESTIONS
from streams.top.watching import Page, Watched
from tests.events import NOON
from tests.streams.top.processes import Clock, Process, busy, looked_at

SERIES = (PARTS.series, frozenset({("stage", "filter")}))


def test_rates_are_what_was_answered_between_two_looks_by_all_processes() -> None:
    one, other, seen = Process("a:1"), Process("b:1"), list[Watched]()
    one.answer(100)
    looked_at(one, other, seen=seen, at_s=0)
    one.answer(10)
    other.answer(5)
    (stage,) = looked_at(one, other, seen=seen, at_s=10).stages
    assert (stage.lane, stage.stage, stage.done_per_s, stage.partitions) == ("live", "filter", 1.5, 8)


def test_after_one_look_rates_are_not_known_and_the_rest_is() -> None:
    process = Process()
    process.answer(3, rejected=2)
    process.fall_behind(7, 12.5)
    (stage,) = looked_at(process, seen=[], at_s=0).stages
    assert (stage.done_per_s, stage.busy, stage.known) == (None, None, None)
    assert (stage.lag_messages, stage.lag_s, stage.dead_letters.total) == (7, 12.5, 2)


def test_lag_is_all_messages_and_the_longest_wait() -> None:
    one, other = Process("a:1"), Process("b:1")
    one.fall_behind(3, 40)
    other.fall_behind(4, 2)
    (stage,) = looked_at(one, other, seen=[], at_s=0).stages
    assert (stage.lag_messages, stage.lag_s) == (7, 40)


def test_a_process_that_began_anew_does_not_count_backwards() -> None:
    seen = list[Watched]()
    old = Process()
    old.answer(1000)
    looked_at(old, seen=seen, at_s=0)
    new = Process()
    new.answer(2)
    (stage,) = looked_at(new, seen=seen, at_s=10).stages
    assert stage.done_per_s is None
    new.answer(20)
    (stage,) = looked_at(new, seen=seen, at_s=20).stages
    assert stage.done_per_s == 2


def test_rates_are_of_the_last_minute_only() -> None:
    process, seen = Process(), list[Watched]()
    for at_s in range(0, 200, 20):
        process.answer(100 if at_s < 100 else 10)
        fleet = looked_at(process, seen=seen, at_s=at_s)
    assert fleet.stages[0].done_per_s == pytest.approx(0.5)


def test_time_is_shared_out_and_what_is_not_idle_is_busy() -> None:
    clock, seen = Clock(), list[Watched]()
    process = Process(telemetry=Telemetry(clock=clock))
    busy(process, clock, compute=1)
    looked_at(process, seen=seen, at_s=0)
    busy(process, clock, compute=6, fetch=1, idle=3)
    (stage,) = looked_at(process, seen=seen, at_s=10).stages
    assert {name: share for name, share in stage.time.items() if share} == {"compute": 0.6, "fetch": 0.1, "idle": 0.3}
    assert stage.busy == pytest.approx(0.7)


def test_what_was_known_is_the_share_that_was_not_computed() -> None:
    process, seen = Process(), list[Watched]()
    looked_at(process, seen=seen, at_s=0)
    process.answer(8, cached=6)
    (stage,) = looked_at(process, seen=seen, at_s=1).stages
    assert (stage.known, stage.parts) == (0.75, {"computed": 0.25, "cache": 0.75})


def test_retries_and_rebalances_are_counted_and_said_to_grow_when_they_do() -> None:
    process, seen = Process(), list[Watched]()
    process.rebalance("assigned")
    process.try_again()
    looked_at(process, seen=seen, at_s=0)
    process.try_again()
    (stage,) = looked_at(process, seen=seen, at_s=1).stages
    assert (stage.retries.total, stage.retries.grows) == (2, True)
    assert (stage.rebalances.total, stage.rebalances.grows) == (1, False)


def test_stages_stand_in_the_order_of_the_path_and_the_live_lane_first() -> None:
    names = ("selector", "own", "metrics", "filter", "denoise")
    processes = [Process(f"{name}:1", name) for name in names]
    fleet = looked_at(*processes, seen=[], at_s=0)
    assert [stage.stage for stage in fleet.stages] == ["filter", "denoise", "metrics", "selector", "own"]


def test_who_does_not_answer_comes_first_with_the_reason() -> None:
    fleet = looked_at(Process("a:1"), seen=[], at_s=0, silent={"b:1": "connection refused"})
    assert [(one.instance, one.silent) for one in fleet.processes] == [("b:1", "connection refused"), ("a:1", None)]
    assert (fleet.answering, fleet.processes[1].pipeline) == (1, "default")


def test_a_cache_that_is_left_alone_is_told() -> None:
    process = Process()
    process.telemetry.set(CACHE_AVAILABLE, 0, "redis")
    assert looked_at(process, seen=[], at_s=0).caches == {"redis": False}


def test_gpus_stand_beside_their_process() -> None:
    answers: Answers = {GPU_BUSY: {("a:1", "0"): 0.9}, GPU_USED: {("a:1", "0"): 1.0}, GPU_SIZE: {("a:1", "0"): 4.0}}
    assert {q.metric for q in answers} == {GPU_UTILISATION, GPU_MEMORY_USED, GPU_MEMORY}
    fleet = fleet_of(Look(answers, {"a:1": None}), at=NOON, told_by="a test")
    assert fleet.processes[0].gpus == (Gpu("0", 0.9, 1.0, 4.0),)


def test_nothing_is_known_of_a_process_that_stopped_answering() -> None:
    watched = Watched("a:1", 60)
    watched.add(Page(0, {}))
    watched.lose()
    assert (watched.now(), watched.rates()) == ({}, {})


def test_every_question_is_about_labels_that_its_metric_has() -> None:
    for question in QUESTIONS:
        assert set(question.by) <= {*question.metric.labels, "instance"}, question


def test_a_fleet_of_nobody_has_nothing_to_show() -> None:
    assert fleet_of(Look({}, {}), at=NOON, told_by="a test") == Fleet(NOON, "a test")


def test_few_pages_are_kept_however_often_and_long_a_process_is_looked_at() -> None:
    watched = Watched("a:1", over_s=86_400)
    for at_s in range(0, 2 * 86_400, 20):
        watched.add(Page(at_s, {SERIES: float(3 * at_s)}))
    assert len(watched.pages) < 65
    assert watched.now() == {SERIES: 3 * (2 * 86_400 - 20)}
    assert watched.rates() == {SERIES: 3.0}
    assert 86_400 <= watched.pages[-1].at_s - watched.pages[0].at_s < 86_400 * 1.05


def test_rates_are_known_from_the_second_look_on_however_soon_it_comes() -> None:
    watched = Watched("a:1", over_s=3600)
    for at_s in range(4):
        watched.add(Page(at_s, {SERIES: 2.0 * at_s}))
        assert watched.rates() == ({SERIES: 2.0} if at_s else {})
