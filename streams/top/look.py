"""One look at a fleet, wherever it is looked at."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from streams.top.questions import Question

Labels = tuple[str, ...]
Answers = Mapping[Question, Mapping[Labels, float]]
"""Numbers by the values of the labels that were asked for. What nobody exports, or is not known yet, is not there."""


@dataclass(frozen=True)
class Look:
    """What was answered, and which processes answered: by name, None or the reason why one did not."""

    answers: Answers
    processes: Mapping[str, str | None]


class Source(Protocol):
    """Looks at a fleet."""

    def look(self) -> Look:
        """Look once; raises `TransientError` where nobody can tell anything."""

    @property
    def told_by(self) -> str:
        """Who tells, for a headline."""

    @property
    def looks_for_rates(self) -> int:
        """After how many looks rates are known."""
