"""What may be claimed of an estimated error: a number with its standard error, or a bound where that hides the number.

Every error is that of the result as it is written to a file: the rounding to its grey levels is counted, and none is
where no pixel changes. A lead in decibels is claimed from the same two errors, so the two never contradict each other.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from math import floor, hypot, log, log10, sqrt
from typing import Self

from schemas.scores import Candidate
from stages.selector.judged import Judged, difference, judged
from stages.selector.rounding import GreyLevels

HIDDEN_WITHIN = 2.0
"""Standard errors of nothing within which an error is claimed as a bound, and of which the bound lies above it."""
DB = 10 / log(10)


@dataclass(frozen=True)
class ErrorClaim:
    """An estimated mean squared error in squared units of full scale; as text its root in percent.

    The root's standard error is that of the first order.

    >>> print(ErrorClaim(4e-4, 2e-5), "|", ErrorClaim(4e-4, 0.0), "|", ErrorClaim(4e-6, 1e-7))
    2.00 ± 0.05 | 2.00 | 0.200 ± 0.003
    >>> print(ErrorClaim(-1e-6, 5e-6), "|", ErrorClaim(-1e-6, 5e-6).in_words)
    < 0.316 | below 0.316 %
    >>> print(ErrorClaim(4e-12, 0.0), "|", ErrorClaim(0.0, 2e-13))
    0.00020 | < 0.000063
    """

    value: float
    se: float

    @classmethod
    def of(cls, candidate: Judged) -> Self:
        """Return the claim of a candidate that was judged."""
        return cls(candidate.error, candidate.risk.se)

    @property
    def is_bound(self) -> bool:
        """Whether the estimate is so near to nothing that only its upper end is claimed."""
        return self.value <= HIDDEN_WITHIN * self.se

    @property
    def stated(self) -> float:
        """The squared error that is shown: the estimate, or the upper end."""
        return max(self.value, 0.0) + HIDDEN_WITHIN * self.se if self.is_bound else self.value

    @property
    def rank(self) -> tuple[bool, float]:
        """The order of a list: what is hidden before what is not, each by the number that is shown."""
        return not self.is_bound, self.stated

    @property
    def in_words(self) -> str:
        """The claim within a sentence."""
        return f"{'below ' if self.is_bound else ''}{self._number} %"

    def __str__(self) -> str:
        return f"< {self._number}" if self.is_bound else self._number

    @property
    def _number(self) -> str:
        rms = 100 * sqrt(self.stated)
        decimals = _decimals(rms)
        if self.is_bound or self.se == 0:
            return f"{rms:.{decimals}f}"
        return f"{rms:.{decimals}f} ± {100**2 * self.se / (2 * rms):.{decimals}f}"


def bound_above_a_number(claims: Iterable[ErrorClaim]) -> bool:
    """Whether an upper end is larger than an error that is none, so that comparing both would mislead.

    >>> bound_above_a_number([ErrorClaim(1e-4, 6e-4), ErrorClaim(1e-3, 1e-5)])
    True
    >>> bound_above_a_number([ErrorClaim(1e-4, 6e-4), ErrorClaim(2e-3, 1e-5)])
    False
    """
    split: dict[bool, list[float]] = {True: [], False: []}
    for claim in claims:
        split[claim.is_bound].append(claim.stated)
    return max(split[True], default=0.0) > min(split[False], default=float("inf"))


@dataclass(frozen=True)
class Lead:
    """By how many decibels one squared error lies below another.

    >>> print(Lead(11.84, 1.65), "|", Lead(-0.2), "|", Lead(0.0), "|", Lead(11.6, bound=">"))
    +11.8 ± 1.6 | −0.2 | 0.0 | > 11.6
    """

    db: float
    se: float = 0.0
    bound: str = ""
    """``>`` where it is at least so much, ``<`` where at most."""

    @property
    def in_words(self) -> str:
        """Who is better by it, within a sentence; no number where it says nothing."""
        if self.db < 0.05 or self.bound == "<":
            return "better"
        return f"{'more than ' if self.bound else ''}{self._size} dB better"

    def __str__(self) -> str:
        size = f"−{self._size}" if self.db <= -0.05 else self._size
        if self.bound:
            return f"{self.bound} {size}"
        return f"+{size}" if self.db >= 0.05 else size

    @property
    def _size(self) -> str:
        error = f" ± {self.se:.1f}" if self.se >= 0.05 else ""
        return f"{abs(self.db):.1f}{error}"


def _decimals(rms: float) -> int:
    """Digits after the point: standard errors of errors below 1 % are a few thousandths; two digits of what is less."""
    return 2 if rms >= 1 else max(3, 1 - floor(log10(rms))) if rms > 0 else 3


def error_claim(candidate: Candidate, levels: GreyLevels) -> ErrorClaim | None:
    """Return the claim of a candidate; nothing where it has no risk."""
    return next((ErrorClaim.of(one) for one in judged([candidate], None, levels=levels)), None)


def lead(one: Judged, over: Judged) -> Lead | None:
    """Return by how much the error of one candidate lies below that of another; nothing where they have no ratio.

    From a bound it is a bound. Over the raw frame, or what equals it, whose error is known best, it is the ratio of the
    two errors that are shown; over others the difference counts, which is paired and so better known than either.
    """
    ours, theirs, apart = ErrorClaim.of(one), ErrorClaim.of(over), difference(over, one)
    if not ours.is_bound:
        return _ratio(ours.value, apart.more, error=hypot(apart.error, apart.more / ours.value * ours.se))
    if over.removed == 0 and not theirs.is_bound and theirs.value > ours.stated:
        return _ratio(ours.stated, theirs.value - ours.stated, bound=">")
    return _ratio(ours.stated, apart.more, bound=">" if apart.more >= 0 else "<")


def _ratio(of: float, more: float, *, error: float = 0.0, bound: str = "") -> Lead | None:
    above = of + more
    return Lead(10 * log10(above / of), DB * error / above, bound) if of > 0 and above > 0 else None
