"""Each way of restoring frames by itself: how close it comes to the truth, in how much time and memory, on one core.

BM3D is set beside the package of its authors, both called on the same frames in turn, in the same process.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
import torch

from schemas.frame import Pixels
from schemas.model import Record
from stages.filter.bm3d import Bm3d
from stages.filter.bm3d.on_tensors import TorchBm3d
from stages.filter.bm3d.profiles import PROFILES
from stages.filter.bm3d_pypi import Bm3dPypi
from stages.metrics.reference import psnr_db
from stages.noise import measure
from stages.stage import Method
from streams.bench.fields import Pair, Specimen
from streams.bench.one_core import Cost, cost_of, one_core, warm_up_of
from streams.errors import UsageError

PACKAGE = "package"
SIZES = ((512, 512), (1024, 1536))


class Restored(Record):
    """What one method made of one field."""

    psnr: float
    """dB, full scale as the peak."""
    seconds: float
    """On one core."""


class Standing(Record):
    """A BM3D beside the package of its authors; means over all fields."""

    psnr: float
    kinds_psnr: dict[str, float]
    seconds: float
    psnr_delta: float | None = None
    """dB above the package; negative below. Nothing for the package itself, nor where it is not installed."""
    speedup: float | None = None
    """The package's seconds over its own."""


class DenoiserFigures(Record):
    """The benchmark's figures."""

    fields: int
    bm3d: dict[str, Standing]
    """By profile, on a GPU with ``-gpu`` behind it; the authors' package under `PACKAGE` where it is installed."""
    methods: dict[str, Standing]
    """The pipeline's candidates by themselves."""
    costs: dict[str, dict[str, Cost]]
    """Of each profile, by ``HEIGHTxWIDTH``; of pure noise, every block of which is like every other."""


@dataclass(frozen=True)
class Contest:
    """Methods by name, called in turn on each field."""

    methods: Mapping[str, Method]

    def __call__(self, field: Specimen) -> tuple[str, dict[str, Restored]]:
        """Return the field's kind, and what each method made of it."""
        pair = field.pair()
        law = measure(pair.noisy.frame.pixels)
        if not law.holds:
            raise UsageError(f"{field.label}: its noise follows no law ({law.why_not}); leave it out")
        found = {name: _restored(method, pair) for name, method in self.methods.items()}
        return field.kind, found


def measure_denoisers(
    fields: Sequence[Specimen], candidates: Mapping[str, Method], *, note: Callable[[], None] = lambda: None
) -> DenoiserFigures:
    """Compare on the fields; ``note`` is called after each. The work is done in processes that keep to one core."""
    contestants: dict[str, Method] = {name: Bm3d(profile=name) for name in PROFILES}  # type: ignore[arg-type]
    if torch.cuda.is_available():
        contestants |= {f"{name}-gpu": TorchBm3d(profile=name) for name in PROFILES}  # type: ignore[arg-type]
    if _installed():
        contestants[PACKAGE] = Bm3dPypi()
    results = []
    with one_core() as core:
        for result in core.map(Contest({**contestants, **{f"={n}": m for n, m in candidates.items()}}), fields):
            results.append(result)
            note()
    standings = _standings(results)
    package = standings.get(PACKAGE)
    return DenoiserFigures(
        fields=len(fields),
        bm3d={name: _beside(package, standings[name]) if name != PACKAGE else standings[name] for name in contestants},
        methods={name: standings[f"={name}"] for name in candidates},
        costs={name: dict(_costs(method)) for name, method in contestants.items() if name != PACKAGE},
    )


def _installed() -> bool:
    try:
        import bm3d  # noqa: F401, PLC0415 - whether it can be imported
    except ImportError:
        return False
    return True


def _restored(method: Method, pair: Pair) -> Restored:
    frame = pair.noisy.frame.pixels
    law = measure(frame)
    method([warm_up_of(frame)], [law])
    start_s = time.perf_counter()
    (restored,) = method([frame], [law])
    seconds = time.perf_counter() - start_s
    clipped = np.asarray(np.clip(restored, 0, 1))
    return Restored(psnr=psnr_db(pair.clean, pair.inner(clipped)), seconds=seconds)


def _standings(results: Sequence[tuple[str, Mapping[str, Restored]]]) -> dict[str, Standing]:
    kinds = sorted({kind for kind, _ in results})
    return {
        name: Standing(
            psnr=round(fmean(found[name].psnr for _, found in results), 4),
            kinds_psnr={k: round(fmean(found[name].psnr for kind, found in results if kind == k), 4) for k in kinds},
            seconds=round(fmean(found[name].seconds for _, found in results), 4),
        )
        for name in results[0][1]
    }


def _beside(package: Standing | None, ours: Standing) -> Standing:
    if package is None:
        return ours
    return ours.but(psnr_delta=round(ours.psnr - package.psnr, 4), speedup=round(package.seconds / ours.seconds, 3))


def _costs(method: Method) -> Iterator[tuple[str, Cost]]:
    for height, width in SIZES:
        with one_core() as fresh:
            yield f"{height}x{width}", fresh.submit(cost_of, method, _pure_noise((height, width))).result()


def _pure_noise(shape: tuple[int, int]) -> Pixels:
    return np.random.default_rng(0).normal(0.5, 0.05, shape).clip(0, 1).astype(np.float32)
