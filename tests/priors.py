"""Priors of a simulated instrument, made up and built."""

from collections.abc import Iterator

from schemas.frame import Pixels
from schemas.prior import Prior
from tests.stages.scan import scanned, scene

KINDS = ("particles", "lines", "texture", "ramp")


def prior(**changes: object) -> Prior:
    """A prior of 50 electrons at full scale, with some of its content changed."""
    content: dict[str, object] = {
        "name": "sim-1",
        "instrument_id": "sim",
        "frames": 20,
        "left_out": 0,
        "gain": 0.02,
        "gain_spread": 0.001,
        "offset": 0.0,
        "offset_spread": 0.0003,
        "grey": 0.4,
        "variance_spread": 0.0002,
        "row_acf": (1.0, 0.3, 0.05),
        "row_acf_spread": 0.01,
    }
    return Prior.of(**{**content, **changes})


PRIOR = prior()


def frames(count: int, *, electrons: float, lag1: float, side: int = 256, seed: int = 0) -> Iterator[Pixels]:
    """Frames of one instrument at one setting, of all kinds in turn."""
    for number in range(count):
        clean = scene(KINDS[number % 4], height=side, width=side, seed=seed + number)
        yield scanned(clean, electrons=electrons, lag1=lag1, seed=1000 + seed + number)
