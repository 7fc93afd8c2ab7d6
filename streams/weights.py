"""Weights files: the shipped ones and those of a folder, what they are, and whether they are what they should be."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from stages.denoise.resident import NoWeights, is_shipped, pinned, shape_of, tensors_of, weights_file, weights_sha256
from stages.training.export import pinned_by
from streams.model_card import AdaptationCard, card_of

SUFFIX = ".safetensors"


@dataclass(frozen=True)
class Weights:
    """Weights that fit a network, and what their card says."""

    name: str
    path: Path
    sha256: str
    size_bytes: int
    widths: tuple[int, ...]
    blocks: int
    parameters: int
    card: AdaptationCard | str | None
    """The card of adapted weights, the text of that of trained ones, or none."""

    @property
    def shipped(self) -> bool:
        """Whether they came with the program."""
        return is_shipped(self.path)

    @property
    def origin(self) -> str:
        """Where they come from, in a few words."""
        if isinstance(self.card, AdaptationCard):
            return f"adapted from {self.card.base.name} to {self.card.frames.training} frames"
        if self.shipped:
            return "shipped"
        return "no card" if self.card is None else "trained"


@dataclass(frozen=True)
class Checked:
    """What checking a weights file found: a line, and whether all is well."""

    name: str
    well: bool
    said: str


def names_of(folder: Path | None) -> Iterator[str]:
    """Yield the shipped names, and the paths of the weights in a folder."""
    yield from sorted(Path(name).stem for name in pinned())
    if folder is not None:
        yield from sorted(str(path) for path in folder.glob(f"*{SUFFIX}"))


def weights_of(name: str) -> Weights:
    """Read what weights are: a shipped name, or a path.

    Raises
    ------
    NoWeights
        If there are none, they fit no network, or they or their card are not as they were written.
    """
    path = weights_file(name)
    sha256 = weights_sha256(name)
    _check_card(path, sha256)
    widths, blocks = shape_of(name)
    parameters = sum(value.numel() for value in tensors_of(name).values())
    return Weights(name, path, sha256, path.stat().st_size, widths, blocks, parameters, _card(path))


def check(name: str) -> Checked:
    """See whether weights are pinned, unaltered, and load."""
    try:
        weights = weights_of(name)
    except (NoWeights, OSError) as error:
        return Checked(name, well=False, said=str(error))
    is_pinned = weights.shipped or _pinned(weights.card) is not None
    said = f"sha256 {weights.sha256} as pinned" if is_pinned else f"loads; nothing pins its sha256 {weights.sha256}"
    return Checked(name, well=True, said=said)


def _check_card(path: Path, sha256: str) -> None:
    card = _card(path)
    expected = _pinned(card)
    if expected is not None and expected != sha256:
        beside = card_of(path) if isinstance(card, AdaptationCard) else path.with_suffix(".md")
        raise NoWeights(f"{path} has the sha256 {sha256[:12]}…, and its card {beside} is of {expected[:12]}…")


def _pinned(card: AdaptationCard | str | None) -> str | None:
    """Return the sha256 that a card pins, if it does."""
    if isinstance(card, AdaptationCard):
        return card.sha256
    return pinned_by(card) if card else None


def _card(path: Path) -> AdaptationCard | str | None:
    """Read the card beside weights; raises `NoWeights` for one that cannot be read."""
    try:
        if card_of(path).is_file():
            return AdaptationCard.from_json(card_of(path).read_bytes())
        text = path.with_suffix(".md")
        return text.read_text(encoding="utf-8") if text.is_file() else None
    except (ValidationError, UnicodeDecodeError) as error:
        raise NoWeights(f"the card beside {path} is none: {str(error).splitlines()[0]}") from error
