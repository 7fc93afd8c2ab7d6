"""How a network is trained, on what, for how long."""

from abc import ABC, abstractmethod
from dataclasses import dataclass


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
    """Multiply in bfloat16: twice the speed on recent processors."""

    def __post_init__(self) -> None:
        if self.batch < 1 or self.patch_px < 16:
            raise ValueError("batch must be positive and patch_px at least 16")

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
        if self.patch_px > self.scene_px:
            raise ValueError(f"patch_px is {self.patch_px}; it must lie between 16 and scene_px = {self.scene_px}")
        if self.total_minutes <= 0 or self.pool < 1:
            raise ValueError("total_minutes and pool must be positive")

    def progress(self, step: int, elapsed_s: float) -> float:
        """Return the share of `total_minutes` that is spent."""
        return min(elapsed_s / (60 * self.total_minutes), 1.0)
