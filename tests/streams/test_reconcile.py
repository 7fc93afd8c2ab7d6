from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.balance import Balance, Fault, Scope, Window
from streams.reconcile import conservation, names_of
from streams.transport import Message, Outgoing
from tests.events import NOON, image_event
from tests.hostile.events import CORPUS
from tests.memory_log import MemoryLog
from tests.streams.flowing import FAULTS, PIPELINE, STAGES, Fate, Flowing, findings


@pytest.fixture
def flowing() -> Flowing:
    return Flowing(MemoryLog())


def run(flowing: Flowing, **images: int) -> dict[str, Balance]:
    """Publish images, so many times each, and let both stages answer everything."""
    for name, times in images.items():
        for _ in range(times):
            flowing.publish(name)
    for stage in STAGES:
        flowing.work(stage)
    return flowing.balances()


def sums(balance: Balance) -> dict[str, int]:
    names = ("acquisitions", "retries", "repeats", "done", "dead_lettered", "in_flight", "lost", "doubled")
    return {name: getattr(balance, name) for name in names if getattr(balance, name)}


def test_what_was_answered_once_balances(flowing: Flowing) -> None:
    balances = run(flowing, a=1, b=1, c=1)
    assert [sums(balance) for balance in balances.values()] == [{"acquisitions": 3, "done": 3}] * 2
    assert all(balance.holds and balance.started for balance in balances.values())


def test_what_the_group_has_not_read_is_in_flight(flowing: Flowing) -> None:
    for n in range(20):
        flowing.publish(str(n))
    assert sums(flowing.balances()["shade"]) == {"acquisitions": 20, "in_flight": 20}
    assert not flowing.balances()["shade"].started
    flowing.work("shade", limit=3)
    assert sums(flowing.balances()["shade"]) == {"acquisitions": 20, "done": 6, "in_flight": 14}
    assert sums(flowing.balances()["pick"]) == {"acquisitions": 6, "in_flight": 6}


def test_an_event_published_again_is_a_repeat_and_its_answers_are_not_doubled(flowing: Flowing) -> None:
    balances = run(flowing, a=3, b=1)
    for balance in balances.values():
        assert sums(balance) == {"acquisitions": 2, "repeats": 2, "done": 4}
        assert balance.holds


def test_a_dead_letter_answers_and_its_retry_asks_anew(flowing: Flowing) -> None:
    flowing.fates = {("pick", "a"): Fate.REJECTED}
    balances = run(flowing, a=1, b=1)
    assert sums(balances["pick"]) == {"acquisitions": 2, "done": 1, "dead_lettered": 1}
    flowing.retry()
    asked = {"acquisitions": 2, "retries": 1, "done": 1, "dead_lettered": 1, "in_flight": 1}
    assert sums(flowing.balances()["pick"]) == asked
    flowing.work("pick")
    balances = flowing.balances()
    assert sums(balances["shade"]) == {"acquisitions": 2, "done": 2}
    assert sums(balances["pick"]) == {"acquisitions": 2, "retries": 1, "done": 2, "dead_lettered": 1}
    assert all(balance.holds for balance in balances.values())


def test_a_retry_goes_on_through_the_stages_behind(flowing: Flowing) -> None:
    flowing.fates = {("shade", "a"): Fate.REJECTED}
    run(flowing, a=1)
    flowing.retry()
    for stage in STAGES:
        flowing.work(stage)
    balances = flowing.balances()
    assert sums(balances["shade"]) == {"acquisitions": 1, "retries": 1, "done": 1, "dead_lettered": 1}
    assert sums(balances["pick"]) == {"retries": 1, "done": 1}
    assert all(balance.holds for balance in balances.values())


