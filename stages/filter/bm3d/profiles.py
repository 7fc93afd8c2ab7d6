"""How much work BM3D does."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Search:
    """Which blocks make up groups: references every ``step_px``, the ``most`` likest within ``radius_px`` of each."""

    step_px: int
    radius_px: int
    most: int
    """A power of two."""


@dataclass(frozen=True)
class Profile:
    """Both estimates: hard thresholding, then the empirical Wiener filter with the first one as its pilot."""

    basic: Search
    threshold: float
    """In standard deviations of the noise."""
    final: Search
    factor: float
    """Noise power in the Wiener factors, in units of the noise's own."""


PROFILES = {
    "fast": Profile(Search(7, 12, 16), 3.0, Search(6, 18, 16), 2.0),
    "normal": Profile(Search(4, 12, 16), 3.0, Search(5, 24, 32), 2.0),
    "best": Profile(Search(3, 16, 32), 2.8, Search(3, 24, 32), 2.0),
}
