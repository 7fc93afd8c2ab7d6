"""A vetoed candidate is not chosen, however low its estimated error, and the reason is told."""

from dataclasses import dataclass

from schemas.scores import RAW, Candidate, NoiseRecord
from stages.metrics.names import Score
from stages.selector.guards import EvidenceGuard, Guard, vetoes
from stages.selector.rule import Flag, Rule, select
from tests.stages.selector.conftest import MakeCandidate


def no_greed(candidate: Candidate) -> str | None:
    """Vetoes who took more than was there."""
    taken = candidate.scores.get("residual_energy")
    return f"took {taken:g} times the noise away" if taken is not None and taken > 1.5 else None


def disagreeing(candidate: Candidate, z: float | None) -> Candidate:
    return candidate.but(scores={**candidate.scores, Score.EVIDENCE_Z.value: z})


def test_who_leaves_structure_in_the_residual_is_vetoed_in_words_and_numbers(
    make: MakeCandidate, noise: NoiseRecord
) -> None:
    pool = [make(RAW, 6e-3), disagreeing(make("unet", 4e-4), 7.34), disagreeing(make("bm3d", 5e-4), 4.1)]
    selection = select(pool, noise, Rule())
    assert selection.chosen == "bm3d"
    assert selection.vetoes == {
        "unet": "leaves structure in what it took away: 7.3 standard deviations of the noise",
    }


def test_how_much_disagreement_is_allowed_is_an_option(make: MakeCandidate, noise: NoiseRecord) -> None:
    pool = [make(RAW, 6e-3), disagreeing(make("unet", 4e-4), 7.34)]
    assert select(pool, noise, Rule(evidence_z=8)).chosen == "unet"
    assert select(pool, noise, Rule()).flags == (Flag.VETOED,)


def test_who_was_not_compared_with_the_raw_frame_is_not_vetoed_for_it(make: MakeCandidate) -> None:
    pool = [make("old", 4e-4), disagreeing(make("unknown", 4e-4), None), disagreeing(make("usual", 4e-4), 6.1)]
    assert vetoes(pool, [EvidenceGuard(6.1)]) == {}


@dataclass(frozen=True)
class Guarded(Rule):
    @property
    def guards(self) -> tuple[Guard, ...]:
        return (no_greed,)


def test_a_vetoed_candidate_is_not_chosen_and_it_is_said_why(make: MakeCandidate, noise: NoiseRecord) -> None:
    pool = [make(RAW, 6e-3), make("greedy", 4e-4, removed=2.0), make("bm3d", 5e-4)]
    selection = select(pool, noise, Guarded())
    assert (selection.chosen, selection.runner_up) == ("bm3d", RAW)
    assert selection.vetoes == {"greedy": "took 2 times the noise away"}
    assert selection.reason.endswith(" Of a lower estimated error, and vetoed: greedy took 2 times the noise away.")


def test_a_veto_of_one_that_would_not_have_won_is_told_where_it_would_be_the_runner_up(
    make: MakeCandidate, noise: NoiseRecord
) -> None:
    pool = [make(RAW, 6e-3), make("greedy", 6e-4, removed=2.0), make("bm3d", 5e-4)]
    selection = select(pool, noise, Guarded())
    assert selection.vetoes == {"greedy": "took 2 times the noise away"}
    assert selection.runner_up == RAW
    assert "Vetoed, and of a lower estimated error than the runner-up raw: greedy." in selection.reason


def test_a_veto_of_one_behind_the_runner_up_is_kept_and_not_told(make: MakeCandidate, noise: NoiseRecord) -> None:
    pool = [make(RAW, 6e-3), make("greedy", 6e-4, removed=2.0), make("bm3d", 5e-4), make("nlm", 5.5e-4)]
    selection = select(pool, noise, Guarded())
    assert selection.vetoes == {"greedy": "took 2 times the noise away"}
    assert "greedy" not in selection.reason


def test_where_all_are_vetoed_the_raw_frame_is_kept_and_flagged(make: MakeCandidate, noise: NoiseRecord) -> None:
    pool = [make(RAW, 6e-3), make("greedy", 4e-4, removed=2.0)]
    selection = select(pool, noise, Guarded())
    assert (selection.chosen, selection.flags) == (RAW, (Flag.VETOED,))
    assert "greedy took 2 times the noise away" in selection.reason


def test_nobody_vetoes_the_raw_frame_nor_what_was_skipped(make: MakeCandidate) -> None:
    skipped = make("tv", 1e-4, removed=3.0).but(skipped="too small")
    assert vetoes([make(RAW, 6e-3).but(scores={"residual_energy": 9.0}), skipped], [no_greed]) == {}
