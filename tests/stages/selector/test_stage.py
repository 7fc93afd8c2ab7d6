from schemas.events import ImageEvent
from schemas.scores import RAW, NoiseRecord, Selection
from stages.selector import Selector
from stages.selector.rule import Flag
from stages.stage import Done, Task
from tests.events import image_event
from tests.stages.selector.conftest import MakeCandidate


def chosen(event: ImageEvent, stage: Selector) -> Selection:
    (outcome,) = stage([Task(event, tuple(stage.parts(event)), {})])
    assert isinstance(outcome, Done)
    record = outcome.parts["selection"].record
    assert isinstance(record, Selection)
    return record


def test_it_chooses_from_the_event_alone(make: MakeCandidate, noise: NoiseRecord) -> None:
    event = image_event().but(candidates=(make(RAW, 6e-3), make("bm3d", 5e-4)), noise=noise)
    assert Selector().needs(event) == ()
    assert chosen(event, Selector()).chosen == "bm3d"


def test_it_reads_the_levels_of_the_file_from_the_event(make: MakeCandidate, noise: NoiseRecord) -> None:
    event = image_event().but(candidates=(make(RAW, 4e-6), make("wavelet", 4e-7)), noise=noise.but(sigma=0.0018))
    for changes, kept in (
        ({"dtype": "uint8", "effective_bits": 8}, True),
        ({"dtype": "uint8", "effective_bits": None}, True),
        ({"dtype": "uint16", "effective_bits": 8}, True),
        ({"dtype": "uint16", "effective_bits": 12}, False),
        ({"dtype": "uint16", "effective_bits": None}, False),
        ({"dtype": "float32", "effective_bits": None}, False),
    ):
        selection = chosen(event.but(image=event.image.but(**changes)), Selector())
        assert (Flag.WITHIN_ROUNDING in selection.flags) == kept, changes


def test_the_event_carries_the_selection(make: MakeCandidate, noise: NoiseRecord) -> None:
    event = image_event().but(candidates=(make(RAW, 6e-3), make("bm3d", 5e-4)), noise=noise)
    selection = chosen(event, Selector())
    extended = Selector().extend(event, {"selection": selection})
    assert ImageEvent.from_json(extended.to_json()).selection == selection


def test_an_image_without_candidates_keeps_its_raw_frame() -> None:
    assert chosen(image_event(), Selector()).chosen == RAW


def test_its_hash_follows_the_options_and_the_candidates_and_not_their_order(make: MakeCandidate) -> None:
    one, two = make("one", 1e-3), make("two", 2e-3)
    event = image_event().but(candidates=(one, two))
    part = Selector().parts(event)
    assert part == Selector().parts(event.but(candidates=(two, one)))
    assert part != Selector().parts(event.but(candidates=(one,)))
    assert part != Selector(standard_errors=2.0).parts(event)


def test_its_hash_does_not_follow_scores_which_follow_from_the_candidates(make: MakeCandidate) -> None:
    bare, scored = make("one", 1e-3, removed=None), make("one", 1e-3, removed=0.5)
    event = image_event()
    assert Selector().parts(event.but(candidates=(bare,))) == Selector().parts(event.but(candidates=(scored,)))
