"""Tiles."""

from itertools import pairwise

import pytest
import torch

from stages.denoise.tiling import spans, tiled
from stages.denoise.unet import ResidualUNet


def network() -> ResidualUNet:
    torch.manual_seed(2)
    net = ResidualUNet((8, 16, 16), 1)
    with torch.no_grad():
        for value in net.parameters():
            value.mul_(2.5)
    return net.eval()


@pytest.mark.parametrize("shape", [(150, 203), (70, 301), (1, 400), (257, 96)])
def test_tiles_give_what_the_whole_frame_gives(shape: tuple[int, int]) -> None:
    net = network()
    x = torch.rand((2, 4, *shape), generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        whole = net(x)
        parts = tiled(net, x, tile_px=96, reach_px=net.reach_px, stride=net.stride)
    assert whole.std() > 0.1
    torch.testing.assert_close(parts, whole, atol=1e-4, rtol=0)


def test_a_reach_that_is_claimed_too_small_shows() -> None:
    net = network()
    x = torch.rand((1, 4, 150, 150), generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        worst = (tiled(net, x, tile_px=64, reach_px=1, stride=net.stride) - net(x)).abs().max()
    assert worst > 1e-4


def test_no_tile_is_larger_than_asked_for() -> None:
    seen = []

    def watch(x: torch.Tensor) -> torch.Tensor:
        seen.append(tuple(x.shape[-2:]))
        return x[:, :1]

    x = torch.rand((1, 4, 500, 333))
    torch.testing.assert_close(tiled(watch, x, tile_px=100, reach_px=12, stride=4), x[:, :1])
    assert len(seen) > 20
    assert max(max(shape) for shape in seen) <= 100


@pytest.mark.parametrize("length", [97, 100, 128, 500, 1001])
def test_spans_cover_a_side_and_begin_on_the_coarse_grid(length: int) -> None:
    found = spans(length, tile_px=96, reach_px=20, stride=8)
    assert found[0][0] == 0
    assert found[-1][1] == length
    assert all(start % 8 == 0 for start, _ in found)
    assert all(end - start > 2 * 20 for start, end in found)
    assert all(later[0] + 20 < earlier[1] - 20 for earlier, later in pairwise(found))


def test_tiles_that_would_be_all_border_are_refused() -> None:
    with pytest.raises(ValueError, match="all border"):
        spans(300, tile_px=64, reach_px=40, stride=4)
