"""How fast networks restore frames, in how much memory, beside BM3D in the same process.

On a CPU rates are by processor time: what other processes take of the core does not count.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from schemas.frame import Pixels
from schemas.model import Record
from stages.denoise.network import DRUNetDenoiser, NetworkDenoiser, UNetDenoiser
from stages.denoise.unet import CHANNELS_IN, ResidualUNet
from stages.filter.bm3d import Bm3d
from stages.filter.bm3d.on_tensors import TorchBm3d
from stages.noise import measure
from stages.simulation.physics import acquire
from stages.simulation.scenes import scene
from stages.stage import Method
from streams.bench.one_core import cost_of, one_core, warm_up_of
from streams.bench.peaks import peak_flops_per_s
from streams.bench.simulated_fields import SCANS

SIZES = ((512, 512), (1024, 1536))
SEED = 7

Shape = tuple[int, int]


class Speed(Record):
    """Calls with so many frames of one size at a time."""

    seconds: float
    """Of one call by the clock, median: how long the last of its frames waits."""
    core_s: float
    """Of processor time in the same call, median."""
    images_per_s: float
    """By processor time on a CPU, by the clock on a GPU."""
    peak_share: float | None
    """Of the operations a second that the device reaches at the most (`streams.bench.peaks`); networks only."""


class MethodFigures(Record):
    """One method, by ``HEIGHTxWIDTH``."""

    parameters: int | None
    speeds: dict[str, dict[str, Speed]]
    """Then by the number of frames in a call."""
    memory_mib: dict[str, float]
    """More resident memory than before a call with one frame; on a GPU, memory allocated there."""


class InferenceFigures(Record):
    """The benchmark's figures."""

    device: str
    precision: str
    repeats: int
    peak_tflops: float
    """What the device reaches at the most in this precision, in 10^12 operations a second (`streams.bench.peaks`)."""
    methods: dict[str, MethodFigures]


@dataclass(frozen=True)
class Peak:
    """What a device reaches at the most."""

    device: str
    flops_per_s: float


@dataclass(frozen=True)
class Taken:
    """Seconds by the clock, and of processor time."""

    clock: float
    core: float

    @classmethod
    def now(cls) -> "Taken":
        """Read both."""
        return cls(time.perf_counter(), time.process_time())

    @classmethod
    def median(cls, some: Sequence["Taken"]) -> "Taken":
        """Return the median of either."""
        return cls(median(one.clock for one in some), median(one.core for one in some))

    def __sub__(self, start: "Taken") -> "Taken":
        return Taken(self.clock - start.clock, self.core - start.core)

    def on(self, device: str) -> float:
        """Return what counts there."""
        return self.clock if device == "cuda" else self.core


@dataclass(frozen=True)
class Series:
    """Methods called in turn with the same frames, several times."""

    methods: Mapping[str, Method]
    frames: Sequence[Pixels]
    batches: Sequence[int]
    repeats: int

    def __call__(self) -> dict[str, dict[int, Taken]]:
        """Return the medians of a call, by method and number of frames."""
        laws = [measure(frame) for frame in self.frames]
        for method in self.methods.values():
            method([warm_up_of(self.frames[0])], laws[:1])
        found: dict[str, dict[int, list[Taken]]] = {name: {n: [] for n in self.batches} for name in self.methods}
        for _ in range(self.repeats):
            for name, method in self.methods.items():
                for count in self.batches:
                    start = Taken.now()
                    method(self.frames[:count], laws[:count])
                    found[name][count].append(Taken.now() - start)
        return {name: {count: Taken.median(calls) for count, calls in by.items()} for name, by in found.items()}


def contestants() -> dict[str, Method]:
    """Return BM3D and the networks, by name."""
    bm3d: dict[str, Method] = {"bm3d": Bm3d(profile="normal")}
    if torch.cuda.is_available():
        bm3d["bm3d-gpu"] = TorchBm3d(profile="normal")
    return {**bm3d, "unet": UNetDenoiser(), "drunet": DRUNetDenoiser()}


def measure_inference(
    methods: Mapping[str, Method],
    *,
    sizes: Sequence[Shape] = SIZES,
    batches: Sequence[int],
    repeats: int,
    note: Callable[[str], None] = lambda _: None,
) -> InferenceFigures:
    """Measure methods in a process that keeps to one core, and uses the GPU where there is one."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    precision = torch.bfloat16 if device == "cuda" else torch.float32
    peaks: list[float] = []
    found: dict[str, MethodFigures] = {
        name: MethodFigures(parameters=_parameters(method), speeds={}, memory_mib={})
        for name, method in methods.items()
    }
    for shape in sizes:
        size, frames = f"{shape[0]}x{shape[1]}", scans(max(batches), shape)
        note(size)
        with one_core() as core:
            peaks.append(core.submit(peak_flops_per_s, device, precision).result())
            taken = core.submit(Series(methods, frames, batches, repeats)).result()
        for name, method in methods.items():
            speeds = {str(n): _speed(method, n, shape, taken[name][n], Peak(device, peaks[-1])) for n in batches}
            note(f"{size} {name}")
            found[name].speeds[size] = speeds
            found[name].memory_mib[size] = _memory_mib(method, frames[0])
    return InferenceFigures(
        device=torch.cuda.get_device_name() if device == "cuda" else "one core",
        precision=str(precision).removeprefix("torch."),
        repeats=repeats,
        peak_tflops=round(max(peaks) / 1e12, 4),
        methods=found,
    )


def scans(number: int, shape: Shape) -> list[Pixels]:
    """Return so many scans of one simulated specimen."""
    rng = np.random.default_rng(SEED)
    clean = scene("grains", shape, rng)
    return [acquire(clean, scan=SCANS["scan"], rng=rng) for _ in range(number)]


def flops_of(network: NetworkDenoiser, shape: Shape) -> int:
    """Count the multiplications and additions of one frame, without computing anything."""
    counter = FlopCounterMode(display=False)
    with torch.device("meta"), counter:
        ResidualUNet(tuple(network.widths), network.blocks)(torch.empty(1, CHANNELS_IN, *shape))
    return counter.get_total_flops()


def _speed(method: Method, count: int, shape: Shape, taken: Taken, peak: Peak) -> Speed:
    seconds, share = taken.on(peak.device), None
    if isinstance(method, NetworkDenoiser):
        share = round(count * flops_of(method, shape) / seconds / peak.flops_per_s, 4)
    return Speed(
        seconds=round(taken.clock, 4),
        core_s=round(taken.core, 4),
        images_per_s=round(count / seconds, 4),
        peak_share=share,
    )


def _memory_mib(method: Method, frame: Pixels) -> float:
    with one_core() as fresh:
        if torch.cuda.is_available():
            return fresh.submit(_gpu_memory_mib, method, frame).result()
        return fresh.submit(cost_of, method, frame).result().memory_mib


def _gpu_memory_mib(method: Method, frame: Pixels) -> float:
    method([frame], [measure(frame)])
    return round(torch.cuda.max_memory_allocated() / 2**20, 1)


def _parameters(method: Method) -> int | None:
    if not isinstance(method, NetworkDenoiser):
        return None
    with torch.device("meta"):
        return sum(value.numel() for value in ResidualUNet(tuple(method.widths), method.blocks).parameters())
