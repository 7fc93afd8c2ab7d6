import pytest

from schemas.scores import RAW, Candidate, NoiseRecord, PriorUse, Risk
from stages.metrics.names import Score
from stages.selector.rounding import GreyLevels
from stages.selector.rule import Flag, Rule, select
from streams.configuring import configured
from streams.errors import UsageError
from tests.stages.selector.conftest import MakeCandidate

RULE = Rule()


def test_the_lowest_risk_is_chosen_whatever_the_order(make: MakeCandidate, noise: NoiseRecord) -> None:
    pool = [make(RAW, 6e-3), make("median", 9e-4), make("bm3d", 5e-4), make("mean", 1e-3)]
    assert select(pool, noise, RULE).chosen == "bm3d"
    assert select(pool[::-1], noise, RULE).chosen == "bm3d"


def test_the_raw_frame_is_chosen_where_every_restoration_risks_more(make: MakeCandidate, noise: NoiseRecord) -> None:
    selection = select([make(RAW, 1e-4), make("blur", 9e-4)], noise, RULE)
    assert selection.chosen == RAW
    assert selection.runner_up == "blur"


def test_the_margin_is_that_to_the_runner_up_with_its_standard_error(make: MakeCandidate, noise: NoiseRecord) -> None:
    pool = [make(RAW, 6e-3), make("bm3d", 5e-4), make("median", 9e-4, spread=4e-5)]
    selection = select(pool, noise, RULE)
    assert selection.runner_up == "median"
    assert selection.margin == pytest.approx(4e-4)
    assert selection.margin_se == pytest.approx(4e-5 / 4, rel=0.6)


def test_what_cannot_be_told_from_the_best_wins_if_it_is_gentler(make: MakeCandidate, noise: NoiseRecord) -> None:
    best = make("bm3d", 5.0e-4, removed=0.98)
    gentler = make("wavelet", 5.1e-4, spread=1e-4, removed=0.80)
    selection = select([make(RAW, 6e-3), best, gentler], noise, RULE)
    assert selection.chosen == "wavelet"
    assert selection.runner_up == "bm3d"
    assert selection.margin == pytest.approx(-1e-5)


def test_a_gentler_candidate_clearly_worse_is_not_chosen(make: MakeCandidate, noise: NoiseRecord) -> None:
    pool = [make("bm3d", 5.0e-4, removed=0.98), make("wavelet", 5.1e-4, spread=1e-6, removed=0.80)]
    assert select(pool, noise, RULE).chosen == "bm3d"


def test_a_gentler_candidate_far_worse_is_not_chosen_however_large_the_standard_error(
    make: MakeCandidate, noise: NoiseRecord
) -> None:
    pool = [make("bm3d", 5.0e-4, removed=0.98), make("wavelet", 7e-4, spread=5e-3, removed=0.80)]
    assert select(pool, noise, RULE).chosen == "bm3d"
    assert select(pool, noise, Rule(tolerance_db=3.0)).chosen == "wavelet"


def test_common_scatter_of_the_blocks_does_not_make_candidates_alike(make: MakeCandidate, noise: NoiseRecord) -> None:
    pool = [
        make("bm3d", 5.0e-4, spread=3e-4, seed=4, removed=0.98),
        make("wavelet", 5.3e-4, spread=3e-4, seed=4, removed=0.80),
    ]
    assert select(pool, noise, RULE).chosen == "bm3d"


def test_the_raw_frame_is_the_gentlest_and_still_must_be_as_good(make: MakeCandidate, noise: NoiseRecord) -> None:
    best = make("blur", 5.0e-4, removed=0.1)
    assert select([make(RAW, 5.1e-4, spread=2e-4), best], noise, RULE).chosen == RAW
    assert select([make(RAW, 6.0e-4, spread=2e-5), best], noise, RULE).chosen == "blur"


def test_where_gentleness_was_not_scored_the_lowest_risk_stands(make: MakeCandidate, noise: NoiseRecord) -> None:
    pool = [make("bm3d", 5.0e-4, removed=None), make("wavelet", 5.1e-4, spread=1e-4, removed=None)]
    assert select(pool, noise, RULE).chosen == "bm3d"


def test_a_skipped_candidate_is_never_chosen(make: MakeCandidate, noise: NoiseRecord) -> None:
    skipped = make("bm3d", 1e-5).but(skipped="too small")
    assert select([make(RAW, 6e-3), skipped, make("blur", 1e-3)], noise, RULE).chosen == "blur"


def test_the_raw_frame_is_kept_and_flagged_where_the_noise_law_does_not_hold(
    make: MakeCandidate, noise: NoiseRecord
) -> None:
    lawless = noise.but(holds=False, why_not="neighbouring rows are correlated")
    selection = select([make(RAW, 6e-3), make("blur", 1e-4)], lawless, RULE)
    assert (selection.chosen, selection.flags) == (RAW, (Flag.NO_LAW,))
    assert "neighbouring rows are correlated" in selection.reason


