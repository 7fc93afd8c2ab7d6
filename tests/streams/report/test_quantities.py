import math

import pytest

from schemas.scores import Risk
from stages.risk import RECORRUPTION
from stages.selector.rule import Flag
from streams.report import quantities
from streams.report.quantities import DASH
from tests.streams.report.entries import BM3D, GAUSSIAN, NOISE, RAW_FRAME, SELECTION, entry

ROUNDING = (1 / 255) ** 2 / 12


def test_gain_is_measured_from_the_risk_of_the_raw_frame() -> None:
    assert quantities.gain_db(entry().event, BM3D) == pytest.approx(10 * math.log10(4e-3 / (4e-4 + ROUNDING)))


def test_rounding_is_counted_where_the_file_has_levels() -> None:
    event = entry().event
    fine = event.but(image=event.image.but(dtype="float32", effective_bits=None))
    assert quantities.estimated_error(event, BM3D) == pytest.approx(4e-4 + ROUNDING, rel=1e-9)
    assert quantities.estimated_error(fine, BM3D) == 4e-4
    assert quantities.gain_db(fine, BM3D) == pytest.approx(10.0)
    assert quantities.raw_error(event) == quantities.raw_error(fine)


def test_no_gain_is_claimed_where_the_noise_is_within_the_rounding_of_the_file() -> None:
    kept = entry(selection=SELECTION.but(chosen="raw", flags=(Flag.WITHIN_ROUNDING.value,))).event
    assert quantities.gain_db(kept, BM3D) is None


def test_gain_is_measured_from_the_noise_where_the_raw_frame_has_no_risk() -> None:
    event = entry(candidates=(RAW_FRAME.but(risk=None), BM3D), noise=NOISE.but(sigma=0.2)).event
    recorrupted = 0.2**2 * (1 + RECORRUPTION**2)
    assert quantities.gain_db(event, BM3D) == pytest.approx(10 * math.log10(recorrupted / (4e-4 + ROUNDING)))


def test_gain_is_unknown_without_noise_without_risk_and_below_zero() -> None:
    assert quantities.gain_db(entry(candidates=(BM3D,), noise=None).event, BM3D) is None
    assert quantities.gain_db(entry().event, BM3D.but(risk=None)) is None
    assert quantities.gain_db(entry().event, BM3D.but(risk=Risk(value=-1e-6, se=1e-6, row_j=0, blocks=()))) is None


def test_margin_is_given_in_decibels_and_in_standard_errors() -> None:
    event = entry().event
    assert quantities.margin_db(event) == pytest.approx(10 * math.log10((1e-3 + ROUNDING) / (4e-4 + ROUNDING)))
    assert quantities.margin_ses(event) == pytest.approx(3.0)


def test_margin_is_unknown_without_its_parts() -> None:
    nothing = entry(selection=None).event
    no_error = entry(selection=SELECTION.but(margin_se=0.0)).event
    no_risk = entry(candidates=(GAUSSIAN, BM3D.but(risk=None))).event
    assert quantities.margin_db(nothing) is None
    assert quantities.margin_ses(nothing) is None
    assert quantities.margin_ses(no_error) is None
    assert quantities.margin_db(no_risk) is None


def test_margin_below_zero_stays_below_zero_when_a_gentler_method_was_chosen() -> None:
    margin = quantities.margin_db(entry(selection=SELECTION.but(chosen="gaussian", runner_up="bm3d")).event)
    assert margin is not None
    assert margin < 0


def test_margin_over_the_raw_frame_counts_its_noise() -> None:
    event = entry(candidates=(RAW_FRAME.but(risk=None), BM3D), selection=SELECTION.but(runner_up="raw")).event
    assert quantities.margin_db(event) == quantities.gain_db(event, BM3D)


def test_electrons_are_known_only_where_noise_grows_with_the_signal() -> None:
    assert quantities.electrons(NOISE) == pytest.approx(68.97, abs=0.01)
    assert quantities.electrons(NOISE.but(gain=0.0)) is None


def test_zero_has_no_sign_however_it_was_rounded() -> None:
    assert quantities.number(-0.001) == "0.00"
    assert quantities.decibels(0.0) == "0.0"
    assert quantities.decibels(0.01) == "0.0"


def test_what_is_unknown_is_a_dash() -> None:
    assert quantities.number(None) == quantities.error_percent(None, None) == DASH
    assert quantities.aligned([None, None]) == [DASH, DASH]


def test_scores_of_one_column_have_equal_decimals() -> None:
    assert quantities.aligned([0.0, 0.0]) == ["0", "0"]
    assert quantities.aligned([12345.6, 2.0]) == ["12346", "2"]
    assert quantities.aligned([1e-12]) == ["0.00000000"]


def test_durations_do_not_claim_to_be_nothing() -> None:
    assert quantities.seconds(1e-6) == "< 0.1 ms"
    assert quantities.seconds(59.98) == "60.0 s"
    assert quantities.seconds(3599.7) == "1 h 0 min"
