"""What a run came to."""

from collections import defaultdict
from collections.abc import Iterable
from statistics import median

from pydantic import computed_field

from schemas.model import Record


class RoundTimes(Record):
    """How one round went.

    ``recovery_s`` is the time from when the fault was healed (when it was injected, for one that is over at once) until
    a consumer that reads committed saw the next selection; ``drained_s`` until it had seen every image of the round,
    some of which arrive only after the healing: with the time to work off what had piled up. None where that did not
    happen in time.
    """

    faults: tuple[str, ...]
    held_s: float
    recovery_s: float | None
    drained_s: float | None


class Spread(Record):
    """Seconds."""

    p50: float
    max: float


class Verdict(Record):
    """What was counted afterwards, by clients that are none of ours where there are any."""

    images: int
    lost: int
    doubled: int
    dead_letters: int = 0
    problems: tuple[str, ...] = ()
    """What does not hold, a line each, besides losses and doubles."""


class ChaosFigures(Record):
    """One run."""

    seed: int
    images: int
    lost: int
    doubled: int
    dead_letters: int
    rounds: tuple[RoundTimes, ...]
    restarts: int
    """Lives of workers and the publisher beyond the first."""
    ends: dict[str, int]
    """How lives ended: exit codes, and signals below zero."""
    left_out: dict[str, str]
    """Faults that this machine cannot have, and why."""
    problems: tuple[str, ...]
    seconds: float

    @computed_field  # type: ignore[prop-decorator]
    @property
    def recovery_s(self) -> Spread | None:
        """Of all rounds in which results came again."""
        return spread([times.recovery_s for times in self.rounds])

    @computed_field  # type: ignore[prop-decorator]
    @property
    def drained_s(self) -> Spread | None:
        """Of all rounds that were worked off."""
        return spread([times.drained_s for times in self.rounds])

    @property
    def holds(self) -> bool:
        """Whether nothing was lost, doubled or otherwise wrong."""
        return not (self.lost or self.doubled or self.dead_letters or self.problems)


def spread(seconds: list[float | None]) -> Spread | None:
    """Return median and maximum of what is known."""
    known = [one for one in seconds if one is not None]
    return Spread(p50=round(median(known), 2), max=round(max(known), 2)) if known else None


class FaultFigures(Record):
    """One kind of fault over all rounds in which it came alone; two at one time are a kind of their own."""

    name: str
    times: int
    recovery_s: Spread | None
    drained_s: Spread | None


TWO = "two at one time"


def by_fault(runs: Iterable[ChaosFigures]) -> list[FaultFigures]:
    """Gather the rounds of runs by what went wrong."""
    found: dict[str, list[RoundTimes]] = defaultdict(list)
    for times in (times for run in runs for times in run.rounds):
        found[times.faults[0] if len(times.faults) == 1 else TWO].append(times)
    return [
        FaultFigures(
            name=name,
            times=len(rounds),
            recovery_s=spread([times.recovery_s for times in rounds]),
            drained_s=spread([times.drained_s for times in rounds]),
        )
        for name, rounds in sorted(found.items())
    ]
