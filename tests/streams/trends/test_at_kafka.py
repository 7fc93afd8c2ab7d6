"""The trends at the real broker: what they tell, what they survive, and that they hold nobody up."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.events import ImageEvent
from schemas.health import Change, Quantity
from streams.cli import outcome_of
from tests.streams.trends.instruments import rising, simulated
from tests.streams.trends.site import SELECTION, TrendsSite, event_of, trends_site

START = 300


@pytest.fixture
def here(tmp_path: Path) -> Iterator[TrendsSite]:
    with trends_site(tmp_path) as site:
        yield site


def _drifting(site: TrendsSite, images: int = START + 150) -> list[ImageEvent]:
    seen = (one for one in simulated(images, seed=1, drift=rising(start=START)) if one.raw is None)
    return [event_of(one, site.instrument, number) for number, one in enumerate(seen)]


def test_an_instrument_that_drifts_is_told_of(here: TrendsSite) -> None:
    events = _drifting(here)
    here.start()
    here.publish(events)
    here.publish([event.but(selection=SELECTION) for event in events[:10]], word="selected")
    here.wait(lambda: here.images() == len(events))
    told = here.health()
    assert {event.change for event in told} == {Change.LEFT}
    assert Quantity.SIGMA in {event.quantity for event in told}
    watch = here.watch()
    assert watch is not None
    assert Quantity.SIGMA in watch.out


def test_what_was_not_committed_is_not_seen(here: TrendsSite) -> None:
    events = _drifting(here, 40)
    here.publish(events[:30], aborted=True)
    here.publish(events[30:])
    process = here.start()
    here.wait(lambda: here.images() >= 10)
    assert here.stop(process) == 0
    assert here.images() == 10


def test_bad_records_become_dead_letters_and_hold_nothing_up(here: TrendsSite) -> None:
    events = _drifting(here, 20)
    here.start()
    here.publish(events[:10])
    for value in (b"{", b"\xff", b"", None):
        here.publish_raw(value)
    here.publish(events[10:])
    here.wait(lambda: here.images() == 20)
    here.wait(lambda: len(here.letters()) == 4)
    assert {letter.stage for letter in here.letters()} == {"trends"}


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_restarted_process_holds_what_it_held_and_counts_nothing_twice(here: TrendsSite, how: signal.Signals) -> None:
    events = _drifting(here)
    first = here.start()
    here.publish(events[:250])
    here.wait(lambda: here.images() >= 100)
    here.stop(first, how)
    here.publish(events[250:])
    here.start()
    here.wait(lambda: here.images() == len(events))
    watch = here.watch()
    assert watch == here.computed()
    assert watch is not None
    assert watch.quantities[Quantity.SIGMA].baseline.complete
    assert here.health()


def test_two_processes_share_the_work_and_one_goes_on_when_the_other_is_killed(here: TrendsSite) -> None:
    events = _drifting(here)
    here.start()
    here.wait(lambda: here.members() == 1)
    second = here.start()
    here.wait(lambda: here.members() == 2)
    here.publish(events[:200])
    here.wait(lambda: here.images() >= 100)
    here.stop(second, signal.SIGKILL)
    here.processes.pop()
    here.publish(events[200:])
    here.wait(lambda: here.images() == len(events))
    assert here.watch() == here.computed()


@pytest.mark.parametrize("recipe", [[], ["--recipe", "lines"]])
def test_a_serviced_instrument_is_learned_anew(here: TrendsSite, recipe: list[str]) -> None:
    events = _drifting(here, 210)
    here.start()
    here.publish(events)
    here.wait(lambda: here.images() == len(events))
    at_site = ["--lane", here.lane, "--settings", str(here.file), *recipe]
    assert outcome_of(["trends", "--relearn", here.instrument, *at_site]) == (0, "")
    here.wait(lambda: (here.watch() or here.computed()).quantities == {})
