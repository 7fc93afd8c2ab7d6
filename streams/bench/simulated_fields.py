"""Simulated specimens with known truth: six kinds, three doses, four scans, as many seeds as asked for."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import count, islice, product

import numpy as np

from schemas.frame import Pixels
from stages.simulation.physics import Scan, acquire, exponential_kernel
from stages.simulation.scenes import KINDS, scene
from stages.simulation.series import drifted
from streams.bench.efficiency import tiff_of
from streams.bench.fields import Pair, Sight, sight_of

SEED = 20_261_128
SIDE_PX = 256
DOSES = (15.0, 40.0, 120.0)
"""Electrons a pixel at full scale."""
_WHITE = Scan(40.0, read_noise=0.02)
_SCAN = Scan(40.0, read_noise=0.02, row_kernel=exponential_kernel(0.5), flicker=0.004)
SCANS: Mapping[str, Scan] = {
    "white": _WHITE,
    "white, jitter": replace(_WHITE, jitter_px=0.2),
    "scan": _SCAN,
    "scan, jitter": replace(_SCAN, jitter_px=0.2),
}
"""Independent pixels, or a detector of one time constant with lines that flicker; lines that stand still, or do not."""


@dataclass(frozen=True)
class SimulatedField:
    """One simulated scan; all of it follows from its numbers."""

    kind: str
    """The scan, one of `SCANS`: figures are averaged by it."""
    number: int
    specimen: str
    dose_e_per_px: float
    seed: int = SEED
    twice: bool = False
    """Whether it is scanned again after a drift."""
    side_px: int = SIDE_PX

    @property
    def label(self) -> str:
        """The scan, the specimen, its dose and number."""
        return f"{self.kind}/{self.specimen}/{self.dose_e_per_px:g}/{self.number}"

    @property
    def conditions(self) -> Mapping[str, str]:
        """Everything but the draw."""
        return {"specimen": self.specimen, "dose": f"{self.dose_e_per_px:g} e/px", "scan": self.kind}

    def pair(self) -> Pair:
        """Draw the specimen and scan it, in 8 bits as an instrument writes it."""
        rng = np.random.default_rng([self.seed, self.number])
        clean = scene(self.specimen, (self.side_px, self.side_px), rng)
        scan = replace(SCANS[self.kind], dose_e_per_px=self.dose_e_per_px)
        noisy = _scanned(clean, scan, rng)
        if not self.twice:
            return Pair(noisy, clean)
        return Pair(noisy, clean, second=_scanned(drifted(clean, rng), scan, rng))


def _scanned(clean: Pixels, scan: Scan, rng: np.random.Generator) -> Sight:
    return sight_of(tiff_of(np.rint(acquire(clean, scan=scan, rng=rng) * 255).astype(np.uint8)))


def simulated_fields(
    images: int, *, seed: int = SEED, twice: bool = False, side_px: int = SIDE_PX
) -> list[SimulatedField]:
    """Return so many fields, all combinations in turn: of 72 the first has as many of each as the second.

    >>> len({field.label.rsplit("/", 1)[0] for field in simulated_fields(72)})
    72
    """
    return list(islice(_endless(seed, twice, side_px), images))


def _endless(seed: int, twice: bool, side_px: int) -> Iterator[SimulatedField]:
    numbers = count()
    for _ in count():
        for specimen, dose, kind in product(KINDS, DOSES, SCANS):
            yield SimulatedField(kind, next(numbers), specimen, dose, seed, twice, side_px)
