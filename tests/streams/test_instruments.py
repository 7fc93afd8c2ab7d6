"""Candidates that are made otherwise for the images of one instrument."""

from pathlib import Path

import numpy as np
import pytest

from schemas.events import ImageEvent
from schemas.frame import Frame
from schemas.scores import RAW, Candidate
from stages.filter.gaussian import Gaussian
from stages.restoration import Restoration
from stages.stage import Done, Task
from streams.errors import UsageError
from streams.pipeline import Pipeline, load_pipeline
from tests.events import image_event
from tests.stages.scan import scanned, scene

PLAIN = """
path = ["stages.filter:Filter", "stages.metrics:Metrics", "stages.selector:Selector"]
[filter.candidates.gaussian]
method = "stages.filter.gaussian:Gaussian"
strength = 1.0
[filter.candidates.mean]
method = "stages.filter.mean:Mean"
"""
OWN = """
[filter.instruments.sem-1.gaussian]
strength = 0.5
"""


def loaded(folder: Path, text: str) -> Pipeline:
    path = folder / "pipeline.toml"
    path.write_text(text)
    return load_pipeline(path)


def event_of(instrument: str) -> ImageEvent:
    event = image_event(width=64, height=64)
    return event.but(image=event.image.but(instrument_id=instrument))


def restoration(pipeline: Pipeline) -> Restoration:
    stage = pipeline.stages[0]
    assert isinstance(stage, Restoration)
    return stage


def test_only_the_candidates_named_of_only_that_instruments_images_have_another_hash(tmp_path: Path) -> None:
    before, after = (restoration(loaded(tmp_path, text)) for text in (PLAIN, PLAIN + OWN))
    assert after.parts(event_of("sem-2")) == before.parts(event_of("sem-2"))
    ours, theirs = after.parts(event_of("sem-1")), before.parts(event_of("sem-1"))
    assert {name for name in ours if ours[name] != theirs[name]} == {"gaussian"}
    assert ours["gaussian"] == before.hash_of(Gaussian(strength=0.5))


def test_the_hash_of_a_pipeline_tells_it_and_is_what_it_was_where_no_instrument_is_named(tmp_path: Path) -> None:
    hashes = [loaded(tmp_path, text).hash for text in (PLAIN, PLAIN + OWN, PLAIN + "[filter.instruments]\n")]
    assert hashes[0] != hashes[1]
    assert hashes[0] == hashes[2]


def test_images_of_several_instruments_in_a_batch_are_made_each_by_its_own_method_and_stay_in_order(
    tmp_path: Path,
) -> None:
    stage = restoration(loaded(tmp_path, PLAIN + OWN))
    frame = Frame(scanned(scene(height=64, width=64), electrons=60))
    tasks = [Task(event_of(name), ("gaussian",), {RAW: frame}) for name in ("sem-1", "sem-2", "sem-1")]
    outcomes = stage(tasks)
    made = [outcome.parts["gaussian"] for outcome in outcomes if isinstance(outcome, Done)]
    strengths = [part.record.parameters for part in made if isinstance(part.record, Candidate)]
    assert strengths == [{"strength": 0.5}, {"strength": 1.0}, {"strength": 0.5}]
    pixels = [part.frame.pixels for part in made if part.frame]
    assert np.array_equal(pixels[0], pixels[2])
    assert not np.array_equal(pixels[0], pixels[1])


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ("[filter.instruments.sem-1.nlm]\n", "there is no candidate 'nlm'"),
        ("[filter.instruments.SEM.gaussian]\n", "an instrument's id is made of"),
        ('[filter.instruments.sem-1.gaussian]\nmethod = "x:Y"\n', "method and input are the candidate's"),
        ("[filter.instruments.sem-1.gaussian]\nstrong = 1\n", "has no option 'strong'"),
        ("[filter.instruments]\nsem-1 = 3\n", "expected tables"),
        ("[metrics.instruments.sem-1.gaussian]\n", "the stage 'metrics' has no candidates"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, own: str, said: str) -> None:
    with pytest.raises(UsageError, match="instruments") as error:
        loaded(tmp_path, PLAIN + own)
    assert said in str(error.value)


def test_a_candidate_that_is_or_has_an_input_is_the_same_for_all(tmp_path: Path) -> None:
    chained = PLAIN.replace(
        '"stages.metrics:Metrics"', '"tests.streams.test_chains:Second", "stages.metrics:Metrics"'
    ) + ('[second.candidates.smooth]\nmethod = "stages.filter.mean:Mean"\ninput = "filter:gaussian"\n')
    for own in (OWN, "[second.instruments.sem-1.smooth]\n"):
        with pytest.raises(UsageError, match="is the same for every instrument"):
            loaded(tmp_path, chained + own)
