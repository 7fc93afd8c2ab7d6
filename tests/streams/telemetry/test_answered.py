"""What telemetry is told of answered images: with the events of a feed, of scores and of a selection."""

from datetime import timedelta
from typing import Any

import pytest

from schemas.events import ImageEvent
from schemas.scores import RAW, Candidate, NoiseRecord, Selection
from stages.metrics.names import Score
from stages.selector.rule import Flag
from streams.telemetry import Telemetry
from streams.telemetry.answered import MALFORMED, Answered, begin_counts, note_answers
from streams.telemetry.catalogue import DEAD_LETTERS, FLAGS, IMAGE_BYTES, IMAGES, LAST_IMAGE, SELECTIONS, VETOES
from streams.telemetry.names import MOST
from tests.events import NOON, image_event, object_ref

CAME = image_event(object_ref(size_bytes=1000))
SELECTION = Selection(chosen="nlm", rule="lowest-risk", reason="it is the best", margin=3e-4, margin_se=1e-4)


def scored(event: ImageEvent = CAME, *, sigma: float = 0.05, snr_db: float | None = 12.0) -> ImageEvent:
    law: dict[str, Any] = {"gain": 0, "offset": sigma**2, "row_acf": (1.0,), "column_lag1": 0, "saturated": 0}
    noise = NoiseRecord(sigma=sigma, holds=True, **law)
    raw = Candidate(name=RAW, stage="metrics", method=RAW, config_hash=RAW, scores={Score.SNR: snr_db})
    return event.but(noise=noise, candidates=(raw,))


def told(*answers: Answered, stage: str = "filter", seconds: float = 0) -> Telemetry:
    telemetry = Telemetry()
    note_answers(telemetry, stage, "live", answers, NOON + timedelta(seconds=seconds))
    return telemetry


def of(telemetry: Telemetry, name: str, **labels: str) -> float | None:
    return telemetry.registry.get_sample_value(name, {"lane": "live", **labels})


def test_images_and_bytes_are_counted_by_outcome_and_dead_letters_by_class() -> None:
    telemetry = told(Answered(CAME, CAME), Answered(CAME, CAME), Answered(CAME), MALFORMED)
    counted = [telemetry.total(IMAGES, stage="filter", outcome=o) for o in ("done", "rejected", "malformed")]
    assert counted == [2, 1, 1]
    assert [telemetry.total(IMAGE_BYTES, outcome=o) for o in ("done", "rejected")] == [2000, 1000]
    letters = [telemetry.total(DEAD_LETTERS, error_class=c) for c in ("invalid_image", "malformed_event")]
    assert letters == [1, 1]


def test_noise_and_snr_are_told_by_instrument_once_where_they_were_measured() -> None:
    telemetry = told(Answered(CAME, scored(sigma=0.05)), Answered(CAME, scored(sigma=0.07, snr_db=None)))
    assert of(telemetry, "semstream_noise_sigma_ratio_sum", instrument="unknown") == pytest.approx(0.12)
    assert of(telemetry, "semstream_noise_sigma_ratio_count", instrument="unknown") == 2
    assert of(telemetry, "semstream_snr_decibels_sum", instrument="unknown") == 12
    assert telemetry.total(LAST_IMAGE, instrument="unknown") == NOON.timestamp()
    later = told(Answered(scored(), scored().but(selection=SELECTION)))
    assert of(later, "semstream_noise_sigma_ratio_count", instrument="unknown") is None


@pytest.mark.parametrize("hours", [(-1, -48), (-48, -1)])
def test_the_last_image_is_the_latest_also_where_an_old_one_is_answered_after_it(hours: tuple[int, int]) -> None:
    events = [CAME.but(acquisition=CAME.acquisition.but(published_at=NOON + timedelta(hours=h))) for h in hours]
    telemetry = told(*(Answered(event, scored(event)) for event in events))
    assert telemetry.total(LAST_IMAGE) == (NOON - timedelta(hours=1)).timestamp()


def test_a_clock_that_is_ahead_does_not_hide_that_an_instrument_falls_silent() -> None:
    ahead = CAME.but(acquisition=CAME.acquisition.but(published_at=NOON + timedelta(hours=20)))
    assert told(Answered(ahead, scored(ahead))).total(LAST_IMAGE) == NOON.timestamp()


def test_a_selection_tells_its_method_its_margin_its_vetoes_and_how_long_it_took() -> None:
    vetoed = SELECTION.but(vetoes={"tv": "leaves structure", "bm3d": "leaves structure"})
    telemetry = told(Answered(scored(), scored().but(selection=vetoed)), seconds=42)
    assert telemetry.total(SELECTIONS, method="nlm") == 1
    assert of(telemetry, "semstream_selection_margin_standard_errors_sum") == pytest.approx(3)
    assert [telemetry.total(VETOES, method=method) for method in ("tv", "bm3d", "nlm")] == [1, 1, 0]
    assert of(telemetry, "semstream_end_to_end_seconds_sum") == 42
    assert of(telemetry, "semstream_end_to_end_seconds_bucket", le="30.0") == 0
    assert of(telemetry, "semstream_end_to_end_seconds_bucket", le="100.0") == 1


def test_flags_are_told_by_their_short_names() -> None:
    flagged = SELECTION.but(flags=(Flag.SATURATED, "one of another version"), margin=None, margin_se=None)
    telemetry = told(Answered(scored(), scored().but(selection=flagged)))
    assert [telemetry.total(FLAGS, flag=flag) for flag in ("saturated", "other")] == [1, 1]
    assert of(telemetry, "semstream_selection_margin_standard_errors_count") is None


def test_a_flood_of_instruments_makes_a_bounded_number_of_series() -> None:
    names = [f"sem-{number}" for number in range(MOST + 30)]
    events = [CAME.but(image=CAME.image.but(instrument_id=name)) for name in names]
    telemetry = told(*(Answered(event, scored(event)) for event in events))
    assert of(telemetry, "semstream_noise_sigma_ratio_count", instrument="sem-0") == 1
    assert of(telemetry, "semstream_noise_sigma_ratio_count", instrument="other") == 30


def test_a_stage_begins_to_count_at_zero() -> None:
    telemetry = Telemetry()
    begin_counts(telemetry, "filter", "live")
    begun = {"stage": "filter", "error_class": "invalid_image"}
    assert of(telemetry, "semstream_dead_letters_total", **begun) == 0
    assert of(telemetry, "semstream_images_total", stage="filter", outcome="done") == 0
