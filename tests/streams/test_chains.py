"""A candidate may restore what a candidate of an earlier stage makes."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from schemas.frame import Frame
from schemas.scores import RAW, Candidate
from stages.chain import Chain, law_left
from stages.filter.gaussian import Gaussian
from stages.filter.median import Median
from stages.noise import measure
from stages.restoration import Restoration
from stages.stage import Done, Task
from streams.errors import UsageError
from streams.pipeline import Pipeline, load_pipeline
from tests.events import image_event
from tests.stages.scan import scanned, scene

Load = Callable[[str], Pipeline]
CHAIN = """
path = ["stages.filter:Filter", "tests.streams.test_chains:Second"]
[filter.candidates.median]
method = "stages.filter.median:Median"
strength = 0.7
[second.candidates.smooth]
method = "stages.filter.gaussian:Gaussian"
input = "filter:median"
[second.candidates.plain]
method = "stages.filter.gaussian:Gaussian"
"""


@dataclass(frozen=True)
class Second(Restoration):
    name = "second"


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def load(text: str) -> Pipeline:
        (tmp_path / "pipeline.toml").write_text(text)
        return load_pipeline(tmp_path / "pipeline.toml")

    return load


def test_the_second_method_is_given_what_the_first_makes_and_the_noise_that_is_left(load: Load) -> None:
    second = load(CHAIN).stages[1]
    frame = scanned(scene("particles"), electrons=40)
    law = measure(frame)
    (filtered,) = Median(strength=0.7)([frame], [law])
    (expected,) = Gaussian()([filtered], [law_left(frame, filtered, law)])
    outcome = second([Task(image_event(), ("smooth",), {RAW: Frame(frame)})])[0]
    assert isinstance(outcome, Done)
    part = outcome.parts["smooth"]
    assert part.frame is not None
    np.testing.assert_allclose(part.frame.pixels, np.clip(expected, 0, 1), atol=1e-5)
    assert isinstance(part.record, Candidate)
    assert part.record.risk is not None, "it is judged like any other"


def test_less_noise_is_left_behind_a_filter() -> None:
    frame = scanned(scene("particles"), electrons=40)
    law = measure(frame)
    (filtered,) = Gaussian()([frame], [law])
    left = law_left(frame, filtered, law)
    assert left.holds
    assert left.sigma < 0.5 * law.sigma


def test_a_chain_is_another_candidate_when_its_input_changes_and_only_then(load: Load) -> None:
    def hashes(text: str) -> dict[str, str]:
        return dict(load(text).stages[1].parts(image_event()))

    before, after = hashes(CHAIN), hashes(CHAIN.replace("0.7", "0.8"))
    assert before["smooth"] != after["smooth"]
    assert before["plain"] == after["plain"]
    assert before["smooth"] != before["plain"]
    assert load(CHAIN).hash != load(CHAIN.replace('input = "filter:median"', "")).hash


def test_a_chain_of_chains_goes_back_to_the_raw_frame(load: Load) -> None:
    third = CHAIN.replace('Second"]', 'Second", "tests.streams.test_chains:Third"]') + (
        '[third.candidates.last]\nmethod = "stages.filter.median:Median"\ninput = "second:smooth"\n'
    )
    (last,) = load(third).stages[2].candidates.values()  # type: ignore[attr-defined]
    assert isinstance(last, Chain)
    assert isinstance(last.first, Chain)
    assert last.first.first == Median(strength=0.7)


@dataclass(frozen=True)
class Third(Restoration):
    name = "third"


UNKNOWN = "no earlier stage has that candidate"
ALONE = CHAIN.replace('"stages.filter:Filter", ', "").replace(
    '[filter.candidates.median]\nmethod = "stages.filter.median:Median"\nstrength = 0.7\n', ""
)


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (f"{UNKNOWN}; did you mean filter:median?", CHAIN.replace("filter:median", "filter:medan")),
        (UNKNOWN, CHAIN.replace("filter:median", "second:plain")),
        (UNKNOWN, CHAIN.replace('"filter:median"', "7")),
        (UNKNOWN, CHAIN.replace('"filter:median"', '["filter:median"]')),
        ("no earlier stage has candidates", ALONE),
    ],
)
def test_an_input_that_is_none_is_told_with_its_place(load: Load, said: str, text: str) -> None:
    with pytest.raises(UsageError, match=r"second.candidates.smooth. input = ") as caught:
        load(text)
    assert said in str(caught.value)
