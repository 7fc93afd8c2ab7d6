"""Weights of networks: where they lie, what they are, and the networks made of them, kept resident."""

import hashlib
from functools import lru_cache
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from stages.denoise.unet import ResidualUNet

SHIPPED = Path(__file__).parent / "weights"


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


def weights_sha256(weights: str) -> str:
    """Return the sha256 of a weights file, 64 hex digits."""
    path = weights_file(weights)
    return _sha256(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=16)
def _sha256(path: Path, modified_ns: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@lru_cache(maxsize=4)
def resident(path: Path, sha256: str, widths: tuple[int, ...], blocks: int, device: str) -> ResidualUNet:
    """Return a network with these weights on a device, loaded once; the sha256 tells a replaced file from the old one.

    Raises
    ------
    NoWeights
        If the file is no safetensors file or holds another network's weights.
    """
    network = ResidualUNet(widths, blocks)
    try:
        network.load_state_dict({name: value.float() for name, value in load_file(path).items()})
    except (SafetensorError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise NoWeights(f"{path} does not fit a network of widths {widths}, {blocks} blocks: {reason}") from error
    network.requires_grad_(requires_grad=False)
    return network.eval().to(torch.device(device)).to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]
