from io import StringIO
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console

from schemas.frame import Pixels
from stages.denoise.network import NetworkDenoiser
from stages.filter.mean import Mean
from stages.stage import Method
from streams.bench.inference import contestants, flops_of, measure_inference, scans
from streams.bench.network_tables import print_inference
from streams.bench.peaks import peak_flops_per_s
from tests.networks import small_network


@pytest.fixture
def network(tmp_path: Path) -> NetworkDenoiser:
    return NetworkDenoiser(str(small_network(tmp_path / "small.safetensors")), (8, 16), 1)


def test_every_size_and_batch_is_timed_for_every_method(network: NetworkDenoiser) -> None:
    methods: dict[str, Method] = {"bm3d": Mean(), "small": network}
    figures = measure_inference(methods, sizes=[(64, 80)], batches=[1, 2], repeats=2)
    for name in methods:
        speeds = figures.methods[name].speeds["64x80"]
        assert list(speeds) == ["1", "2"]
        assert speeds["2"].images_per_s == pytest.approx(2 / speeds["2"].core_s, rel=0.2)
        assert figures.methods[name].memory_mib["64x80"] >= 0
    assert figures.methods["bm3d"].parameters is None
    assert figures.methods["bm3d"].speeds["64x80"]["1"].peak_share is None
    share = figures.methods["small"].speeds["64x80"]["1"].peak_share
    assert share is not None
    assert 0 < share < 1
    console = Console(width=200, record=True, file=StringIO())
    print_inference(console, figures)
    assert f"small {figures.methods['small'].parameters:,}" in console.export_text()


def test_operations_are_those_of_the_convolutions(network: NetworkDenoiser) -> None:
    height, width = 64, 80
    upper = 9 * (4 * 8 + 4 * 8 * 8 + 8 * 1)
    lower = (2 * 9 * 16 * 16 + 2 * 8 * 16 * 4) / 4
    assert flops_of(network, (height, width)) == pytest.approx(2 * height * width * (upper + lower), rel=1e-6)


def test_the_peak_is_that_of_a_processor() -> None:
    assert 1e8 < peak_flops_per_s("cpu", torch.float32) < 1e13


def test_the_scans_of_a_batch_show_one_specimen_with_noise_of_their_own() -> None:
    one, other = scans(2, (64, 96))
    assert one.shape == other.shape == (64, 96)
    assert correlation(one, other) > 0.3
    assert not (one == other).all()


def correlation(one: Pixels, other: Pixels) -> float:
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])


def test_both_networks_are_measured_with_the_weights_that_are_shipped() -> None:
    networks = {name: one for name, one in contestants().items() if isinstance(one, NetworkDenoiser)}
    assert {name: one.weights for name, one in networks.items()} == {"unet": "unet-sim", "drunet": "drunet-sim"}