@pytest.mark.parametrize("with_noise", [True, False])
def test_the_raw_frame_is_kept_and_flagged_where_nothing_could_be_judged(
    make: MakeCandidate, noise: NoiseRecord, with_noise: bool
) -> None:
    skipped = make("blur", 1e-4).but(risk=None, skipped="no noise")
    selection = select([skipped], noise if with_noise else None, RULE)
    assert (selection.chosen, selection.flags) == (RAW, (Flag.NOTHING_JUDGED,))


def test_a_raw_frame_that_nobody_assessed_competes_by_its_noise(make: MakeCandidate, noise: NoiseRecord) -> None:
    assert select([make("blur", 2 * noise.sigma**2)], noise, RULE).chosen == RAW
    assert select([make("blur", noise.sigma**2)], noise, RULE).chosen == "blur"


def test_the_second_voice_counts_as_much_as_the_rule_gives_it(make: MakeCandidate, noise: NoiseRecord) -> None:
    pool = [make(RAW, 6e-3), make("bm3d", 5e-4, row_j=2e-3), make("nlm", 6e-4, row_j=8e-4)]
    assert select(pool, noise, Rule(second_voice=0.0)).chosen == "bm3d"
    assert select(pool, noise, Rule(second_voice=1.0)).chosen == "nlm"


def test_the_raw_frame_is_kept_and_flagged_where_its_noise_is_within_the_rounding_of_the_file(
    make: MakeCandidate, noise: NoiseRecord
) -> None:
    pool = [make(RAW, 4e-6), make("wavelet", 4e-7)]
    eight_bits = GreyLevels(read=1 / 255, written=1 / 255)
    quiet, louder = noise.but(sigma=0.0018), noise.but(sigma=0.0021)
    kept = select(pool, quiet, RULE, eight_bits)
    assert (kept.chosen, kept.flags, kept.runner_up) == (RAW, (Flag.WITHIN_ROUNDING,), None)
    assert "0.18 % of full scale rms" in kept.reason
    assert "0.46 grey levels" in kept.reason
    assert select(pool, louder, RULE, eight_bits).chosen == "wavelet"
    assert select(pool, quiet, RULE).chosen == "wavelet", "floats have no levels"
    assert select(pool, quiet, Rule(rounding=0.0), eight_bits).chosen == "wavelet"


def test_what_writing_a_restoration_adds_is_counted_and_adds_nothing_to_the_raw_frame(
    make: MakeCandidate, noise: NoiseRecord
) -> None:
    pool = [make(RAW, 5.5e-6), make("wavelet", 5e-6)]
    assert select(pool, noise, RULE).chosen == "wavelet"
    selection = select(pool, noise, RULE, GreyLevels(read=1 / 255, written=1 / 255))
    assert selection.chosen == RAW
    assert selection.margin == pytest.approx(5e-6 + (1 / 255) ** 2 / 12 - 5.5e-6, rel=1e-3)


def test_between_restorations_rounding_changes_no_margin(make: MakeCandidate, noise: NoiseRecord) -> None:
    pool = [make(RAW, 6e-3), make("bm3d", 5e-4), make("median", 9e-4, spread=4e-5)]
    with_levels = select(pool, noise, RULE, GreyLevels(read=1 / 255, written=1 / 255))
    assert with_levels.margin == select(pool, noise, RULE).margin


def test_a_frame_saturated_in_large_parts_is_flagged(make: MakeCandidate, noise: NoiseRecord) -> None:
    pool = [make(RAW, 6e-3), make("bm3d", 5e-4)]
    assert select(pool, noise.but(saturated=0.4), RULE).flags == (Flag.SATURATED,)


def test_a_selection_says_why_in_one_sentence_with_numbers(make: MakeCandidate, noise: NoiseRecord) -> None:
    pool = [make(RAW, 6e-3), make("bm3d", 4e-4), make("nlm", 8e-4, spread=8e-5)]
    reason = select(pool, noise, RULE).reason
    assert reason.startswith(
        "bm3d has the lowest estimated error (2.00 % of full scale rms), 3.0 ± 0.1 dB better than nlm, "
    )
    assert reason.endswith(" standard errors apart.")


def test_of_two_alike_neither_is_said_to_be_better(make: MakeCandidate, noise: NoiseRecord) -> None:
    pool = [make(RAW, 6e-3), make("bm3d", 4e-4), make("twin", 4e-4)]
    assert select(pool, noise, RULE).reason == (
        "bm3d has the lowest estimated error (2.00 % of full scale rms), and twin has the same."
    )


def test_a_gentler_choice_says_that_it_was_one(make: MakeCandidate, noise: NoiseRecord) -> None:
    pool = [make(RAW, 6e-3), make("bm3d", 5e-4, removed=0.98), make("wavelet", 5.1e-4, spread=1e-4, removed=0.8)]
    reason = select(pool, noise, RULE).reason
    assert reason.startswith("wavelet and bm3d cannot be told apart by their estimated error")
    assert "removes less (0.80 of the noise's variance)" in reason


