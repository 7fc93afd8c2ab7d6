"""How a network is trained, on what, for how long."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import PurePath
from typing import ClassVar

LEAST_PATCH_PX = 16


def check_positive(**options: float) -> None:
    """Raise `ValueError` for the first option that is not above zero, or is no number.

    >>> check_positive(blocks=2, batch=0)
    Traceback (most recent call last):
    ValueError: batch is 0; it must be a positive number
    """
    for name, value in options.items():
        if not 0 < value < math.inf:
            raise ValueError(f"{name} is {value}; it must be a positive number")


@dataclass(frozen=True)
class Course(ABC):
    """Options of a training, whatever it is trained on."""

    name: str
    """File name of the weights, without suffix."""
    widths: tuple[int, ...] = (32, 64, 128)
    blocks: int = 2
    patch_px: int = 96
    batch: int = 8
    learning_rate: float = 6e-4
    warm_up_steps: int = 200
    ema: float = 0.999
    """Share of the old average that the weights handed out keep at every step."""
    sigma_power: float = 1.2
    """The squared error is weighted by the noise's strength to minus this, lest the noisiest scans decide all."""
    seed: int = 7
    bf16: bool = True
    """Multiply in bfloat16 where the processor has units for it: twice the speed there."""

    version: ClassVar[int] = 1
    """Raised by hand whenever the same options would give other weights."""

    def __post_init__(self) -> None:
        check_positive(blocks=self.blocks, batch=self.batch, learning_rate=self.learning_rate)
        check_positive(warm_up_steps=self.warm_up_steps)
        if self.name in {"", ".."} or PurePath(self.name).name != self.name:
            raise ValueError(f"name is '{self.name}'; it is a file's name, without a folder")
        if not self.widths or min(self.widths) < 1:
            raise ValueError(f"widths is {list(self.widths)}; it has the channels of each level, such as [32, 64, 128]")
        if self.patch_px < LEAST_PATCH_PX:
            raise ValueError(f"patch_px is {self.patch_px}; {LEAST_PATCH_PX} is the least")
        if not (0 <= self.ema < 1 and 0 <= self.sigma_power < math.inf and self.seed >= 0):
            raise ValueError("ema must lie in [0, 1), and neither sigma_power nor seed below zero")

    @abstractmethod
    def progress(self, step: int, elapsed_s: float) -> float:
        """Return how much of the budget is spent after so many steps and seconds; 1 when all of it is."""


@dataclass(frozen=True)
class Recipe(Course):
    """Options of a training on simulated scans, as the TOML file names them."""

    total_minutes: float = 90.0
    """Minutes of computing after which the learning rate has reached zero; slices of a resumed training add up."""
    pool: int = 480
    """Scenes held at a time."""
    scene_px: int = 224
    steps_per_scene: int = 4
    """Steps after which the oldest scene gives way to a new one."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(total_minutes=self.total_minutes, pool=self.pool, steps_per_scene=self.steps_per_scene)
        if self.patch_px > self.scene_px:
            raise ValueError(
                f"patch_px is {self.patch_px}; it must lie between {LEAST_PATCH_PX} and scene_px = {self.scene_px}"
            )

    def progress(self, step: int, elapsed_s: float) -> float:
        """Return the share of `total_minutes` that is spent."""
        return min(elapsed_s / (60 * self.total_minutes), 1.0)
