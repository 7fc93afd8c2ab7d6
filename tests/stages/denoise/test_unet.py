"""The networks."""

import numpy as np
import pytest
import torch

from stages.denoise.drunet import DRUNet
from stages.denoise.unet import ResidualUNet, UNet


def inputs(height: int, width: int, batch: int = 1) -> torch.Tensor:
    return torch.rand((batch, 4, height, width), generator=torch.Generator().manual_seed(3))


@pytest.fixture(scope="module")
def small() -> ResidualUNet:
    torch.manual_seed(0)
    return ResidualUNet((8, 16, 24), 1).eval()


def parameters(network: torch.nn.Module) -> int:
    return sum(value.numel() for value in network.parameters())


def test_the_networks_have_the_sizes_they_are_named_for() -> None:
    assert parameters(UNet()) == 1_041_824
    assert parameters(DRUNet()) == pytest.approx(8.2e6, rel=0.02)
    assert parameters(DRUNet((64, 128, 256, 512))) == pytest.approx(32.6e6, rel=0.01)


@pytest.mark.parametrize("shape", [(1, 1), (1, 37), (37, 1), (5, 8), (33, 18), (64, 64)])
def test_any_size_goes_through_and_comes_out_the_same(small: ResidualUNet, shape: tuple[int, int]) -> None:
    with torch.inference_mode():
        restored = small(inputs(*shape))
    assert restored.shape == (1, 1, *shape)
    assert torch.isfinite(restored).all()


def test_a_default_network_takes_a_frame_that_fits_no_grid() -> None:
    torch.manual_seed(0)
    with torch.inference_mode():
        assert UNet()(inputs(21, 30)).shape == (1, 1, 21, 30)
        assert DRUNet()(inputs(21, 30)).shape == (1, 1, 21, 30)


def test_without_bias_the_output_scales_with_the_input(small: ResidualUNet) -> None:
    with torch.inference_mode():
        one, three = small(inputs(32, 32)), small(3 * inputs(32, 32))
    torch.testing.assert_close(three, 3 * one, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("widths", [(8, 16), (8, 16, 24), (8, 8, 8, 8)])
@pytest.mark.parametrize("blocks", [1, 2])
def test_nothing_beyond_the_stated_reach_changes_a_pixel(widths: tuple[int, ...], blocks: int) -> None:
    torch.manual_seed(1)
    network = ResidualUNet(widths, blocks).double()
    side = 2 * network.reach_px + 24
    centre = side // 2
    x = inputs(side, side).double().requires_grad_()
    network(x)[0, 0, centre, centre].backward()
    assert x.grad is not None
    touched = np.argwhere(x.grad[0].abs().sum(0).numpy() > 0)
    reached = np.abs(touched - centre).max()
    assert reached <= network.reach_px
    assert reached > 0.6 * network.reach_px
