"""What a device reaches at the most, by what it does best.

A matrix product alone will not do: on an AMD EPYC of family 26 it reaches 0.10 TFLOP/s a core in float32, and a
convolution 0.23.
"""

from collections.abc import Callable
from functools import partial
from time import perf_counter, process_time

import torch
from torch import Tensor
from torch.nn.functional import conv2d

MATRIX_SIDE = {"cuda": 8192, "cpu": 1024}
MAP_SIDE = {"cuda": 512, "cpu": 64}
CHANNELS = 256
"""Maps and filters of the convolution: 3 x 3, as all of the networks' are."""
TRIES = 10


@torch.inference_mode()
def peak_flops_per_s(device: str, precision: torch.dtype) -> float:
    """Return the operations a second of a large matrix product or a large convolution, whichever are more.

    A multiplication and an addition are two. By the processor's time on a CPU, by the clock on a GPU.
    """
    side, maps = MATRIX_SIDE[device], MAP_SIDE[device]
    matrix = torch.randn(side, side, dtype=precision, device=device)
    images = torch.randn(1, CHANNELS, maps, maps, dtype=precision, device=device)
    filters = torch.randn(CHANNELS, CHANNELS, 3, 3, dtype=precision, device=device)
    last = torch.channels_last
    convolved = partial(
        conv2d, images.contiguous(memory_format=last), filters.contiguous(memory_format=last), padding=1
    )
    product_s = _best_s(partial(torch.matmul, matrix, matrix), device)
    convolution_s = _best_s(convolved, device)
    return max(2 * side**3 / product_s, 2 * maps**2 * 9 * CHANNELS**2 / convolution_s)


def _best_s(compute: Callable[[], Tensor], device: str) -> float:
    now = perf_counter if device == "cuda" else process_time
    best_s = float("inf")
    for _ in range(TRIES):
        start = now()
        float(compute().flatten()[0])  # waits for a GPU
        best_s = min(best_s, now() - start)
    return best_s
