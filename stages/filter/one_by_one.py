"""Methods that restore one frame at a time."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from schemas.frame import Pixels
from stages.noise import Noise


class OneByOne(ABC):
    """A method whose frames have nothing to do with one another; subclasses are frozen dataclasses."""

    @abstractmethod
    def restore(self, pixels: Pixels, noise: Noise) -> Pixels:
        """Restore one frame ``(H, W)`` float32, both sides 16 px or more; finite, input untouched, deterministic."""

    def __call__(self, frames: Sequence[Pixels], noises: Sequence[Noise]) -> list[Pixels]:
        """Restore each frame given its noise."""
        return [self.restore(pixels, noise) for pixels, noise in zip(frames, noises, strict=True)]
