"""A network and BM3D together: what one gets wrong is not what the other does."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field, JsonValue

from schemas.frame import Pixels
from stages.denoise.network import UNetDenoiser
from stages.denoise.resident import shape_of
from stages.filter.bm3d import Bm3d
from stages.filter.bm3d.on_tensors import TorchBm3d
from stages.noise import Noise
from stages.stage import Method, identity_of


@dataclass(frozen=True)
class Blend:
    """The weighted mean of what a network of any size and BM3D make of a frame; BM3D runs where the network does.

    A network errs where a specimen is unlike its training, BM3D where nothing in the frame is alike. On frames of
    instruments that the network was not trained on their mean is better than either (docs/benchmarks.md).

    Raises
    ------
    NoWeights
        If there is no such weights file, or it is corrupt or another network's.
    """

    share: Annotated[float, Field(ge=0, le=1)] = 0.7
    """Of the network in the mean."""
    weights: str = "unet-sim"
    profile: Literal["fast", "normal", "best"] = "normal"
    """How much work BM3D does."""

    version: ClassVar[int] = 1

    def __post_init__(self) -> None:
        self._network()

    def identity(self) -> dict[str, JsonValue]:
        """Return what makes the result what it is: the share, and both methods' identities."""
        return {"share": self.share, "network": identity_of(self._network()), "bm3d": identity_of(self._bm3d())}

    def __call__(self, frames: Sequence[Pixels], noises: Sequence[Noise]) -> list[Pixels]:
        """Restore each ``(H, W)`` float32 frame given its noise."""
        by_network, by_bm3d = self._network()(frames, noises), self._bm3d()(frames, noises)
        share = np.float32(self.share)
        return [share * one + (1 - share) * other for one, other in zip(by_network, by_bm3d, strict=True)]

    def _network(self) -> UNetDenoiser:
        return UNetDenoiser(self.weights, *shape_of(self.weights))

    def _bm3d(self) -> Method:
        return TorchBm3d(profile=self.profile) if torch.cuda.is_available() else Bm3d(profile=self.profile)
