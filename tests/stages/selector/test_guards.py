"""A vetoed candidate is not chosen, however low its estimated error, and the reason is told."""

from dataclasses import dataclass

from schemas.scores import RAW, Candidate, NoiseRecord
from stages.selector.guards import Guard, vetoes
from stages.selector.rule import Flag, Rule, select
from tests.stages.selector.conftest import MakeCandidate


def no_greed(candidate: Candidate) -> str | None:
    """Vetoes who took more than was there."""
    taken = candidate.scores.get("residual_energy")
    return f"took {taken:g} times the noise away" if taken is not None and taken > 1.5 else None


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


def test_a_veto_of_one_that_would_not_have_won_is_kept_and_not_told(make: MakeCandidate, noise: NoiseRecord) -> None:
    pool = [make(RAW, 6e-3), make("greedy", 6e-4, removed=2.0), make("bm3d", 5e-4)]
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
