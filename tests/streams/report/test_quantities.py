import math

import pytest

from schemas.scores import Candidate, Risk
from stages.risk import RECORRUPTION
from stages.selector.claims import ErrorClaim, Lead
from stages.selector.rule import Flag
from streams.report import quantities
from streams.report.quantities import DASH
from tests.streams.report.entries import BM3D, GAUSSIAN, NOISE, RAW_FRAME, SELECTION, entry

ROUNDING = (1 / 255) ** 2 / 12


def decibels(lead: Lead | None) -> float:
    assert lead is not None
    return lead.db


def test_gain_is_measured_from_the_risk_of_the_raw_frame() -> None:
    gain = quantities.gain_of(entry().event, BM3D)
    assert decibels(gain) == pytest.approx(10 * math.log10(4e-3 / (4e-4 + ROUNDING)))
    assert quantities.shown(gain) == "+10.0 ± 0.2"


def test_rounding_is_counted_where_the_file_has_levels() -> None:
    event = entry().event
    fine = event.but(image=event.image.but(dtype="float32", effective_bits=None))
    assert quantities.error_of(event, BM3D) == ErrorClaim(4e-4 + ROUNDING, 2e-5)
    assert quantities.error_of(fine, BM3D) == ErrorClaim(4e-4, 2e-5)
    assert decibels(quantities.gain_of(fine, BM3D)) == pytest.approx(10.0)
    assert quantities.error_of(event, RAW_FRAME) == quantities.error_of(fine, RAW_FRAME)


def test_no_gain_is_claimed_where_the_noise_is_within_the_rounding_of_the_file() -> None:
    kept = entry(selection=SELECTION.but(chosen="raw", flags=(Flag.WITHIN_ROUNDING.value,))).event
    assert quantities.gain_of(kept, BM3D) is None


def test_nothing_is_claimed_where_the_noise_follows_no_law() -> None:
    lawless = entry(noise=NOISE.but(holds=False), selection=SELECTION.but(chosen="raw")).event
    for candidate in (RAW_FRAME, BM3D):
        assert quantities.error_of(lawless, candidate) is None
        assert quantities.gain_of(lawless, candidate) is None
    assert quantities.margin_of(lawless) is None


def test_gain_is_measured_from_the_noise_where_the_raw_frame_has_no_risk() -> None:
    event = entry(candidates=(RAW_FRAME.but(risk=None), BM3D), noise=NOISE.but(sigma=0.2)).event
    recorrupted = 0.2**2 * (1 + RECORRUPTION**2)
    assert decibels(quantities.gain_of(event, BM3D)) == pytest.approx(10 * math.log10(recorrupted / (4e-4 + ROUNDING)))


def test_gain_is_unknown_without_noise_and_without_risk_and_a_bound_below_zero() -> None:
    below = BM3D.but(risk=Risk(value=-1e-6, se=1e-6, row_j=0, blocks=()))
    assert quantities.gain_of(entry(candidates=(BM3D,), noise=None).event, BM3D) is None
    assert quantities.gain_of(entry(candidates=(RAW_FRAME, BM3D.but(risk=None))).event, BM3D) is None
    event = entry(candidates=(RAW_FRAME, below)).event
    error, gain = quantities.error_of(event, below), quantities.gain_of(event, below)
    assert (quantities.shown(error), quantities.shown(gain)) == ("< 0.151", "> 32.4")


def test_margin_is_given_in_decibels_and_in_standard_errors() -> None:
    event = entry().event
    assert decibels(quantities.margin_of(event)) == pytest.approx(
        10 * math.log10((1e-3 + ROUNDING) / (4e-4 + ROUNDING))
    )
    assert quantities.margin_ses(event) == pytest.approx(3.0)


def test_margin_is_unknown_without_its_parts() -> None:
    nothing = entry(selection=None).event
    no_error = entry(selection=SELECTION.but(margin_se=0.0)).event
    no_risk = entry(candidates=(GAUSSIAN, BM3D.but(risk=None))).event
    assert quantities.margin_of(nothing) is None
    assert quantities.margin_ses(nothing) is None
    assert quantities.margin_ses(no_error) is None
    assert quantities.margin_of(no_risk) is None


def test_margin_below_zero_stays_below_zero_when_a_gentler_method_was_chosen() -> None:
    event = entry(selection=SELECTION.but(chosen="gaussian", runner_up="bm3d")).event
    assert decibels(quantities.margin_of(event)) < 0


def test_margin_over_the_raw_frame_counts_its_noise() -> None:
    event = entry(candidates=(RAW_FRAME.but(risk=None), BM3D), selection=SELECTION.but(runner_up="raw")).event
    assert quantities.margin_of(event) == quantities.gain_of(event, BM3D)


def with_blocks(candidate: Candidate, *blocks: float) -> Candidate:
    assert candidate.risk is not None
    return candidate.but(risk=candidate.risk.but(value=sum(blocks) / len(blocks), blocks=blocks))


def test_how_far_behind_the_chosen_one_is_told_by_the_paired_difference() -> None:
    chosen, other = with_blocks(BM3D, 4e-4, 8e-4), with_blocks(GAUSSIAN, 5e-4, 11e-4)
    event = entry(candidates=(RAW_FRAME, other, chosen)).event
    assert quantities.behind(event, other) == pytest.approx(2)  # differences of 1e-4 and 3e-4
    assert quantities.behind(event, chosen) is None
    gentler = event.but(selection=SELECTION.but(chosen="gaussian", runner_up="bm3d"))
    assert quantities.behind(gentler, chosen) == pytest.approx(-(quantities.behind(event, other) or 0))
    lawless = event.but(noise=NOISE.but(holds=False))
    assert quantities.behind(lawless, other) is None


def test_electrons_are_known_only_where_noise_grows_with_the_signal() -> None:
    assert quantities.electrons(NOISE) == pytest.approx(68.97, abs=0.01)
    assert quantities.electrons(NOISE.but(gain=0.0)) is None


def test_zero_has_no_sign_however_it_was_rounded() -> None:
    assert quantities.number(-0.001) == "0.00"
    assert quantities.decibels(0.0) == "0.0"
    assert quantities.decibels(0.01) == "0.0"


def test_what_is_unknown_is_a_dash() -> None:
    assert quantities.number(None) == quantities.shown(None) == DASH
    assert quantities.aligned([None, None]) == [DASH, DASH]


def test_scores_of_one_column_have_equal_decimals() -> None:
    assert quantities.aligned([0.0, 0.0]) == ["0", "0"]
    assert quantities.aligned([12345.6, 2.0]) == ["12346", "2"]
    assert quantities.aligned([1e-12]) == ["0.00000000"]


def test_durations_do_not_claim_to_be_nothing() -> None:
    assert quantities.seconds(1e-6) == "< 0.1 ms"
    assert quantities.seconds(59.98) == "60.0 s"
    assert quantities.seconds(3599.7) == "1 h 0 min"