@pytest.mark.parametrize("fate", FAULTS)
@pytest.mark.parametrize("stage", STAGES)
def test_a_fault_is_found_where_it_happened(flowing: Flowing, fate: Fate, stage: str) -> None:
    flowing.fates = {(stage, "bad"): fate}
    balances = run(flowing, good=1, bad=1, other=1)
    assert findings(balances) == Counter({(FAULTS[fate], stage): 1})
    (finding,) = balances[stage].findings
    assert finding.acquisition_id == image_event(name="bad").acquisition.acquisition_id
    assert names_of(flowing.log, [finding]) == {finding: (image_event().image.image_id, "bad")}
    assert sums(balances[stage]).get("lost", 0) == (FAULTS[fate] is Fault.LOST)
    assert sums(balances[stage]).get("doubled", 0) == (FAULTS[fate] is Fault.DOUBLED)


def test_what_was_lost_is_told_with_what_the_ledger_knows(flowing: Flowing) -> None:
    flowing.fates = {("shade", "a"): Fate.LOST, ("shade", "b"): Fate.LOST_THOUGH_SETTLED}
    details = {finding.detail for finding in run(flowing, a=1, b=1)["shade"].findings}
    assert details == {
        "neither settled nor published",
        f"settled as done at {NOON.isoformat()}, and nothing was published",
    }


def test_a_second_dead_letter_for_one_delivery_is_doubled(flowing: Flowing) -> None:
    flowing.fates = {("shade", "a"): Fate.REJECTED}
    run(flowing, a=1)
    (letter,) = flowing.log.messages("sem.deadletter")
    flowing.log.publish([Outgoing("sem.deadletter", letter.key, letter.value or b"", letter.headers)])
    assert findings(flowing.balances()) == Counter({(Fault.DOUBLED, "shade"): 1})


@pytest.mark.parametrize("hostile", CORPUS, ids=lambda hostile: hostile.name)
def test_a_malformed_event_is_answered_by_its_letter_and_missed_without(flowing: Flowing, hostile: object) -> None:
    bad = hostile.build()  # type: ignore[attr-defined]
    flowing.log.publish([Outgoing("sem.images", bad.key, bad.value or b"", bad.headers)])
    balances = run(flowing, a=1)
    assert sums(balances["shade"]) == {"acquisitions": 2, "done": 1, "dead_lettered": 1}
    assert balances["shade"].holds
    flowing.log.topics["sem.deadletter"] = [[], []]
    (finding,) = flowing.balances()["shade"].findings
    assert (finding.fault, finding.topic) == (Fault.LOST, "sem.images")


def test_what_came_before_a_group_was_seeded_is_not_asked_of_it(flowing: Flowing) -> None:
    for name in "abcdefgh":
        flowing.publish(name)
    ends = {n: len(records) for n, records in enumerate(flowing.log.topics["sem.images"])}
    flowing.read["shade"] = ends
    assert flowing.balances()["shade"].lost == 8
    flowing.seeds["shade"] = ends
    assert sums(flowing.balances()["shade"]) == {}


def test_an_event_that_was_promoted_or_forged_is_no_answer_of_the_stage(flowing: Flowing) -> None:
    run(flowing, a=1)
    (picked,) = flowing.log.messages("sem.picked")
    headers = [(n, b"/promote/replay" if n == "ce_source" else v) for n, v in picked.headers]
    flowing.log.publish([Outgoing("sem.picked", picked.key, picked.value or b"", headers)])
    balance = flowing.balances()["pick"]
    assert (balance.holds, balance.done, balance.elsewhere) == (True, 1, 1)


def test_an_answer_by_a_pipeline_that_nobody_named_is_an_answer(flowing: Flowing) -> None:
    run(flowing, a=1)
    flowing.ledger.clear()
    for stage in STAGES:
        for topic in ("sem.shaded", "sem.picked"):
            for records in flowing.log.topics[topic]:
                for n, message in enumerate(records):
                    if message:
                        headers = [(k, b"of another" if k == "ce_id" else v) for k, v in message.headers]
                        records[n] = type(message)(**{**vars(message), "headers": headers})
        assert flowing.balances()[stage].holds


