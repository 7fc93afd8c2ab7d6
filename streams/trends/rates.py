"""How many images an instrument writes: counts in a hopping window."""

from datetime import datetime

from pydantic import Field

from schemas.model import Record

STEP_S = 300
STEPS = 12
"""Steps that make the window: an hour, which moves on every five minutes."""


class Rates(Record):
    """Images of the window's steps, by the number of the step since 1970; the window ends at the latest image."""

    steps: dict[int, int] = Field(default_factory=dict)

    def counted(self, at: datetime) -> "Rates":
        """Return the counts with one more image; one that is older than the window is not counted."""
        step = _step(at)
        latest = max([step, *self.steps])
        steps = {**self.steps, step: self.steps.get(step, 0) + 1}
        return self.but(steps={number: count for number, count in steps.items() if number > latest - STEPS})

    def images_in_an_hour(self, now: datetime) -> int:
        """Images of the window that ends now."""
        return sum(count for step, count in self.steps.items() if step > _step(now) - STEPS)


def _step(at: datetime) -> int:
    return int(at.timestamp()) // STEP_S
