"""Networks as methods."""

import os
import weakref
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from schemas.frame import Pixels
from stages.denoise import network as module
from stages.denoise import resident as resident_module
from stages.denoise.network import DRUNetDenoiser, NetworkDenoiser, UNetDenoiser, fitted
from stages.denoise.resident import SHIPPED, SUMS, NoWeights, shape_of, weights_sha256
from stages.denoise.unet import ResidualUNet
from stages.noise import Noise, measure
from stages.simulation.physics import Scan, acquire
from stages.simulation.scenes import KINDS, scene
from stages.stage import config_hash_of

WIDTHS, BLOCKS = (8, 16), 1


def written(path: Path, seed: int) -> Path:
    torch.manual_seed(seed)
    save_file({name: value.detach() for name, value in ResidualUNet(WIDTHS, BLOCKS).named_parameters()}, path)
    return path


@pytest.fixture
def tiny(tmp_path: Path) -> NetworkDenoiser:
    return NetworkDenoiser(str(written(tmp_path / "tiny.safetensors", 0)), WIDTHS, BLOCKS)


def scans(shapes: list[tuple[int, int]]) -> tuple[list[Pixels], list[Noise]]:
    frames = []
    for number, shape in enumerate(shapes):
        rng = np.random.default_rng(number)
        frames.append(acquire(scene("holes", shape, rng), scan=Scan(40.0), rng=rng))
    return frames, [measure(frame) for frame in frames]


def test_frames_keep_their_shape_and_inputs_are_untouched(tiny: NetworkDenoiser) -> None:
    frames, noises = scans([(40, 56), (33, 17), (40, 56)])
    for frame in frames:
        frame.flags.writeable = False
    before = [frame.copy() for frame in frames]
    restored = tiny(frames, noises)
    assert [frame.shape for frame in restored] == [(40, 56), (33, 17), (40, 56)]
    assert all(frame.dtype == np.float32 and np.isfinite(frame).all() for frame in restored)
    for frame, kept in zip(frames, before, strict=True):
        np.testing.assert_array_equal(frame, kept)


def test_a_frame_comes_out_the_same_whatever_its_neighbours(tiny: NetworkDenoiser) -> None:
    frames, noises = scans([(40, 56), (33, 17), (40, 56), (40, 56)])
    together = tiny(frames, noises)
    for index in range(4):
        np.testing.assert_array_equal(tiny([frames[index]], [noises[index]])[0], together[index])


def test_a_frame_of_unknown_noise_comes_back_as_a_copy(tiny: NetworkDenoiser) -> None:
    frame = np.full((20, 20), 0.5, np.float32)
    frame.flags.writeable = False
    noise = measure(frame)
    assert not noise.holds
    restored = tiny([frame], [noise])[0]
    np.testing.assert_array_equal(restored, frame)
    restored[0, 0] = 1


def test_a_frame_cut_into_tiles_is_the_frame(tiny: NetworkDenoiser, monkeypatch: pytest.MonkeyPatch) -> None:
    frames, noises = scans([(150, 210)])
    whole = tiny(frames, noises)[0]
    monkeypatch.setattr(module, "CPU_TILE_PX", 64)
    np.testing.assert_allclose(tiny(frames, noises)[0], whole, atol=1e-4)


def test_other_weights_are_another_method(tiny: NetworkDenoiser, tmp_path: Path) -> None:
    frames, noises = scans([(32, 32)])
    first, first_hash = tiny(frames, noises)[0], config_hash_of(tiny)
    copy = tmp_path / "copy.safetensors"
    copy.write_bytes(Path(tiny.weights).read_bytes())
    assert config_hash_of(NetworkDenoiser(str(copy), WIDTHS, BLOCKS)) == first_hash
    written(Path(tiny.weights), 1)
    assert config_hash_of(tiny) != first_hash
    assert np.abs(tiny(frames, noises)[0] - first).max() > 1e-4


def test_the_arithmetic_is_part_of_the_identity(tiny: NetworkDenoiser) -> None:
    coarse = NetworkDenoiser(tiny.weights, WIDTHS, BLOCKS, precision="bf16")
    assert config_hash_of(coarse) != config_hash_of(tiny)
    frames, noises = scans([(32, 32)])
    difference = np.abs(coarse(frames, noises)[0] - tiny(frames, noises)[0])
    assert 0 < difference.max() < 0.05


