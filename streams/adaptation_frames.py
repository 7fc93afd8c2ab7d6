"""The frames of a feed: what a network learns from, and what judges it, which it must never have seen."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256

from schemas.frame import Pixels
from schemas.model import digest
from stages.noise import Noise, measure
from stages.second_frame import Unusable, second_frame_of
from stages.training.adaptation import Adaptation, Partner
from streams.errors import UsageError
from streams.folder_frames import FolderFrame, Told

LEAST_FRAMES = 2
"""On either side of the split: the gate's standard error needs two."""


@dataclass(frozen=True, eq=False)
class Shot:
    """A frame with its measured noise law."""

    image_id: str
    name: str
    pixels: Pixels
    law: Noise
    content: str
    """Hash of its pixels."""
    partner: Partner | None = None
    """Another frame of the same field, where there is one that fits and it is learned from."""
    partner_content: str | None = None

    @property
    def identity(self) -> str:
        """What it is: the image, and its second frame."""
        return self.image_id if self.partner_content is None else f"{self.image_id}+{self.partner_content}"

    @property
    def alone(self) -> "Shot":
        """The same without a second frame."""
        return replace(self, partner=None, partner_content=None)


@dataclass(frozen=True, eq=False)
class Feed:
    """Frames to learn from, and frames that judge."""

    training: tuple[Shot, ...]
    held_out: tuple[Shot, ...]
    left_out: int

    @property
    def pairs(self) -> int:
        """How many of those to learn from have a second frame."""
        return sum(shot.partner is not None for shot in self.training)

    @property
    def digest(self) -> str:
        """What frames these are, which have a second one, and which are held out."""
        return digest([[shot.identity for shot in part] for part in (self.training, self.held_out)])


def feed_of(
    frames: Iterable[FolderFrame],
    course: Adaptation,
    *,
    holdout: float,
    left_out: Told,
    alone: Told = lambda name, why: None,
) -> Feed:
    """Measure frames and split them by the hash of their content: always alike for the same frames, in any order.

    ``left_out`` hears of frames that are not used, ``alone`` of those that are used without their second one.

    Raises
    ------
    UsageError
        If too few are left.
    """
    without = 0

    def leave_out(name: str, why: str) -> None:
        nonlocal without
        without += 1
        left_out(name, why)

    ranked = _each_once(_measured(frames, course, leave_out, alone), leave_out, alone)
    if len(ranked) < 2 * LEAST_FRAMES:
        raise UsageError(
            f"{len(ranked)} frames can be learned from and {without} cannot; {2 * LEAST_FRAMES} are the least, and "
            "some dozens are what it takes"
        )
    count = _split(ranked, holdout)
    held_out = tuple(replace(shot, partner=None) for shot in ranked[:count])  # by its first frame it is judged
    return Feed(tuple(ranked[count:]), held_out, without)


def _split(ranked: Sequence[Shot], holdout: float) -> int:
    """Return how many judge. Pages of one file, which may show one field, are on one side and adjacent by their ids.

    Raises
    ------
    UsageError
        If there is no way to have enough on either side.
    """
    files = [shot.image_id.rpartition("-")[0] for shot in ranked]
    ways = [n for n in range(LEAST_FRAMES, len(files) - LEAST_FRAMES + 1) if files[n - 1] != files[n]]
    if not ways:
        raise UsageError(
            f"{len(files)} frames are pages of {len(set(files))} files; what judges must be of others than what is "
            f"learned from, with {LEAST_FRAMES} frames on either side at the least: add files"
        )
    return min(ways, key=lambda count: abs(count - round(holdout * len(files))))


def _measured(frames: Iterable[FolderFrame], course: Adaptation, leave_out: Told, alone: Told) -> list[Shot]:
    """Return the frames that can be learned from, by their ids."""
    shots: dict[str, Shot] = {}
    for frame in frames:
        law = measure(frame.pixels)
        known = shots.get(frame.image_id)
        why = course.why_not(frame.pixels, law) if known is None else f"the same pixels as {known.name}"
        if why is not None:
            leave_out(frame.name, why)
            continue
        partner = _partner(frame, law, alone)
        other = None if partner is None else _hash(partner.pixels)
        shots[frame.image_id] = Shot(frame.image_id, frame.name, frame.pixels, law, _hash(frame.pixels), partner, other)
    return [shots[image_id] for image_id in sorted(shots)]


def _each_once(shots: Sequence[Shot], leave_out: Told, alone: Told) -> list[Shot]:
    """Return the shots, no frame of them in two, be it as a second one: what judges must never have been learned from.

    A second frame may be an image of its own as well, published before its first.
    """
    used, kept = dict[str, str](), list[Shot]()
    for shot in sorted(shots, key=lambda shot: shot.partner is None):
        if shot.content in used:
            leave_out(shot.name, used[shot.content])
            continue
        used[shot.content] = f"the same pixels as {shot.name}"
        if shot.partner_content in used:
            alone(shot.name, "that belongs to another one")
            kept.append(shot.alone)
            continue
        if shot.partner_content is not None:
            used[shot.partner_content] = "it is the second frame of another one"
        kept.append(shot)
    return sorted(kept, key=lambda shot: shot.image_id)


def _partner(frame: FolderFrame, law: Noise, alone: Told) -> Partner | None:
    if frame.second is None:
        return None
    found = second_frame_of(frame.pixels, frame.second, law)
    if isinstance(found, Unusable):
        alone(frame.name, found.why_not)
        return None
    return Partner.of(frame.second, found)


def _hash(pixels: Pixels) -> str:
    return sha256(pixels.tobytes()).hexdigest()
