"""The sentence that tells a person why a candidate was chosen."""

import math
from collections.abc import Mapping, Sequence

from schemas.scores import Judge
from stages.selector.claims import ErrorClaim, lead
from stages.selector.judged import Difference, Judged


def no_law(why_not: str | None) -> str:
    """Why the raw frame is kept where the noise law does not hold."""
    return f"The frame is kept as it is, for its noise cannot be described: {why_not or 'its law does not hold'}."


def nothing_judged() -> str:
    """Why the raw frame is kept where there is nothing else."""
    return "The frame is kept as it is: no restoration of it could be judged."


def all_vetoed(vetoes: Mapping[str, str]) -> str:
    """Why the raw frame is kept where no restoration may be chosen."""
    told = "; ".join(f"{name} {why}" for name, why in vetoes.items())
    return f"The frame is kept as it is, for no restoration of it may be chosen: {told}."


def vetoed(vetoes: Mapping[str, str], lower: Sequence[str]) -> str:
    """What to add where candidates of a lower estimated error may not be chosen."""
    told = "; ".join(f"{name} {vetoes[name]}" for name in lower)
    return f" Of a lower estimated error, and vetoed: {told}." if told else ""


def nearer(vetoed_names: Sequence[str], runner_up: str | None) -> str:
    """What to add where candidates that may not be chosen come before the runner-up."""
    if not vetoed_names:
        return ""
    return f" Vetoed, and of a lower estimated error than the runner-up {runner_up}: {', '.join(vetoed_names)}."


def within_rounding(sigma: float, read: float) -> str:
    """Why the raw frame is kept where its noise is within the rounding of its levels."""
    return (
        f"The frame is kept as it is: its noise ({100 * sigma:.2g} % of full scale rms) is {sigma / read:.2g} grey "
        "levels of the file, so hardly a pixel would change, and a gain could not be told from rounding."
    )


def preferred_by_the_second(favourite: Judged) -> str:
    """What to add where the second estimate contradicts."""
    return f" A second estimate clearly prefers {favourite.name}."


def judged_by(chosen: Judged) -> str:
    """What to add where the frame itself was not the judge."""
    return " A second frame of its field was the judge." if chosen.risk.by is Judge.SECOND_FRAME else ""


def only_one(chosen: Judged) -> str:
    """Why the only candidate is chosen."""
    return f"{chosen.name} is the only candidate that could be judged; its estimated error is {error_of(chosen)}."


def lowest(chosen: Judged, runner_up: Judged, apart: Difference) -> str:
    """Why the candidate of the lowest risk is chosen."""
    if apart.more == 0:
        return f"{chosen.name} has the lowest estimated error ({error_of(chosen)}), and {runner_up.name} has the same."
    return (
        f"{chosen.name} has the lowest estimated error ({error_of(chosen)}), {_better(chosen, runner_up)} than "
        f"{runner_up.name}, {_apart(apart)}."
    )


def gentlest(chosen: Judged, best: Judged, apart: Difference) -> str:
    """Why a gentler candidate is chosen than that of the lowest risk."""
    removed = (
        "removes nothing" if chosen.removed == 0 else f"removes less ({chosen.removed:.2f} of the noise's variance)"
    )
    return (
        f"{chosen.name} and {best.name} cannot be told apart by their estimated error ({error_of(chosen)}; they are "
        f"{_apart(apart)}), and {chosen.name} {removed}."
    )


def error_of(candidate: Judged) -> str:
    """Estimated error of a candidate as a root mean square, in words."""
    return f"{ErrorClaim.of(candidate).in_words} of full scale rms"


def _better(chosen: Judged, other: Judged) -> str:
    found = lead(chosen, other)
    return found.in_words if found else "better"


def _apart(apart: Difference) -> str:
    if apart.more == 0:
        return "equal"
    if math.isinf(apart.errors_apart):
        return "without a standard error to compare with"
    return f"{standard_errors(f'{apart.errors_apart:.2g}')} apart"


def standard_errors(count: str) -> str:
    """Return so many standard errors, in words.

    >>> standard_errors("1"), standard_errors("3.8")
    ('1 standard error', '3.8 standard errors')
    """
    return f"{count} standard error{'' if count == '1' else 's'}"