def test_weights_that_are_absent_are_said_in_one_line_with_what_to_do() -> None:
    with pytest.raises(NoWeights, match=r"drunet-nowhere.safetensors; give a path .*unet-sim") as caught:
        DRUNetDenoiser(weights="drunet-nowhere")
    assert "\n" not in str(caught.value)


def test_weights_of_another_network_are_refused_before_any_frame(tiny: NetworkDenoiser) -> None:
    with pytest.raises(NoWeights, match="does not fit a network of widths"):
        UNetDenoiser(weights=tiny.weights)


def test_a_file_that_holds_no_tensors_is_refused_before_any_frame(tmp_path: Path) -> None:
    path = tmp_path / "broken.safetensors"
    path.write_bytes(b"not weights")
    with pytest.raises(NoWeights, match="is no safetensors file") as caught:
        NetworkDenoiser(str(path), WIDTHS, BLOCKS)
    assert "\n" not in str(caught.value)


def test_weights_cut_short_are_refused_before_any_frame(tiny: NetworkDenoiser) -> None:
    path = Path(tiny.weights)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(NoWeights, match="is no safetensors file"):
        NetworkDenoiser(tiny.weights, WIDTHS, BLOCKS)


def test_weights_with_numbers_that_are_none_are_refused_before_any_frame(tmp_path: Path) -> None:
    tensors = {name: value.detach() for name, value in ResidualUNet(WIDTHS, BLOCKS).named_parameters()}
    next(iter(tensors.values())).view(-1)[3] = torch.nan
    save_file(tensors, tmp_path / "nan.safetensors")
    with pytest.raises(NoWeights, match="not finite"):
        NetworkDenoiser(str(tmp_path / "nan.safetensors"), WIDTHS, BLOCKS)


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (torch.zeros(8, 4, 3, 3, dtype=torch.float8_e4m3fn), "head.weight is of F8_E4M3"),
        (torch.zeros(8, 4, 3, 3, dtype=torch.complex64), "head.weight is of C64"),
        (torch.zeros(8, 4, 3, 3, dtype=torch.float64), "head.weight is of F64"),
        (torch.zeros(8, 4, 3, 3, dtype=torch.int8), "head.weight is of I8"),
        (torch.tensor(1.0), r"head.weight has the shape \[\]"),
        (torch.zeros(0, 4, 3, 3), r"head.weight has the shape \[0, 4, 3, 3\]"),
        (torch.zeros(8), r"head.weight has the shape \[8\]"),
    ],
)
def test_tensors_that_are_no_weights_of_a_convolution_are_refused(
    tiny: NetworkDenoiser, head: torch.Tensor, said: str
) -> None:
    save_file(load_file(tiny.weights) | {"head.weight": head}, tiny.weights)
    with pytest.raises(NoWeights, match=said):
        shape_of(tiny.weights)
    with pytest.raises(NoWeights, match=said):
        NetworkDenoiser(tiny.weights, WIDTHS, BLOCKS)


@pytest.mark.parametrize("numbers", [torch.float16, torch.bfloat16, torch.float32])
def test_weights_of_half_and_of_full_precision_are_taken(tiny: NetworkDenoiser, numbers: torch.dtype) -> None:
    save_file({name: value.to(numbers) for name, value in load_file(tiny.weights).items()}, tiny.weights)
    assert shape_of(tiny.weights) == (WIDTHS, BLOCKS)


