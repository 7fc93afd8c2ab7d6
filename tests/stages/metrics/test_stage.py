import math

import numpy as np
import pytest

from schemas.events import ImageEvent
from schemas.frame import Frame
from schemas.scores import RAW, Candidate, Scoring
from stages.metrics import Metrics
from stages.metrics.names import Score
from stages.metrics.stage import REFERENCE
from stages.stage import Done, Task
from tests.events import image_event, object_ref
from tests.stages.metrics.conftest import Scene

OF_A_REFERENCE = {Score.PSNR.value, Score.SSIM.value, Score.MS_SSIM.value, Score.GMSD.value}
WITHOUT_REFERENCE = {
    "noise_left",
    "snr_db",
    "residual_energy",
    "residual_structure",
    "evidence_z",
    "evidence_share",
    "evidence_covered",
    "edge_gradient",
    *(f"texture_{fineness}" for fineness in ("coarse", "medium", "fine", "finest")),
}


def candidate(name: str, **fields: object) -> Candidate:
    plain = Candidate(name=name, stage="filter", method=name.title(), config_hash=f"hash-of-{name}")
    return plain.but(**fields)


def event_with(*candidates: Candidate, reference: bool = False) -> ImageEvent:
    event = image_event()
    image = event.image.but(reference=object_ref("cd" * 32)) if reference else event.image
    return event.but(candidates=candidates, image=image)


def scored(event: ImageEvent, **frames: np.ndarray) -> Scoring:
    stage = Metrics()
    task = Task(event, ("scores",), {name: Frame.clipped(pixels) for name, pixels in frames.items()})
    (outcome,) = stage([task])
    assert isinstance(outcome, Done)
    record = outcome.parts["scores"].record
    assert isinstance(record, Scoring)
    return record


def test_the_raw_frame_and_every_restored_candidate_are_scored(scene: Scene) -> None:
    event = event_with(candidate(RAW), candidate("blur"), candidate("bm3d", skipped="no noise"))
    scoring = scored(event, raw=scene.raw, blur=scene.blurred(1))
    assert set(scoring.scores) == {RAW, "blur"}
    assert set(scoring.scores["blur"]) == WITHOUT_REFERENCE
    assert scoring.noise.holds


def test_a_reference_adds_its_scores_and_prefers_the_better_frame(scene: Scene) -> None:
    event = event_with(candidate("blur"), reference=True)
    scores = scored(event, raw=scene.raw, blur=scene.blurred(1), reference=scene.clean).scores
    assert set(scores["blur"]) == WITHOUT_REFERENCE | OF_A_REFERENCE
    assert (scores["blur"]["psnr_db"] or 0) > (scores[RAW]["psnr_db"] or math.inf)


def test_it_needs_every_frame_and_the_reference_only_where_there_is_one() -> None:
    plain = event_with(candidate(RAW), candidate("blur"), candidate("bm3d", skipped="no noise"))
    assert Metrics().needs(plain) == (RAW, "blur")
    assert Metrics().needs(event_with(candidate("blur"), reference=True)) == (RAW, "blur", REFERENCE)


def test_its_hash_follows_the_candidates_and_the_reference_and_not_their_order() -> None:
    one, two = candidate("one"), candidate("two")
    hashes = {
        name: Metrics().parts(event)["scores"]
        for name, event in {
            "both": event_with(one, two),
            "turned": event_with(two, one),
            "fewer": event_with(one),
            "reference": event_with(one, two, reference=True),
        }.items()
    }
    assert hashes["both"] == hashes["turned"]
    assert len(set(hashes.values())) == 3


def test_the_event_gets_the_noise_and_each_candidate_its_scores(scene: Scene) -> None:
    event = event_with(candidate(RAW), candidate("blur", scores={"mine": 1.0}))
    scoring = scored(event, raw=scene.raw, blur=scene.blurred(1))
    extended = Metrics().extend(event, {"scores": scoring})
    assert extended.noise == scoring.noise
    assert extended.candidate("blur").scores == {"mine": 1.0, **scoring.scores["blur"]}
    assert extended.candidate(RAW).scores == scoring.scores[RAW]


def test_the_raw_frame_becomes_a_candidate_where_no_stage_made_it_one(scene: Scene) -> None:
    event = event_with(candidate("blur"))
    extended = Metrics().extend(event, {"scores": scored(event, raw=scene.raw, blur=scene.blurred(1))})
    assert [c.name for c in extended.candidates] == [RAW, "blur"]


@pytest.mark.parametrize("shape", [(1, 1), (15, 400), (16, 16), (17, 33)])
@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_no_frame_is_too_small_dark_or_bright_to_be_answered(shape: tuple[int, int], level: float) -> None:
    frame = np.full(shape, level, np.float32)
    scoring = scored(event_with(candidate("same"), reference=True), raw=frame, same=frame, reference=frame)
    assert Scoring.from_json(scoring.to_json()) == scoring


def test_frames_are_scored_as_they_would_be_alone(scene: Scene) -> None:
    event = event_with(candidate("blur"))
    tasks = [
        Task(event, ("scores",), {RAW: Frame(scene.raw), "blur": Frame.clipped(scene.blurred(s))}) for s in (0.5, 1.5)
    ]
    assert Metrics()(tasks) == [Metrics()([task])[0] for task in tasks]
