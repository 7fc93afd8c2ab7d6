from math import log10, sqrt

import pytest

from schemas.scores import RAW, NoiseRecord
from stages.selector.claims import ErrorClaim, Lead, error_claim, lead
from stages.selector.judged import Judged, judged
from stages.selector.rounding import CONTINUOUS, GreyLevels
from stages.selector.rule import Rule, select
from tests.stages.selector.conftest import MakeCandidate

EIGHT_BITS = GreyLevels(read=1 / 255, written=1 / 255)


def hidden(make: MakeCandidate, name: str, risk: float, *, up_to: float, seed: int = 0) -> Judged:
    """A candidate whose risk is hidden by its standard error."""
    candidate = make(name, risk, spread=risk / 10, seed=seed)
    assert candidate.risk is not None
    wide = candidate.but(risk=candidate.risk.but(se=(up_to - risk) / 2))
    return judged([wide], None)[0]


def clear(make: MakeCandidate, name: str, risk: float, *, spread: float = 0.0) -> Judged:
    return judged([make(name, risk, spread=spread)], None)[0]


def test_a_gain_beside_a_bound_is_a_bound_from_the_two_numbers_that_are_shown(make: MakeCandidate) -> None:
    unet, raw = hidden(make, "unet", 2.98e-4, up_to=13.6e-4), clear(make, RAW, 212.8e-4)
    gain = lead(unet, raw)
    assert str(ErrorClaim.of(unet)) == "< 3.69"
    assert gain is not None
    assert (str(gain), gain.in_words) == ("> 11.9", "more than 11.9 dB better")
    assert gain.db == pytest.approx(10 * log10(14.588**2 / 3.688**2), abs=0.01)


def test_a_gain_beside_a_clear_error_has_the_standard_error_of_that(make: MakeCandidate) -> None:
    bm3d, raw = make("bm3d", 13.9e-4), clear(make, RAW, 212.8e-4)
    assert bm3d.risk is not None
    one = judged([bm3d.but(risk=bm3d.risk.but(se=5.3e-4))], None)[0]
    assert (str(ErrorClaim.of(one)), str(lead(one, raw))) == ("3.73 ± 0.71", "+11.8 ± 1.5")


def test_what_equals_the_raw_frame_lies_as_far_behind_as_the_raw_frame(make: MakeCandidate) -> None:
    best = hidden(make, "unet", 3e-4, up_to=13e-4)
    (same,) = judged([make("median", 200e-4, removed=0.0)], None)
    assert lead(best, same) == lead(best, clear(make, RAW, 200e-4))


def test_of_two_bounds_the_paired_difference_tells_which_is_better(make: MakeCandidate) -> None:
    best, second = hidden(make, "unet", 3e-4, up_to=13e-4), hidden(make, "blend", 4e-4, up_to=14e-4)
    assert str(lead(best, second)) == "> 0.3"
    assert str(lead(second, best)) == "< −0.3"


def test_no_bound_contradicts_the_order_of_the_estimates(make: MakeCandidate) -> None:
    best = hidden(make, "unet", 3e-4, up_to=13e-4)
    for other in (clear(make, "nlm", 5e-4), clear(make, RAW, 5e-4), clear(make, "tv", 14e-4)):
        found = lead(best, other)
        assert found is not None
        assert (found.bound, found.db > 0) == (">", True)


def test_a_ratio_to_less_than_nothing_is_none(make: MakeCandidate) -> None:
    assert lead(clear(make, "a", 1e-4), clear(make, "b", -1e-4)) is None
    assert lead(clear(make, RAW, 0.0), clear(make, RAW, 0.0)) is None


def test_an_estimate_below_nothing_is_claimed_as_what_it_lies_below(make: MakeCandidate) -> None:
    below = hidden(make, "unet", -2e-6, up_to=6e-6)
    assert str(ErrorClaim.of(below)) == f"< {100 * sqrt(8e-6):.3f}"
    assert str(lead(below, clear(make, RAW, 8e-4))) == "> 20.0"


def test_claims_stand_bounds_first_each_in_the_order_of_the_number_shown() -> None:
    claims = [ErrorClaim(4e-4, 1e-5), ErrorClaim(1e-4, 3e-4), ErrorClaim(2e-4, 2e-4), ErrorClaim(3e-4, 1e-5)]
    shown = [str(claim) for claim in sorted(claims, key=lambda claim: claim.rank)]
    assert shown == ["< 2.45", "< 2.65", "1.73 ± 0.03", "2.00 ± 0.03"]


def test_a_lead_that_says_nothing_is_no_number_in_a_sentence() -> None:
    assert Lead(0.01, 0.2).in_words == Lead(-0.3, bound="<").in_words == "better"


def test_rounding_is_charged_where_pixels_change_and_nowhere_else(make: MakeCandidate) -> None:
    raw, same, other = make(RAW, 1.5e-5), make("median", 1.5e-5, removed=0.0), make("mean", 1.5e-5, removed=0.5)
    claims = [str(error_claim(candidate, EIGHT_BITS)) for candidate in (raw, same, other)]
    assert claims == ["0.387", "0.387", "0.404"]
    assert error_claim(other, CONTINUOUS) == error_claim(raw, EIGHT_BITS)
    assert error_claim(raw.but(risk=None), EIGHT_BITS) is None


def test_a_restoration_that_changes_nothing_is_never_preferred_to_the_raw_frame(
    make: MakeCandidate, noise: NoiseRecord
) -> None:
    pool = [make("median", 1.5e-5, removed=0.0), make(RAW, 1.5e-5), make("mean", 9e-5)]
    kept = select(pool, noise, Rule(), EIGHT_BITS)
    assert kept.chosen == RAW
    assert "they are equal), and raw removes nothing" in kept.reason


def test_the_error_in_the_reason_is_that_of_the_claim(make: MakeCandidate, noise: NoiseRecord) -> None:
    pool = [make(RAW, 6e-3), make("bm3d", 5e-4, spread=1e-4), make("nlm", 9e-4)]
    claim = error_claim(pool[1], EIGHT_BITS)
    assert claim is not None
    assert f"({claim.in_words} of full scale rms)" in select(pool, noise, Rule(), EIGHT_BITS).reason
