"""A residual U-Net without bias and without normalisation, so that it scales with its input."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

CHANNELS_IN = 4
"""The stabilised frame, and three constant maps: noise strength and the row correlation of lags 1 and 2."""


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions around a ReLU, added to the input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Keep the shape ``(B, C, H, W)``."""
        return x + self.second(torch.relu_(self.first(x)))  # type: ignore[no-any-return]


class ResidualUNet(nn.Module):
    """U-Net of residual blocks: strided convolutions down, transposed ones up, skips added, noise subtracted.

    The design of DRUNet (Zhang et al. 2021, IEEE TPAMI 44:6360, fig. 2) at any width and depth. Without bias the
    network is homogeneous, which makes it hold at noise levels that it never saw (Mohan et al. 2020, ICLR).
    """

    def __init__(self, widths: tuple[int, ...], blocks: int) -> None:
        super().__init__()
        self.widths, self.blocks = widths, blocks
        steps = list(pairwise(widths))
        self.head = nn.Conv2d(CHANNELS_IN, widths[0], 3, padding=1, bias=False)
        self.encoders = nn.ModuleList(_stack(upper, blocks) for upper, _ in steps)
        self.downs = nn.ModuleList(nn.Conv2d(upper, lower, 2, stride=2, bias=False) for upper, lower in steps)
        self.body = _stack(widths[-1], blocks)
        self.ups = nn.ModuleList(nn.ConvTranspose2d(lower, upper, 2, stride=2, bias=False) for upper, lower in steps)
        self.decoders = nn.ModuleList(_stack(upper, blocks) for upper, _ in steps)
        self.tail = nn.Conv2d(widths[0], 1, 3, padding=1, bias=False)

    @property
    def stride(self) -> int:
        """Sides are padded to a multiple of this; tiles begin at multiples of it."""
        return int(2 ** (len(self.widths) - 1))

    @property
    def reach_px(self) -> int:
        """How far away an input pixel can still change an output pixel."""
        convolutions = 2 * self.blocks
        levels = len(self.widths) - 1
        sides: int = sum(2 * convolutions * 2**level for level in range(levels))
        return 2 + sides + convolutions * self.stride + self.stride

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, 4, H, W)`` to the restored ``(B, 1, H, W)``; any height and width."""
        height, width = x.shape[-2:]
        noisy = x[:, :1]
        features = self.head(pad(x, (0, -width % self.stride, 0, -height % self.stride), mode="replicate"))
        skips = []
        for encoder, down in zip(self.encoders, self.downs, strict=True):
            features = encoder(features)
            skips.append(features)
            features = down(features)
        features = self.body(features)
        for up, decoder in zip(reversed(self.ups), reversed(self.decoders), strict=True):
            features = decoder(up(features) + skips.pop())
        restored: Tensor = noisy - self.tail(features)[..., :height, :width].float()
        return restored


def _stack(channels: int, blocks: int) -> nn.Sequential:
    return nn.Sequential(*(ResidualBlock(channels) for _ in range(blocks)))


class UNet(ResidualUNet):
    """The network for a CPU: 1.04 million parameters, 0.19 million multiplications a pixel."""

    def __init__(self, widths: tuple[int, ...] = (32, 64, 128), blocks: int = 2) -> None:
        super().__init__(widths, blocks)
