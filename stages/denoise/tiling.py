"""Frames of any size in bounded memory: overlapping tiles, blended where they meet."""

from collections.abc import Callable

import torch
from torch import Tensor

FEATHER_PX = 16
"""Width of the ramp over which neighbouring tiles are blended."""


def tiled(
    network: Callable[[Tensor], Tensor], inputs: Tensor, *, tile_px: int, reach_px: int, stride: int = 1
) -> Tensor:
    """Apply a network to ``(B, C, H, W)`` tile by tile: ``(B, 1, H, W)`` float32, on the device of the inputs.

    Each tile's outer ``reach_px`` pixels, where the missing neighbourhood could show, count nothing unless they lie on
    the frame's border; what remains of neighbouring tiles overlaps by `FEATHER_PX` and is blended. With ``reach_px`` of
    at least the network's, the result is that of the whole frame; tiles begin at multiples of ``stride``, so that the
    network's coarser grids fall on the same pixels.

    Raises
    ------
    ValueError
        If a tile is all border: ``tile_px`` must exceed ``2 * reach_px + FEATHER_PX + stride``.
    """
    height, width = inputs.shape[-2:]
    if max(height, width) <= tile_px:
        return network(inputs)
    total = inputs.new_zeros((inputs.shape[0], 1, height, width), dtype=torch.float32)
    weight = inputs.new_zeros((1, 1, height, width), dtype=torch.float32)
    for top, bottom in spans(height, tile_px=tile_px, reach_px=reach_px, stride=stride):
        rows = _ramp(top, bottom, height, reach_px).to(inputs.device)
        for left, right in spans(width, tile_px=tile_px, reach_px=reach_px, stride=stride):
            share = rows[:, None] * _ramp(left, right, width, reach_px).to(inputs.device)[None]
            total[..., top:bottom, left:right] += share * network(inputs[..., top:bottom, left:right])
            weight[..., top:bottom, left:right] += share
    return total / weight


def spans(length: int, *, tile_px: int, reach_px: int, stride: int) -> list[tuple[int, int]]:
    """Return where tiles begin and end along one side.

    >>> spans(100, tile_px=60, reach_px=10, stride=4)
    [(0, 60), (24, 84), (48, 100)]
    """
    if length <= tile_px:
        return [(0, length)]
    advance = (tile_px - 2 * reach_px - FEATHER_PX) // stride * stride
    if advance <= 0:
        raise ValueError(f"tiles of {tile_px} px are all border for a network that reaches {reach_px} px")
    starts = range(0, length - tile_px + advance, advance)
    return [(start, min(start + tile_px, length)) for start in starts]


def _ramp(start: int, end: int, length: int, reach_px: int) -> Tensor:
    """Weight of each pixel of a tile along one side: 0 within reach of a cut, then rising to 1."""
    position = torch.arange(end - start, dtype=torch.float32)
    from_start = torch.full_like(position, torch.inf) if start == 0 else position - reach_px + 0.5
    from_end = torch.full_like(position, torch.inf) if end == length else end - start - 0.5 - position - reach_px
    return (torch.minimum(from_start, from_end) / FEATHER_PX).clamp(0, 1)
