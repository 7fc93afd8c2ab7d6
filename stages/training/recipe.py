"""What is trained, on what, for how long."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """Options of a training, as the TOML file names them."""

    name: str
    """File name of the weights, without suffix."""
    widths: tuple[int, ...] = (32, 64, 128)
    blocks: int = 2
    total_minutes: float = 90.0
    """Minutes of computing after which the learning rate has reached zero; slices of a resumed training add up."""
    patch_px: int = 96
    batch: int = 8
    learning_rate: float = 6e-4
    warm_up_steps: int = 200
    ema: float = 0.999
    """Share of the old average that the weights handed out keep at every step."""
    sigma_power: float = 1.2
    """The squared error is weighted by the noise's strength to minus this, lest the noisiest scans decide all."""
    pool: int = 480
    """Scenes held at a time."""
    scene_px: int = 224
    steps_per_scene: int = 4
    """Steps after which the oldest scene gives way to a new one."""
    seed: int = 7
    bf16: bool = True
    """Multiply in bfloat16: twice the speed on recent processors."""

    def __post_init__(self) -> None:
        if self.patch_px > self.scene_px or self.patch_px < 16:
            raise ValueError(f"patch_px is {self.patch_px}; it must lie between 16 and scene_px = {self.scene_px}")
        if self.total_minutes <= 0 or self.batch < 1 or self.pool < 1:
            raise ValueError("total_minutes, batch and pool must be positive")
