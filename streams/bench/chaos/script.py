"""What goes wrong when: all of it follows from the seed."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from streams.bench.chaos.faults.fault import Fault

TWO_AT_ONCE = 0.2
"""Share of rounds in which two things go wrong at one time."""
UP_TO_S = 2.0
"""A fault comes so long, at the most, after images of its round have begun to arrive."""


@dataclass(frozen=True)
class Round:
    """One fault, or two at one time: so many seconds after images began to arrive, for so long."""

    faults: tuple[Fault, ...]
    after_s: float
    hold_s: float
    dice: int
    """Seed of what the faults themselves choose by dice."""

    @property
    def name(self) -> str:
        """What goes wrong."""
        return " + ".join(fault.name for fault in self.faults)


def script_of(seed: int, catalogue: Sequence[Fault], *, rounds: int) -> list[Round]:
    """Deal faults from the shuffled catalogue, shuffled anew when all were dealt."""
    dice = random.Random(seed)  # noqa: S311 - no secret
    deck: list[Fault] = []
    script = []
    for _ in range(rounds):
        deck = deck or dice.sample(list(catalogue), len(catalogue))
        script.append(_round(deck, dice))
    return script


def _round(deck: list[Fault], dice: random.Random) -> Round:
    faults = [deck.pop()]
    if deck and dice.random() < TWO_AT_ONCE and deck[-1].target != faults[0].target:
        faults.append(deck.pop())
    longest = max(faults, key=lambda fault: fault.hold_s[1])
    return Round(tuple(faults), dice.uniform(0, UP_TO_S), dice.uniform(*longest.hold_s), dice.getrandbits(32))
