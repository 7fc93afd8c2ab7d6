"""Methods that restore one frame at a time."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from schemas.frame import Pixels
from stages.noise import NO_NOISE_BELOW, Noise


class OneByOne(ABC):
    """A method whose frames have nothing to do with one another; subclasses are frozen dataclasses."""

    @abstractmethod
    def restore(self, pixels: Pixels, noise: Noise) -> Pixels:
        """Restore one frame ``(H, W)`` float32, both sides 8 px or more; finite, input untouched, deterministic.

        ``noise`` is at least `NO_NOISE_BELOW`.
        """

    def __call__(self, frames: Sequence[Pixels], noises: Sequence[Noise]) -> list[Pixels]:
        """Restore each frame given its noise; one without noise comes back as it is."""
        return [
            pixels.copy() if noise.sigma < NO_NOISE_BELOW else self.restore(pixels, noise)
            for pixels, noise in zip(frames, noises, strict=True)
        ]
