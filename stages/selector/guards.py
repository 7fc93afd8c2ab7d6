"""What a candidate may not do, however low its estimated error: a guard reads its scores and says why it is vetoed."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from schemas.scores import RAW, Candidate
from stages.metrics.names import Score

Guard = Callable[[Candidate], str | None]
"""Returns the reason of a veto: what the candidate did, in words and numbers, to be read behind its name."""


@dataclass(frozen=True)
class EvidenceGuard:
    """Vetoes who erased or planted something: the raw frame disagrees by more than noise does (`stages.evidence`)."""

    most: float
    """Largest disagreement that noise explains, in its standard deviations."""

    def __call__(self, candidate: Candidate) -> str | None:
        """Read the score; who has none is not judged by it."""
        found = candidate.scores.get(Score.EVIDENCE_Z)
        if found is None or found <= self.most:
            return None
        return f"leaves structure in what it took away: {found:.1f} standard deviations of the noise"


def vetoes(candidates: Iterable[Candidate], guards: Sequence[Guard]) -> dict[str, str]:
    """Return why each candidate that may not be chosen may not; nobody vetoes the raw frame."""
    reasons = {c.name: _first(c, guards) for c in candidates if c.name != RAW and c.skipped is None}
    return {name: reason for name, reason in reasons.items() if reason is not None}


def _first(candidate: Candidate, guards: Sequence[Guard]) -> str | None:
    return next((reason for guard in guards if (reason := guard(candidate)) is not None), None)
