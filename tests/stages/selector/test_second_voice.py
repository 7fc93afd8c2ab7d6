"""When the second estimate is heard against the choice: where it can know, differs, and is sure."""

import pytest

from schemas.scores import RAW, Candidate, NoiseRecord
from stages.selector.rule import Flag, Rule, select
from tests.stages.selector.conftest import MakeCandidate

RULE = Rule()


@pytest.fixture
def torn(make: MakeCandidate) -> list[Candidate]:
    return [
        make(RAW, 6e-3, row_j=3e-3),
        make("bm3d", 5e-4, row_j=1.4e-3),
        make("nlm", 6e-4, row_j=8e-4, row_spread=4e-4, seed=3),
    ]


def test_it_is_heard_where_it_clearly_prefers_another_and_the_reason_says_which(
    torn: list[Candidate], noise: NoiseRecord
) -> None:
    selection = select(torn, noise, RULE)
    assert (selection.chosen, selection.flags) == ("bm3d", (Flag.DISAGREEMENT,))
    assert selection.reason.endswith(" A second estimate clearly prefers nlm.")


def test_it_is_not_heard_where_it_agrees(torn: list[Candidate], noise: NoiseRecord, make: MakeCandidate) -> None:
    assert select([torn[0], torn[1], make("nlm", 6e-4, row_j=1.5e-3)], noise, RULE).flags == ()


def test_it_is_not_heard_where_rows_tell_too_little_of_each_other(
    torn: list[Candidate], noise: NoiseRecord, make: MakeCandidate
) -> None:
    """As on averaged frames of sharp specimens: hidden pixels are told worse than their noise."""
    unable = [torn[0], make("bm3d", 5e-4, row_j=3e-2), make("nlm", 6e-4, row_j=9e-3, row_spread=4e-4)]
    assert select(unable, noise, RULE).flags == ()
    assert select(unable, noise, Rule(informed=2.0)).flags == (Flag.DISAGREEMENT,)


def test_it_is_not_heard_where_its_difference_may_be_chance(
    torn: list[Candidate], noise: NoiseRecord, make: MakeCandidate
) -> None:
    unsure = [torn[0], torn[1], make("nlm", 6e-4, row_j=8e-4, row_spread=1e-3, seed=3)]
    assert select(unsure, noise, RULE).flags == ()
    assert select(unsure, noise, Rule(disagreement=1.0)).flags == (Flag.DISAGREEMENT,)


def test_it_is_not_heard_where_its_difference_is_small(
    torn: list[Candidate], noise: NoiseRecord, make: MakeCandidate
) -> None:
    close = [torn[0], torn[1], make("nlm", 6e-4, row_j=1.2e-3)]
    assert select(close, noise, RULE).flags == ()


def test_common_scatter_of_the_blocks_does_not_hide_a_difference(
    torn: list[Candidate], noise: NoiseRecord, make: MakeCandidate
) -> None:
    together = [
        torn[0],
        make("bm3d", 5e-4, row_j=1.4e-3, row_spread=2e-3, seed=5),
        make("nlm", 6e-4, row_j=8e-4, row_spread=2.1e-3, seed=5),
    ]
    assert select(together, noise, RULE).flags == (Flag.DISAGREEMENT,)


def test_it_says_nothing_for_or_against_the_raw_frame(
    torn: list[Candidate], noise: NoiseRecord, make: MakeCandidate
) -> None:
    kept = [make(RAW, 1e-4, row_j=8e-3), make("nlm", 6e-4, row_j=1e-5)]
    assert (select(kept, noise, RULE).chosen, select(kept, noise, RULE).flags) == (RAW, ())
    best_by_its_filling = [make(RAW, 6e-3, row_j=1e-5), make("bm3d", 5e-4, row_j=1e-3)]
    assert select(best_by_its_filling, noise, RULE).flags == ()


def test_it_is_silent_in_events_that_kept_no_blocks_of_it(torn: list[Candidate], noise: NoiseRecord) -> None:
    old = [c.but(risk=c.risk.but(row_blocks=None)) for c in torn if c.risk is not None]
    assert select(old, noise, RULE).flags == ()
