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


def pipeline_with(weights: str) -> str:
    """Return a pipeline file with the shipped network, and one of `small_network`'s form with this line of weights."""
    return f"""# kept as it is
path = ["stages.denoise:Denoise", "stages.metrics:Metrics", "stages.selector:Selector"]
[denoise.candidates.unet]
method = "stages.denoise.network:UNetDenoiser"
[denoise.candidates.small]
method = "stages.denoise.network:NetworkDenoiser"
{weights}
widths = [8, 16]
blocks = 1
[selector]
"""