def test_shipped_weights_of_which_a_bit_changed_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for file in (SHIPPED / SUMS, SHIPPED / "unet-sim.safetensors"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    monkeypatch.setattr(resident_module, "SHIPPED", tmp_path)
    UNetDenoiser()
    weights = bytearray((tmp_path / "unet-sim.safetensors").read_bytes())
    weights[-1000] ^= 1
    (tmp_path / "unet-sim.safetensors").write_bytes(weights)
    with pytest.raises(NoWeights, match="not as it was shipped"):
        UNetDenoiser()


def test_the_sums_are_those_of_every_file_that_is_shipped() -> None:
    sums = dict(line.split()[::-1] for line in (SHIPPED / SUMS).read_text().splitlines())
    assert sums == {file.name: sha256(file.read_bytes()).hexdigest() for file in SHIPPED.glob("*.safetensors")}


@pytest.mark.parametrize("kind", KINDS)
def test_the_shipped_network_removes_most_of_the_noise(kind: str) -> None:
    rng = np.random.default_rng(17)
    clean = scene(kind, (96, 96), rng)
    noisy = acquire(clean, scan=Scan(40.0, read_noise=0.02, row_kernel=(0.28, 1.0, 0.28)), rng=rng)
    restored = UNetDenoiser()([noisy], [measure(noisy)])[0]
    before, after = (float(np.square(frame - clean).mean()) for frame in (noisy, restored))
    assert after < before / 5


def test_the_shipped_network_keeps_the_mean_grey_level() -> None:
    rng = np.random.default_rng(5)
    clean = np.full((128, 128), 0.2, np.float32)
    noisy = acquire(clean, scan=Scan(15.0, read_noise=0.02), rng=rng)
    restored = UNetDenoiser()([noisy], [measure(noisy)])[0]
    assert float(restored.mean()) == pytest.approx(float(noisy.mean()), abs=0.006)


def out_of_memory_above(pixels: int) -> tuple[Callable[..., torch.Tensor], list[tuple[int, ...]]]:
    seen: list[tuple[int, ...]] = []

    class Narrow(ResidualUNet):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            seen.append(tuple(x.shape))
            if x.shape[0] * x.shape[2] * x.shape[3] > pixels:
                raise torch.cuda.OutOfMemoryError("CUDA out of memory")
            return super().forward(x)

    torch.manual_seed(0)
    return Narrow(WIDTHS, BLOCKS).eval(), seen


def test_out_of_memory_halves_the_batch_and_then_the_tile() -> None:
    network, seen = out_of_memory_above(70 * 70)
    assert isinstance(network, ResidualUNet)
    x = torch.rand((4, 4, 130, 130), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        outputs = fitted(x, network, device="cpu", tile_px=256, least_px=48)
        whole = torch.cat([ResidualUNet.forward(_roomy(), x[i : i + 1])[:, 0] for i in range(4)])
    assert [shape[0] for shape in seen[:3]] == [4, 2, 1]
    assert min(max(shape[2:]) for shape in seen) <= 64
    torch.testing.assert_close(outputs, whole, atol=1e-4, rtol=0)


def _roomy() -> ResidualUNet:
    torch.manual_seed(0)
    return ResidualUNet(WIDTHS, BLOCKS).eval()


def test_what_did_not_fit_is_let_go_before_the_halves_are_tried() -> None:
    seen: list[weakref.ref[torch.Tensor]] = []

    class Narrow(ResidualUNet):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            assert all(earlier() is None for earlier in seen), "the larger input is still there"
            seen.append(weakref.ref(x))
            if len(x) > 1:
                raise torch.cuda.OutOfMemoryError("CUDA out of memory")
            return super().forward(x)

    with torch.inference_mode():
        fitted(torch.rand((4, 4, 24, 24)), Narrow(WIDTHS, BLOCKS), device="cpu", tile_px=256, least_px=48)
    assert len(seen) == 7


def test_what_does_not_fit_in_the_smallest_tiles_is_an_error() -> None:
    network, _ = out_of_memory_above(10)
    assert isinstance(network, ResidualUNet)
    with torch.inference_mode(), pytest.raises(torch.cuda.OutOfMemoryError):
        fitted(torch.rand((2, 4, 130, 130)), network, device="cpu", tile_px=256, least_px=48)


def test_weights_replaced_within_a_tick_of_the_clock_are_others(tiny: NetworkDenoiser) -> None:
    before, stat = weights_sha256(tiny.weights), Path(tiny.weights).stat()
    save_file({name: value.half() for name, value in load_file(tiny.weights).items()}, tiny.weights)
    os.utime(tiny.weights, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert weights_sha256(tiny.weights) != before
