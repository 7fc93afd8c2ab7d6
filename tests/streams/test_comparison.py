import json
import math
from collections.abc import Sequence

import pytest

from schemas.events import ImageEvent
from schemas.scores import Candidate, Risk, Selection
from streams.comparison import compare
from tests.events import image_event


def selected(
    name: str,
    chosen: str | None = "tv",
    *,
    risk: float = 4e-4,
    version: str = "1",
    flags: Sequence[str] = (),
    **scores: float,
) -> ImageEvent:
    """Return an event in which a candidate was chosen, with its risk and scores."""
    event = image_event(name=name)
    if chosen is None:
        return event
    candidate = Candidate(
        name=chosen,
        stage="filter",
        method="m",
        config_hash=version,
        risk=Risk(value=risk, se=risk / 20, row_j=risk, blocks=()),
        scores=dict(scores),
    )
    selection = Selection(chosen=chosen, rule="r", reason="it errs least", flags=tuple(flags))
    return event.but(candidates=(candidate,), selection=selection)


def test_the_same_selections_do_not_differ() -> None:
    events = [selected("a", sharpness=1.0), selected("b", "unet")]
    found = compare(events, events)
    assert (found.images, found.differences, found.changed) == (2, [], [])
    assert found.moves == {("tv", "tv"): 1, ("unet", "unet"): 1}
    assert found.risk_summary() == {"median": 0, "best": 0, "worst": 0}


def test_another_choice_is_told_with_the_change_of_its_risk() -> None:
    found = compare([selected("a", "tv", risk=4e-4)], [selected("a", "unet", risk=2e-4)])
    (pair,) = found.changed
    assert (pair.source_name, pair.old.chosen, pair.new.chosen) == ("a", "tv", "unet")
    assert pair.risk_db == pytest.approx(-3.0103, abs=1e-4)
    assert found.moves == {("tv", "unet"): 1}


def test_a_name_that_means_another_method_is_another_choice() -> None:
    found = compare([selected("a", version="1")], [selected("a", version="2")])
    assert len(found.changed) == 1


def test_scores_and_flags_differ_without_another_choice() -> None:
    found = compare([selected("a", sharpness=1.0)], [selected("a", sharpness=1.5, flags=["dark"])])
    assert (len(found.differences), found.changed) == (1, [])
    assert found.score_table() == [("sharpness", 1.0, 1.5, 0.5)]


def test_scores_that_one_side_lacks_are_not_compared() -> None:
    found = compare([selected("a", sharpness=1.0)], [selected("a", snr=2.0)])
    assert found.score_table() == []


def test_images_of_one_side_are_counted_apart() -> None:
    found = compare([selected("a"), selected("b")], [selected("b"), selected("c"), selected("d")])
    assert (found.images, found.only_old, found.only_new) == (1, 1, 2)


def test_of_several_events_of_an_image_the_last_counts() -> None:
    found = compare([selected("a", "tv"), selected("a", "mean")], [selected("a", "unet"), selected("a", "mean")])
    assert (found.images, found.changed) == (1, [])


def test_the_largest_change_of_risk_comes_first() -> None:
    old = [selected(name, risk=1e-3) for name in "abc"]
    new = [selected(name, "unet", risk=risk) for name, risk in (("a", 9e-4), ("b", 4e-3), ("c", 5e-4))]
    assert [pair.source_name for pair in compare(old, new).differences] == ["b", "c", "a"]


@pytest.mark.parametrize("event", [selected("a", None), selected("a", "raw", risk=-1e-6), selected("a", risk=0.0)])
def test_what_has_no_selection_or_no_positive_risk_is_compared_without_one(event: ImageEvent) -> None:
    found = compare([event], [selected("a")])
    assert [pair.risk_db for pair in found.differences] == [None]
    assert found.risk_summary() == {}


def test_the_raw_frame_that_no_stage_listed_may_be_chosen() -> None:
    listed = selected("a", "raw")
    found = compare([listed.but(candidates=())], [listed])
    assert found.moves == {("raw", "raw"): 1}


def test_all_of_it_goes_into_json() -> None:
    found = compare([selected("a", sharpness=1.0)], [selected("a", "unet", sharpness=2.0, flags=["dark"])])
    told = json.loads(json.dumps(found.to_json()))
    assert (told["images"], told["changed"]) == (1, 1)
    (difference,) = told["differences"]
    assert difference["new"]["flags"] == ["dark"]
    assert math.isclose(told["scores"]["sharpness"]["difference"], 1.0)
