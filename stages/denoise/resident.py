"""Weights of networks: where they lie, what they are, and the networks made of them, kept resident."""

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from stages.denoise.unet import ResidualUNet

SHIPPED = Path(__file__).parent / "weights"
KEPT = 64
"""Networks, and sums of their files, that a process keeps: one for each instrument that has weights of its own."""
SUMS = "SHA256SUMS"
"""Beside the shipped weights: their sha256, in the form that ``sha256sum --check`` reads."""
NUMBERS = ("F16", "BF16", "F32")
"""What weights can be, as safetensors name it; computed with in float32."""
DIMENSIONS = 4
"""Sides of a convolution's weights: channels out and in, height, width."""


class NoWeights(ValueError):
    """Weights that are absent or do not fit; the message says what to do."""


def weights_file(weights: str) -> Path:
    """Return the file of weights: a path, or the bare name of ones that are shipped (``"unet-sim"``).

    Raises
    ------
    NoWeights
        If there is no such file.
    """
    bare = Path(weights).name == weights and not weights.endswith(".safetensors")
    path = SHIPPED / f"{weights}.safetensors" if bare else Path(weights)
    if path.is_file():
        return path
    shipped = ", ".join(sorted(file.stem for file in SHIPPED.glob("*.safetensors"))) or "none"
    raise NoWeights(f"there are no weights at {path}; give a path to a safetensors file or a shipped name ({shipped})")


def pinned() -> dict[str, str]:
    """Return the sha256 of each shipped weights file, by its name."""
    lines = (SHIPPED / SUMS).read_text().splitlines()
    return {name.strip(): sha256 for sha256, name in (line.split(maxsplit=1) for line in lines)}


def is_shipped(path: Path) -> bool:
    """Whether a weights file came with the program."""
    return path.parent == SHIPPED


def weights_sha256(weights: str) -> str:
    """Return the sha256 of a weights file, 64 hex digits."""
    path = weights_file(weights)
    stat = path.stat()
    return _sha256(path, (stat.st_mtime_ns, stat.st_size, stat.st_ino))


@lru_cache(maxsize=KEPT)
def _sha256(path: Path, stamp: tuple[int, ...]) -> str:
    """Read the file; its times tick in milliseconds, so that they alone do not tell a file from its successor."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def tensors_of(weights: str) -> dict[str, Tensor]:
    """Return the tensors of a weights file, in float32.

    Raises
    ------
    NoWeights
        If there is no such file, it is no safetensors file, or it holds what no network of this program has.
    """
    return {name: value.float() for name, value in _tensors(weights_file(weights)).items()}


def shape_of(weights: str) -> tuple[tuple[int, ...], int]:
    """Return widths and blocks of the network that weights are of, read off their tensors.

    Raises
    ------
    NoWeights
        If there is no such file, or it is no weights file of a residual U-Net.
    """
    return _shape_of(weights_file(weights), weights_sha256(weights))


@lru_cache(maxsize=KEPT)
def _shape_of(path: Path, sha256: str) -> tuple[tuple[int, ...], int]:
    tensors = _tensors(path)
    downs = [f"downs.{level}.weight" for level in range(len(tensors)) if f"downs.{level}.weight" in tensors]
    blocks = sum(name.startswith("body.") and name.endswith(".first.weight") for name in tensors)
    if "head.weight" not in tensors or not blocks:
        raise NoWeights(f"{path} holds no network of this program: it has no head.weight or no body")
    widths = tuple(int(tensors[name].shape[0]) for name in ("head.weight", *downs))
    _check(path, sha256, widths, blocks)
    return widths, blocks


def check_weights(weights: str, widths: tuple[int, ...], blocks: int) -> None:
    """See that a network can take these weights, before any image waits for it; 10 ms for 2 MB.

    Raises
    ------
    NoWeights
        If the file is absent, no safetensors file, or another network's, if it holds numbers that are none, or of
        another kind, or if it is a shipped one and not as it was shipped.
    """
    _check(weights_file(weights), weights_sha256(weights), widths, blocks)


@lru_cache(maxsize=KEPT)
def _check(path: Path, sha256: str, widths: tuple[int, ...], blocks: int) -> None:
    if is_shipped(path) and sha256 not in (SHIPPED / SUMS).read_text():
        raise NoWeights(
            f"{path} is not as it was shipped: the file is corrupt, or was replaced; install semstream again"
        )
    with torch.device("meta"):
        expected = {name: value.shape for name, value in ResidualUNet(widths, blocks).state_dict().items()}
    found = _tensors(path)
    if {name: value.shape for name, value in found.items()} != expected:
        raise NoWeights(f"{path} does not fit a network of widths {widths}, {blocks} blocks: it is another network's")
    if not all(bool(value.isfinite().all()) for value in found.values()):
        raise NoWeights(f"{path} holds numbers that are not finite: the file is corrupt; copy or train it again")


def _tensors(path: Path) -> dict[str, Tensor]:
    """Read a file's tensors, all of them weights of convolutions, once its header says that they are."""
    try:
        with safe_open(path, "pt") as file:
            names = list(file.keys())
            for name in names:
                part = file.get_slice(name)
                _check_form(f"{path} holds no network of this program: {name}", part.get_dtype(), part.get_shape())
            return {name: file.get_tensor(name) for name in names}
    except SafetensorError as error:
        raise NoWeights(f"{path} is no safetensors file: {str(error).splitlines()[0]}") from error


def _check_form(what: str, numbers: str, shape: Sequence[int]) -> None:
    if numbers not in NUMBERS:
        raise NoWeights(f"{what} is of {numbers}, and weights are of {', '.join(NUMBERS)}; convert them")
    if len(shape) != DIMENSIONS or 0 in shape:
        raise NoWeights(f"{what} has the shape {list(shape)}, and weights of a convolution have {DIMENSIONS} sides")


@lru_cache(maxsize=KEPT)
def resident(path: Path, sha256: str, widths: tuple[int, ...], blocks: int, device: str) -> ResidualUNet:
    """Return a network with these weights on a device, loaded once; the sha256 tells a replaced file from the old one.

    Raises
    ------
    NoWeights
        If the file is no safetensors file or holds another network's weights.
    """
    network = ResidualUNet(widths, blocks)
    try:
        network.load_state_dict({name: value.float() for name, value in _tensors(path).items()})
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise NoWeights(f"{path} does not fit a network of widths {widths}, {blocks} blocks: {reason}") from error
    network.requires_grad_(requires_grad=False)
    return network.eval().to(torch.device(device)).to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]
