"""Where a network is beaten by a classical method, and whether the selection knows it."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from schemas.model import Record
from stages.denoise import Denoise
from stages.stage import Stage
from streams.bench.results import Choice, FieldResult
from streams.errors import UsageError

RIVAL = "bm3d"
NEAR_DB = 0.1
"""A choice this close to the best candidate is as good."""


class Picks(Record):
    """What was chosen on some images."""

    images: int
    right: float
    """Share of them whose chosen candidate is truly the best of all."""
    near: float
    """Share of them whose chosen candidate is the best or within `NEAR_DB` of it."""
    chosen: dict[str, int]


class Duel(Record):
    """A network against its rival on the images of one condition."""

    gain_db: float
    """Mean PSNR of the network above that of the rival; negative where it is below."""
    worst_db: float
    """The least that it is above the rival on any image."""
    lost: float
    """Share of the images on which the network is the worse of the two."""
    picks: Picks
    picks_where_lost: Picks | None
    """Nothing where it lost nowhere."""


class NetworkFailures(Record):
    """A network's duels on all images, by each condition and its value, and by all conditions together."""

    network: str
    every: Duel
    by: dict[str, dict[str, Duel]]
    together: dict[str, Duel]


class PoolFigures(Record):
    """What selecting from a pool comes to, by the truth; means over the images."""

    psnr: float
    best_psnr: float
    """Of each image's best candidate of this pool."""
    regret: float
    """Against the best candidate of the whole pool."""
    better: float
    """Share of the images on which this pool's choice is better than the whole one's by more than `NEAR_DB`."""
    better_db: float
    """By how much at the most."""


class FailureFigures(Record):
    """Networks against their rival, and what having them in the pool changes."""

    images: int
    rival: str
    networks: list[NetworkFailures]
    pools: dict[str, PoolFigures]
    """The whole one, and smaller ones by what is in them."""


def check_rivals(stages: Sequence[Stage], rival: str = RIVAL) -> None:
    """Raise `UsageError` unless the pipeline has networks, and the classical candidate that they are compared with."""
    found = {stage.name: getattr(stage, "candidates", {}) for stage in stages}
    if not found.get(Denoise.name) or not any(rival in candidates for candidates in found.values()):
        raise UsageError(
            f"networks are compared with the candidate '{rival}', and the pipeline has not both: name one that has a "
            f"table [filter.candidates.{rival}] and candidates of the stage '{Denoise.name}', or leave --failures out"
        )


def failures(results: Sequence[FieldResult], rival: str = RIVAL) -> FailureFigures | None:
    """Compare the networks with a classical candidate; nothing where the pipeline has not both."""
    fought = [result for result in results if rival in result.candidates]
    names = dict.fromkeys(name for result in fought for name in result.networks)
    if not names:
        return None
    pools = {"whole": [Choice(r.chosen, tuple(r.candidates)) for r in results]}
    pools |= {pool: [result.smaller_pools[pool] for result in results] for pool in results[0].smaller_pools}
    return FailureFigures(
        images=len(results),
        rival=rival,
        networks=[_of_network(name, rival, [r for r in fought if name in r.candidates]) for name in names],
        pools={pool: _pool(results, choices) for pool, choices in pools.items()},
    )


def _of_network(network: str, rival: str, results: Sequence[FieldResult]) -> NetworkFailures:
    conditions = dict.fromkeys(name for result in results for name in result.conditions)
    return NetworkFailures(
        network=network,
        every=_duel(network, rival, results),
        by={
            condition: {
                value: _duel(network, rival, [r for r in results if r.conditions.get(condition) == value])
                for value in dict.fromkeys(r.conditions[condition] for r in results if condition in r.conditions)
            }
            for condition in conditions
        },
        together={
            label: _duel(network, rival, [r for r in results if _together(r) == label])
            for label in dict.fromkeys(map(_together, results))
        },
    )


def _together(result: FieldResult) -> str:
    return ", ".join(result.conditions.values())


def _duel(network: str, rival: str, results: Sequence[FieldResult]) -> Duel:
    gains = [result.candidates[network].psnr - result.candidates[rival].psnr for result in results]
    lost = [result for result, gain in zip(results, gains, strict=True) if gain < 0]
    return Duel(
        gain_db=_short(float(np.mean(gains))),
        worst_db=_short(min(gains)),
        lost=_short(len(lost) / len(results)),
        picks=_picks(results),
        picks_where_lost=_picks(lost) if lost else None,
    )


def _picks(results: Sequence[FieldResult]) -> Picks:
    return Picks(
        images=len(results),
        right=_short(float(np.mean([result.regret == 0 for result in results]))),
        near=_short(float(np.mean([result.regret <= NEAR_DB for result in results]))),
        chosen=dict(Counter(result.chosen for result in results)),
    )


def _pool(results: Sequence[FieldResult], choices: Sequence[Choice]) -> PoolFigures:
    given = list(zip(results, choices, strict=True))
    psnr = [result.candidates[choice.chosen].psnr for result, choice in given]
    gains = [value - result.selected.psnr for value, result in zip(psnr, results, strict=True)]
    best = [max(result.candidates[name].psnr for name in choice.pool) for result, choice in given]
    return PoolFigures(
        psnr=_short(float(np.mean(psnr))),
        best_psnr=_short(float(np.mean(best))),
        regret=_short(float(np.mean([result.regret_of(choice.chosen) for result, choice in given]))),
        better=_short(float(np.mean([gain > NEAR_DB for gain in gains]))),
        better_db=_short(max(0.0, *gains)),
    )


def _short(value: float) -> float:
    return round(value, 4)