def test_only_deliveries_of_the_window_are_judged_by_when_they_were_stamped(flowing: Flowing) -> None:
    times = iter([NOON, NOON + timedelta(hours=3), NOON + timedelta(hours=6)])
    flowing.fates = {("shade", name): Fate.LOST for name in "abc"}
    for name in "abc":
        at = next(times)
        flowing.log.now = lambda at=at: at  # type: ignore[misc]
        flowing.publish(name)
    flowing.work("shade")
    hours = [NOON + timedelta(hours=n) for n in range(8)]
    assert flowing.balances()["shade"].lost == 3
    assert flowing.balances(Window(hours[2], hours[5]))["shade"].lost == 1
    assert flowing.balances(Window(until=hours[3]))["shade"].lost == 1
    assert flowing.balances(Window(since=hours[3]))["shade"].lost == 2
    assert flowing.balances(Window(hours[1], hours[2]))["shade"].acquisitions == 0


def test_lanes_do_not_see_each_other() -> None:
    log = MemoryLog()
    lanes = {lane: Flowing(log, lane) for lane in ("live", "replay")}
    lanes["live"].fates = {("shade", "a"): Fate.REJECTED}
    lanes["replay"].fates = {("shade", "a"): Fate.LOST}
    for flowing in lanes.values():
        run(flowing, a=1)
    assert lanes["live"].balances()["shade"].holds
    assert lanes["replay"].balances()["shade"].lost == 1


def test_a_lane_may_live_while_it_is_read(flowing: Flowing) -> None:
    for n in range(6):
        flowing.publish(str(n))
    flowing.work("shade", limit=1)

    def read(topic: str) -> Iterator[Message]:
        yield from flowing.log.messages(topic)
        flowing.work("shade", limit=1)
        flowing.work("pick", limit=1)

    scope = Scope(flowing.steps, "live", [PIPELINE])
    balances = list(conservation(scope, flowing, read, flowing))
    assert all(balance.holds for balance in balances)
    assert balances[0].done > 2


images = st.lists(
    st.tuples(st.integers(1, 3), st.sampled_from(Fate), st.sampled_from(Fate), st.booleans()), min_size=1, max_size=12
)


@settings(deadline=None, max_examples=150)
@given(images=images, first=st.none() | st.integers(0, 6), second=st.none() | st.integers(0, 6), retry=st.booleans())
def test_it_convicts_exactly_what_went_wrong(
    images: list[tuple[int, Fate, Fate, bool]], first: int | None, second: int | None, retry: bool
) -> None:
    flowing = Flowing(MemoryLog())
    fates: dict[tuple[str, str], Fate] = {}
    for n, (times, shade, pick, malformed) in enumerate(images):
        fates["shade", str(n)], fates["pick", str(n)] = shade, pick
        for _ in range(times):
            flowing.publish(str(n), value=b"?" if malformed else None)
    flowing.fates = fates
    flowing.work("shade", limit=first)
    flowing.work("pick", limit=second)
    if retry:
        flowing.retry()
        flowing.work("pick", limit=second)
        flowing.work("shade", limit=first)
    balances = flowing.balances()
    assert convicted(balances) == dict(flowing.injected)
    for balance in balances.values():
        asked = balance.acquisitions + balance.retries + balance.repeats
        answered = balance.done + balance.dead_lettered
        assert asked == answered + balance.in_flight + balance.lost - balance.doubled
        assert balance.holds == (not balance.findings)


def convicted(balances: Mapping[str, Balance]) -> dict[tuple[Fault, str, str], int]:
    names = {image_event(name=str(n)).acquisition.acquisition_id: str(n) for n in range(12)}
    found = [finding for balance in balances.values() for finding in balance.findings]
    return Counter((finding.fault, finding.stage, names[finding.acquisition_id or ""]) for finding in found)
