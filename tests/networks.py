"""Small networks with drawn weights."""

from pathlib import Path

import torch
from safetensors.torch import save_file

from stages.denoise.unet import ResidualUNet


def small_network(path: Path, seed: int = 0) -> Path:
    """Write the weights of a network of widths 8 and 16, one block a level."""
    torch.manual_seed(seed)
    save_file({name: value.detach() for name, value in ResidualUNet((8, 16), 1).named_parameters()}, path)
    return path
