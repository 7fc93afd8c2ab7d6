import json

import pytest
from pydantic import ValidationError

from schemas.events import ImageEvent
from schemas.image import Roi, version_of
from tests.events import image_event
from tests.priors import PRIOR, prior


def test_the_hash_stands_for_the_content() -> None:
    assert prior() == PRIOR
    assert PRIOR.ref == f"sim-1:{PRIOR.hash}"
    for change in ({"gain": 0.0201}, {"frames": 21}, {"row_acf": (1.0, 0.3)}, {"recipe": "slow"}, {"name": "sim-2"}):
        assert prior(**change).hash != PRIOR.hash


def test_it_reads_back_as_it_was_and_with_what_later_versions_add() -> None:
    assert type(PRIOR).from_json(PRIOR.to_json()) == PRIOR
    later = prior(of_tomorrow=[1.5])
    assert later.hash != PRIOR.hash
    assert type(PRIOR).from_json(later.to_json()) == later


def test_an_altered_one_is_refused() -> None:
    altered = json.loads(PRIOR.to_json()) | {"gain": 0.5}
    with pytest.raises(ValidationError, match="it was altered"):
        type(PRIOR).from_json(json.dumps(altered))


def test_images_of_another_prior_are_of_another_version() -> None:
    roi = Roi(x=0, y=0, width=8, height=8)
    refs = (None, PRIOR.ref, prior(gain=0.03).ref)
    assert len({version_of(reader="r", valid_roi=roi, databar_source=None, prior=ref) for ref in refs}) == 3


def test_an_event_carries_the_prior_that_its_image_names_and_no_other() -> None:
    event = image_event()
    event = event.but(image=event.image.but(prior=PRIOR.ref, prior_law=PRIOR))
    assert ImageEvent.from_json(event.to_json()).image.prior_law == PRIOR
    for named, carried in (("sim-2:0123456789abcdef", PRIOR), (None, PRIOR), (PRIOR.ref, None)):
        other = event.but(image=event.image.but(prior=named, prior_law=carried))
        with pytest.raises(ValidationError, match=f"names the prior {named}, and carries {carried and carried.ref}"):
            ImageEvent.from_json(other.to_json())
