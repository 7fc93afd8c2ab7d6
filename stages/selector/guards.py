"""What a candidate may not do, however low its estimated error: a guard reads its scores and says why it is vetoed."""

from collections.abc import Callable, Iterable, Sequence

from schemas.scores import RAW, Candidate

Guard = Callable[[Candidate], str | None]
"""Returns the reason of a veto: what the candidate did, in words and numbers, to be read behind its name."""


def vetoes(candidates: Iterable[Candidate], guards: Sequence[Guard]) -> dict[str, str]:
    """Return why each candidate that may not be chosen may not; nobody vetoes the raw frame."""
    reasons = {c.name: _first(c, guards) for c in candidates if c.name != RAW and c.skipped is None}
    return {name: reason for name, reason in reasons.items() if reason is not None}


def _first(candidate: Candidate, guards: Sequence[Guard]) -> str | None:
    return next((reason for guard in guards if (reason := guard(candidate)) is not None), None)
