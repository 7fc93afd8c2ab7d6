"""The same BM3D on tensors: every group of a band at once, as a GPU wants it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import fold, unfold

from schemas.frame import Pixels
from stages.filter.bm3d.blocks import COEFFICIENTS, KAISER_BETA, SIDE, Bases
from stages.filter.bm3d.groups import LEAST_NOISE, LOW
from stages.filter.bm3d.method import Bm3d, bands, places
from stages.filter.bm3d.profiles import Profile, Search

GROUPS = 1 << 14
"""About how many groups are made together: their distances to 49 x 49 neighbours take 157 MB."""


@dataclass(frozen=True)
class TorchBm3d(Bm3d):
    """`Bm3d` by torch: on a GPU where there is one; on a CPU several times slower than the compiled loops.

    Both agree but for the order of sums, and of blocks that are equally alike: to 0.02 dB.
    """

    def _denoised(self, noisy: Pixels, bases: Bases, profile: Profile) -> Pixels:
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        return denoised(torch.from_numpy(noisy).to(device), Transforms.of(bases, device), profile).cpu().numpy()


class Transforms(NamedTuple):
    """`Bases` as matrices ``(64, 64)`` of whole blocks, a coefficient a row, and a block's window ``(64, 1)``."""

    analysis: Tensor
    synthesis: Tensor
    variances: Tensor
    window: Tensor

    @classmethod
    def of(cls, bases: Bases, device: torch.device) -> "Transforms":
        """Return the transforms on a device."""
        kaiser = np.kaiser(SIDE, KAISER_BETA)
        window = np.outer(kaiser, kaiser).reshape(COEFFICIENTS, 1)
        arrays = (
            np.kron(bases.vertical, bases.whitening),
            np.kron(bases.vertical, bases.colouring),
            bases.variances,
            window,
        )
        return cls(*(torch.tensor(array, dtype=torch.float32, device=device) for array in arrays))


class Blocks(NamedTuple):
    """Every block of a band ``(height, width)``, one a row: ``(height * width, 64)`` coefficients."""

    coefficients: Tensor
    height: int
    width: int

    @classmethod
    def of(cls, pixels: Tensor, transforms: Transforms) -> "Blocks":
        """Transform every block of ``(H, W)`` pixels."""
        height, width = (side - SIDE + 1 for side in pixels.shape)
        columns = unfold(pixels[None, None], SIDE)[0]
        return cls((transforms.analysis @ columns).T.contiguous(), height, width)


class Groups(NamedTuple):
    """Groups of as many blocks each: the blocks' rows in `Blocks`, ``(groups, count)``."""

    rows: Tensor

    def of(self, blocks: Blocks, haar: Tensor) -> Tensor:
        """Return the blocks, transformed along their groups: ``(groups, count, 64)``."""
        return haar @ blocks.coefficients[self.rows]


class Canvas:
    """Where blocks meet: weighted pixels ``(H, W)``, and the sums of their weights."""

    def __init__(self, like: Tensor) -> None:
        """Begin an empty one."""
        self._total, self._weight = torch.zeros_like(like), torch.zeros_like(like)

    def add(self, top: int, said: "Said", transforms: Transforms) -> None:
        """Add the pixels of every block of a band that begins at a row."""
        size = said.height + SIDE - 1, said.width + SIDE - 1
        pixels = transforms.window * (transforms.synthesis.T @ said.blocks.T)
        weights = transforms.window * said.weights
        for canvas, columns in ((self._total, pixels), (self._weight, weights)):
            canvas[top : top + size[0]] += fold(columns[None], size, SIDE)[0, 0]

    def mean(self) -> Tensor:
        """Return the weighted mean where every pixel lies in some block."""
        return self._total / self._weight


class Said:
    """What groups said of a band's blocks: weighted sums ``(h * w, 64)``, and the sums of the weights ``(h * w)``."""

    def __init__(self, like: Blocks) -> None:
        """Begin with nothing said."""
        self.height, self.width = like.height, like.width
        self.blocks = torch.zeros_like(like.coefficients)
        self.weights = torch.zeros_like(like.coefficients[:, 0])

    def add(self, groups: Groups, values: Tensor, noise: Tensor) -> None:
        """Add groups ``(groups, count, 64)``, each weighed by the noise that it keeps."""
        weights = 1 / noise.clamp(min=float(LEAST_NOISE))
        _accumulate(self.blocks, groups.rows, values * weights[:, None, None])
        _accumulate(self.weights, groups.rows, weights[:, None].expand(groups.rows.shape))


def denoised(noisy: Tensor, transforms: Transforms, profile: Profile) -> Tensor:
    """Take noise of variance 1 out of ``(H, W)`` pixels, both sides 8 or more."""
    canvas = Canvas(noisy)
    for top, bottom, references in _bands(noisy, profile.basic):
        blocks = Blocks.of(noisy[top:bottom], transforms)
        said = Said(blocks)
        for groups in _like_blocks(blocks, blocks.coefficients, references, profile.basic):
            said.add(groups, *_threshold(groups, blocks, profile.threshold, transforms.variances))
        canvas.add(top, said, transforms)
    return _refined(noisy, canvas.mean(), transforms, profile)


