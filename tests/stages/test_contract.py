"""The contract that every stage and every method keeps, whatever the pipelines that come with the program name."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import deploy
from schemas.events import ImageEvent
from schemas.frame import Frame, Pixels
from schemas.image import ObjectRef
from schemas.model import Record
from schemas.scores import RAW
from stages.filter.bm3d.on_tensors import TorchBm3d
from stages.filter.bm3d_pypi import Bm3dPypi
from stages.frame_law import LEAST_SIDE_PX, law_of
from stages.noise import measure
from stages.risk import assess
from stages.stage import Done, Method, Part, Stage, Task
from streams.pipeline import Pipeline, load_pipeline
from tests.events import image_event, object_ref
from tests.priors import PRIOR
from tests.stages.scan import scanned, scene

FOLDER = Path(deploy.__file__).parent
PIPELINES = {
    "default": load_pipeline(),
    **{path.stem: load_pipeline(path) for path in sorted((FOLDER / "pipelines").glob("*.toml"))},
}
EVERYTHING = PIPELINES["with-bm3d"]
UNCONFIGURED: dict[str, Method] = {"bm3d on tensors": TorchBm3d()}

pytestmark = pytest.mark.filterwarnings("ignore:.*trapz:DeprecationWarning")  # inside the package bm3d


def sights(height: int = 64, width: int = 64) -> dict[str, Pixels]:
    """Frames of one shape: usual, dark, bright, mostly saturated, without noise, and without a noise law."""
    particles = scene(height=height, width=width)
    over = scanned(particles, electrons=60, seed=4)
    over[:, width // 3 :] = 1
    rows = np.repeat(scanned(particles, electrons=40, seed=5)[::2], 2, axis=0)[:height]
    frames = {
        "particles": scanned(particles, electrons=70, lag1=0.48),
        "low dose": scanned(scene("lines", height=height, width=width), electrons=8, lag1=0.3, seed=2),
        "high dose": scanned(scene("texture", height=height, width=width), electrons=3000, bits=16, seed=3),
        "saturated": over,
        "doubled rows": rows,
        "constant": np.full((height, width), 0.5, np.float32),
        "black": np.zeros((height, width), np.float32),
        "two greys": np.random.default_rng(6).integers(0, 2, (height, width)).astype(np.float32),
    }
    for frame in frames.values():
        frame.flags.writeable = False
    return frames


SHAPES = {"odd": (17, 71), "least": (16, 16), "long": (16, 130)}


def methods(pipeline: Pipeline) -> dict[str, Method]:
    return {name: method for stage in pipeline.stages for name, method in getattr(stage, "candidates", {}).items()}


@pytest.fixture(params=[*methods(EVERYTHING), *UNCONFIGURED])
def method(request: pytest.FixtureRequest) -> Method:
    found = {**methods(EVERYTHING), **UNCONFIGURED}[request.param]
    if isinstance(found, Bm3dPypi):
        pytest.importorskip("bm3d")
    return found


@pytest.mark.parametrize("shape", SHAPES)
def test_a_method_gives_a_finite_frame_of_the_same_shape_for_any_frame_with_a_noise_law(
    method: Method, shape: str
) -> None:
    frames = {name: frame for name, frame in sights(*SHAPES[shape]).items() if measure(frame).holds}
    assert frames
    before = [frame.copy() for frame in frames.values()]
    results = method(list(frames.values()), [measure(frame) for frame in frames.values()])
    assert len(results) == len(frames)
    for (name, frame), result, copy in zip(frames.items(), results, before, strict=True):
        assert result.shape == frame.shape, name
        assert result.dtype == np.float32, name
        assert np.isfinite(result).all(), name
        assert abs(result).max() < 3, name
        np.testing.assert_array_equal(frame, copy)


@pytest.mark.parametrize("shape", [(LEAST_SIDE_PX, LEAST_SIDE_PX), (LEAST_SIDE_PX, 90), (90, LEAST_SIDE_PX), (13, 15)])
def test_a_method_takes_the_small_frames_that_have_a_law_only_by_a_prior(
    method: Method, shape: tuple[int, int]
) -> None:
    frame = scanned(scene("texture", height=shape[0], width=shape[1]), electrons=50, lag1=0.3)
    law = law_of(frame, PRIOR)
    assert law.holds
    restored = method([frame], [law])[0]
    assert restored.shape == shape
    assert np.isfinite(restored).all()
    risk = assess(method, frame, law, seed="1")
    assert np.isfinite([risk.value, risk.se, risk.row_j]).all()


def test_a_method_gives_the_same_twice_and_whoever_its_neighbours_are(method: Method) -> None:
    frames = [frame for frame in sights().values() if measure(frame).holds][:3]
    laws = [measure(frame) for frame in frames]
    together, again = method(frames, laws), method(frames[::-1], laws[::-1])[::-1]
    last_digit = 1e-3 if isinstance(method, Bm3dPypi) else 0  # its threads sum in any order
    for frame, law, first, second in zip(frames, laws, together, again, strict=True):
        np.testing.assert_allclose(first, second, rtol=0, atol=last_digit)
        np.testing.assert_allclose(first, method([frame], [law])[0], rtol=0, atol=last_digit)


def test_a_method_brings_a_noisy_frame_closer_to_the_clean_one(method: Method) -> None:
    clean = scene(height=96, width=96)
    frame = scanned(clean, electrons=50, lag1=0.4)
    restored = method([frame], [measure(frame)])[0]
    assert np.mean((restored - clean) ** 2) < 0.3 * np.mean((frame - clean) ** 2)


@dataclass(frozen=True)
class Visit:
    """What a stage was given and gave."""

    stage: Stage
    tasks: list[Task]
    parts: list[Mapping[str, Part]]


@pytest.fixture(scope="module")
def visits() -> dict[str, Visit]:
    """The sights, on their way through every stage of the default pipeline."""
    frames: list[dict[str, Frame]] = [{RAW: Frame(pixels)} for pixels in sights().values()]
    events = [_event(index) for index in range(len(frames))]
    found = {}
    for stage in PIPELINES["default"].stages:
        tasks = [_task(stage, event, known) for event, known in zip(events, frames, strict=True)]
        parts = _parts_of(stage, tasks)
        found[stage.name] = Visit(stage, tasks, parts)
        for index, made in enumerate(parts):
            records = {name: _stored(part) for name, part in made.items()}
            events[index] = stage.extend(events[index], records)
            frames[index] |= {name: part.frame for name, part in made.items() if part.frame}
    return found


@pytest.fixture(params=[stage.name for stage in PIPELINES["default"].stages])
def visit(request: pytest.FixtureRequest, visits: dict[str, Visit]) -> Visit:
    return visits[request.param]


def _event(index: int) -> ImageEvent:
    return image_event(object_ref(hashlib.sha256(bytes([index])).hexdigest()), name=f"{index}.tif", width=64, height=64)


def _task(stage: Stage, event: ImageEvent, known: Mapping[str, Frame]) -> Task:
    return Task(event, tuple(stage.parts(event)), {name: known[name] for name in stage.needs(event)})


def _parts_of(stage: Stage, tasks: list[Task]) -> list[Mapping[str, Part]]:
    outcomes = stage(tasks)
    assert all(isinstance(outcome, Done) for outcome in outcomes)
    return [outcome.parts for outcome in outcomes if isinstance(outcome, Done)]


def _stored(part: Part) -> Record:
    """Return the record as the runtime keeps it: with a pointer to the frame, and through JSON."""
    if part.frame is None:
        return type(part.record).from_json(part.record.to_json())
    ref: ObjectRef = object_ref(hashlib.sha256(part.frame.pixels.tobytes()).hexdigest(), folder="candidates")
    return type(part.record).from_json(part.record.but(object=ref).to_json())


def _value(part: Part) -> dict[str, object]:
    """Return what a record says, but for how long it took."""
    return {name: value for name, value in part.record.model_dump().items() if name != "seconds"}


def _pixels(part: Part) -> Pixels:
    return part.frame.pixels if part.frame else np.zeros((0, 0), np.float32)


def test_a_stage_answers_every_image_in_order_with_exactly_the_parts_that_were_wanted(visit: Visit) -> None:
    assert len(visit.parts) == len(visit.tasks)
    for task, parts in zip(visit.tasks, visit.parts, strict=True):
        assert tuple(parts) == task.wanted
        assert all(type(part.record) is visit.stage.record for part in parts.values())


def test_a_stage_computes_nothing_that_was_not_wanted(visit: Visit) -> None:
    task = visit.tasks[0]
    last = task.wanted[-1]
    (parts,) = _parts_of(visit.stage, [Task(task.event, (last,), task.frames)])
    assert tuple(parts) == (last,)
    assert _value(parts[last]) == _value(visit.parts[0][last])


def test_frames_of_a_stage_keep_the_shape_and_the_range(visit: Visit) -> None:
    for task, parts in zip(visit.tasks, visit.parts, strict=True):
        for part in parts.values():
            if part.frame is not None:  # `Frame` itself refuses what is not finite or outside [0, 1]
                assert part.frame.shape == task.raw.shape


def test_a_stage_gives_the_same_twice_and_whoever_the_neighbours_in_the_batch_are(visit: Visit) -> None:
    for task, parts in zip(visit.tasks[:4], visit.parts, strict=False):
        (alone,) = _parts_of(visit.stage, [task])
        for name, part in parts.items():
            assert _value(part) == _value(alone[name])
            np.testing.assert_array_equal(_pixels(part), _pixels(alone[name]))


def test_a_stage_leaves_its_inputs_untouched(visit: Visit) -> None:
    originals = sights()
    for task, original in zip(visit.tasks, originals.values(), strict=True):
        if RAW in task.frames:
            np.testing.assert_array_equal(task.raw.pixels, original)


def test_parts_are_known_before_computing_and_depend_on_nothing_but_options_and_event(visit: Visit) -> None:
    for task in visit.tasks:
        assert dict(visit.stage.parts(task.event)) == dict(
            visit.stage.parts(ImageEvent.from_json(task.event.to_json()))
        )


def test_an_event_that_a_stage_extended_survives_the_wire_and_keeps_what_it_does_not_know(visit: Visit) -> None:
    for task, parts in zip(visit.tasks, visit.parts, strict=True):
        event = ImageEvent.from_json(task.event.but(from_the_future={"a": 1}).to_json())
        extended = visit.stage.extend(event, {name: _stored(part) for name, part in parts.items()})
        again = ImageEvent.from_json(extended.to_json())
        assert again == extended
        assert again.model_extra == {"from_the_future": {"a": 1}}


def test_an_image_goes_all_the_way_and_the_one_with_noise_is_restored(visits: dict[str, Visit]) -> None:
    chosen = [parts["selection"].record.model_dump()["chosen"] for parts in visits["selector"].parts]
    by_sight = dict(zip(sights(), chosen, strict=True))
    assert by_sight["particles"] != RAW
    assert by_sight["constant"] == by_sight["black"] == by_sight["doubled rows"] == RAW


@pytest.mark.parametrize("name", PIPELINES)
def test_the_pipelines_that_come_with_the_program_end_in_a_selection(name: str) -> None:
    names = [stage.name for stage in PIPELINES[name].stages]
    assert names[0] == "filter"
    assert names[-2:] == ["metrics", "selector"]


def test_the_default_pipeline_offers_eight_classical_methods_a_network_and_both_together() -> None:
    classical, deep = ([*stage.candidates] for stage in PIPELINES["default"].stages if hasattr(stage, "candidates"))
    assert classical == ["mean", "gaussian", "median", "bilateral", "nlm", "wavelet", "tv", "bm3d"]
    assert deep == ["unet", "blend"]
    assert [*methods(PIPELINES["cheap"])] == ["mean", "gaussian", "median"]
    assert set(methods(EVERYTHING)) - set(methods(PIPELINES["default"])) == {"bm3d_pypi"}