def test_a_risk_below_zero_is_an_estimate_like_any_other(make: MakeCandidate, noise: NoiseRecord) -> None:
    selection = select([make(RAW, 1e-5), make("unet", -2e-6)], noise, RULE)
    assert selection.chosen == "unet"
    assert "below" in selection.reason


def test_the_same_event_gives_the_same_selection_after_its_travels(make: MakeCandidate, noise: NoiseRecord) -> None:
    pool = [make(RAW, 6e-3), make("bm3d", 5e-4, spread=1e-4, seed=3), make("nlm", 5.2e-4, spread=1e-4)]
    travelled = [type(c).from_json(c.to_json()) for c in pool]
    assert select(travelled, NoiseRecord.from_json(noise.to_json()), RULE) == select(pool, noise, RULE)


def test_an_estimate_clearly_below_nothing_is_flagged_and_one_within_its_error_is_not() -> None:
    for value, flagged in ((-3e-4, True), (-1e-4, False), (1e-4, False)):
        risk = Risk(value=value, se=2e-4, row_j=1e-4, blocks=(value, value))
        one = Candidate(name="nlm", stage="filter", method="m", config_hash="c", risk=risk)
        assert (Flag.IMPOSSIBLE in select([one], None, Rule()).flags) == flagged


@pytest.mark.parametrize(("covered", "flagged"), [(None, True), (0.49, True), (0.5, False), (1.0, False)])
def test_a_frame_whose_guard_is_mostly_blind_is_flagged(
    make: MakeCandidate, noise: NoiseRecord, *, covered: float | None, flagged: bool
) -> None:
    seen = {Score.EVIDENCE_COVERED.value: covered}
    pool = [make(RAW, 6e-3).but(scores=seen), make("tv", 4e-4).but(scores=seen)]
    assert (Flag.UNGUARDED in select(pool, noise, Rule()).flags) == flagged
    assert (Flag.UNGUARDED in select(pool, noise, Rule(evidence_covered=0.4)).flags) == (covered is None)


@pytest.mark.parametrize("best", [3e-6, -3e-6, 2e-4])
def test_a_gentler_candidate_is_taken_however_near_to_nothing_the_best_error_lies(
    make: MakeCandidate, noise: NoiseRecord, best: float
) -> None:
    strong = make("strong", best, spread=1e-4, seed=1, removed=1.0)
    gentle = make("gentle", best + 5e-7, spread=1e-4, seed=2, removed=0.5)
    assert select([make(RAW, 6.4e-3), strong, gentle], noise, RULE).chosen == "gentle"


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("evidence_z", -1.0, "greater than 0"),
        ("standard_errors", -3.0, "greater than or equal to 0"),
        ("second_voice", -1.0, "greater than or equal to 0"),
        ("evidence_covered", 7.0, "less than or equal to 1"),
        ("rounding", -1.0, "greater than or equal to 0"),
    ],
)
def test_an_option_that_makes_no_sense_is_refused(option: str, value: float, says: str) -> None:
    with pytest.raises(UsageError, match=f"{option} = .*{says}"):
        configured(Rule, {option: value}, "[selector]")


def test_what_is_known_of_a_frame_is_flagged_whatever_was_chosen_of_it(make: MakeCandidate, noise: NoiseRecord) -> None:
    average = make("average", 5e-5).but(skipped="it is of another place", risk=None)
    wrong = make("tv", 4e-4).but(scores={Score.EVIDENCE_Z.value: 99.0, Score.EVIDENCE_COVERED.value: 0.1})
    pool = [make(RAW, 6e-3), wrong, average]
    doubtful = noise.but(saturated=0.5, prior_use=PriorUse.CONTRADICTED)
    known = (Flag.SATURATED, Flag.PRIOR_CONTRADICTED, Flag.UNGUARDED, Flag.SECOND_FRAME_UNUSED)
    assert select(pool, doubtful, Rule()).flags == (Flag.VETOED, *known)
    assert select(pool, doubtful.but(holds=False), Rule()).flags == (Flag.NO_LAW, *known)
    quiet = doubtful.but(sigma=0.001)
    assert select(pool, quiet, Rule(), GreyLevels(1 / 255, 1 / 255)).flags == (Flag.WITHIN_ROUNDING, *known)


@pytest.mark.parametrize("why", [None, "it is of another place"])
def test_a_second_frame_that_could_not_be_used_is_flagged(make: MakeCandidate, why: str | None) -> None:
    average = make("average", 5e-5).but(skipped=why, **({"risk": None} if why else {}))
    flags = select([make(RAW, 1e-2), make("tv", 1e-4), average], None, Rule()).flags
    assert (Flag.SECOND_FRAME_UNUSED in flags) == (why is not None)