def _refined(noisy: Tensor, basic: Tensor, transforms: Transforms, profile: Profile) -> Tensor:
    canvas = Canvas(noisy)
    low = [SIDE * vertical + horizontal for vertical in range(LOW) for horizontal in range(LOW)]
    for top, bottom, references in _bands(noisy, profile.final):
        blocks, pilots = (Blocks.of(pixels[top:bottom], transforms) for pixels in (noisy, basic))
        said = Said(blocks)
        for groups in _like_blocks(pilots, pilots.coefficients[:, low], references, profile.final):
            said.add(groups, *_wiener(groups, (blocks, pilots), profile.factor, transforms.variances))
        canvas.add(top, said, transforms)
    return canvas.mean()


def _bands(pixels: Tensor, search: Search) -> Iterator[tuple[int, int, tuple[Tensor, Tensor]]]:
    """Yield the first row of a band of pixels, the one beyond its last, and the rows and columns of its references."""
    together = max(1, GROUPS // len(places(pixels.shape[1], search.step_px)))
    for top, bottom, found in bands(pixels.shape, search, together=together):
        rows, columns = (torch.from_numpy(some).long().to(pixels.device) for some in (found.rows, found.columns))
        yield top, bottom, (rows, columns)


def _like_blocks(blocks: Blocks, features: Tensor, references: tuple[Tensor, Tensor], search: Search) -> list[Groups]:
    """Find the blocks likest to each reference, itself first; groups near a corner of a small frame have fewer."""
    rows, columns = references
    distances = torch.stack(list(_distances(blocks, features, references, search.radius_px)), dim=2)
    side = distances.shape[-1]
    best = distances.flatten(2).flatten(0, 1).topk(search.most, largest=False, sorted=True)
    own = (rows[:, None] * blocks.width + columns).flatten()[:, None]
    steps = (best.indices // side - search.radius_px) * blocks.width + best.indices % side - search.radius_px
    counts = 2 ** best.values.isfinite().sum(1).log2().floor().long()
    return [Groups((own + steps)[counts == count][:, :count]) for count in sorted(set(counts.tolist()))]


def _distances(blocks: Blocks, features: Tensor, references: tuple[Tensor, Tensor], radius: int) -> Iterator[Tensor]:
    """Yield for each step along y the squared distances ``(rows, columns, steps along x)`` to the references.

    A reference's own is below every other one, and that to a block beyond the band is infinite.
    """
    rows, columns = references
    reach = torch.arange(-radius, radius + 1, device=features.device)
    near = columns[:, None] + reach
    inside = (near >= 0) & (near < blocks.width)
    near = near.clamp(0, blocks.width - 1)
    field = features.view(blocks.height, blocks.width, -1)
    wanted = field[rows][:, columns][:, :, None]
    for step in range(-radius, radius + 1):
        across = rows + step
        known = inside & ((across >= 0) & (across < blocks.height))[:, None, None]
        distance = (field[across.clamp(0, blocks.height - 1)][:, near] - wanted).square().sum(-1)
        if step == 0:
            distance[:, :, radius] = -1
        yield distance.masked_fill_(~known, torch.inf)


def _threshold(groups: Groups, blocks: Blocks, level: float, variances: Tensor) -> tuple[Tensor, Tensor]:
    """Keep the coefficients above a level and the groups' means; return blocks, and the noise that a group keeps."""
    haar = _haar(groups.rows.shape[1], blocks.coefficients)
    values = groups.of(blocks, haar)
    kept = values.square() >= level**2
    kept[:, 0, 0] = True
    return haar.T @ values.where(kept, values.new_zeros(())), (kept * variances).sum((1, 2))


def _wiener(
    groups: Groups, blocks_and_pilots: tuple[Blocks, Blocks], power: float, variances: Tensor
) -> tuple[Tensor, Tensor]:
    """Shrink by the empirical Wiener factors of the pilots' groups; return the same as `_threshold`."""
    haar = _haar(groups.rows.shape[1], blocks_and_pilots[0].coefficients)
    values, pilots = (groups.of(blocks, haar) for blocks in blocks_and_pilots)
    signal = pilots.square()
    shrink = signal / (signal + power)
    return haar.T @ (values * shrink), (shrink.square() * variances).sum((1, 2))


def _haar(count: int, like: Tensor) -> Tensor:
    """Return the orthonormal Haar transform of a power of two values, as a matrix."""
    matrix = np.ones((1, 1))
    while len(matrix) < count:
        matrix = np.vstack([np.kron(matrix, (1, 1)), np.kron(np.eye(len(matrix)), (1, -1))]) * 0.5**0.5
    return torch.tensor(matrix, dtype=like.dtype, device=like.device)


def _accumulate(sums: Tensor, rows: Tensor, values: Tensor) -> None:
    """Add values to rows that may recur, in the same order every time.

    On CUDA `index_add_` adds in any order, and `index_put_` sorts first; on a CPU it is the other way round.
    """
    flat = values.reshape(-1, *sums.shape[1:])
    if sums.is_cuda:
        sums.index_put_((rows.flatten(),), flat, accumulate=True)
    else:
        sums.index_add_(0, rows.flatten(), flat)
