"""Figures of runs in which things went wrong, as tests need them."""

from streams.bench.chaos.figures import ChaosFigures, RoundTimes


def figures(*rounds: RoundTimes) -> ChaosFigures:
    return ChaosFigures(
        seed=1,
        images=10,
        lost=0,
        doubled=0,
        dead_letters=0,
        rounds=rounds,
        restarts=0,
        ends={},
        left_out={},
        problems=(),
        seconds=1.0,
    )
