"""A network adapted to the frames of a folder: what it learns from, what judges it, and what is written of it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path

import numpy as np

from schemas.frame import Pixels
from schemas.model import digest
from stages.denoise.network import NetworkDenoiser
from stages.denoise.resident import shape_of, tensors_of, weights_sha256
from stages.noise import Noise, measure
from stages.second_frame import Unusable, second_frame_of
from stages.training.adaptation import Adaptation, Lesson, OneFrame, Partner, TwoFrames, lessons
from stages.training.gate import Verdict, judge
from stages.training.trainer import Trainer
from streams.errors import UsageError
from streams.folder_frames import FolderFrame, Told
from streams.model_card import AdaptationCard, BaseWeights, FramesUsed, NoiseSummary, RiskFound, card_of
from streams.versions import versions_here
from streams.whole_file import write_whole

LEAST_FRAMES = 2
"""On either side of the split: the gate's standard error needs two."""

Law = Callable[[Pixels], Noise]


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


@dataclass(frozen=True)
class Base:
    """The weights that an adaptation begins with."""

    weights: str
    sha256: str
    widths: tuple[int, ...]
    blocks: int

    @classmethod
    def of(cls, weights: str) -> "Base":
        """Read what they are; raises `NoWeights`."""
        return cls(weights, weights_sha256(weights), *shape_of(weights))

    def network(self, weights: str | None = None) -> NetworkDenoiser:
        """Return the network with these weights, or with others of its shape."""
        return NetworkDenoiser(weights or self.weights, self.widths, self.blocks)


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
    count = max(LEAST_FRAMES, round(holdout * len(ranked)))
    if len(ranked) - count < LEAST_FRAMES:
        raise UsageError(
            f"{len(ranked)} frames can be learned from and {without} cannot; {2 * LEAST_FRAMES} are the least, and "
            "some dozens are what it takes"
        )
    held_out = tuple(replace(shot, partner=None) for shot in ranked[:count])  # by its first frame it is judged
    return Feed(tuple(ranked[count:]), held_out, without)


def _measured(frames: Iterable[FolderFrame], course: Adaptation, leave_out: Told, alone: Told) -> list[Shot]:
    """Return the frames that can be learned from, by their ids."""
    shots: dict[str, Shot] = {}
    for frame in frames:
        law = measure(frame.pixels)
        why = "the same as another one" if frame.image_id in shots else course.why_not(frame.pixels, law)
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
    used, kept = set[str](), list[Shot]()
    for shot in sorted(shots, key=lambda shot: shot.partner is None):
        if shot.content in used:
            leave_out(shot.name, "it is the second frame of another one")
            continue
        used.add(shot.content)
        if shot.partner_content in used:
            alone(shot.name, "that belongs to another one")
            kept.append(shot.alone)
            continue
        if shot.partner_content is not None:
            used.add(shot.partner_content)
        kept.append(shot)
    return sorted(kept, key=lambda shot: shot.image_id)


def trainer_of(base: Base, course: Adaptation, feed: Feed, *, law: Law | None = None) -> Trainer:
    """Return a trainer at the beginning of an adaptation; ``law`` stands in for what was measured, rightly or not."""
    batches = lessons([_lesson(shot, shot.law if law is None else law(shot.pixels)) for shot in feed.training], course)
    origin = digest({"base": base.sha256, "frames": feed.digest, "course": asdict(course), "version": course.version})
    return Trainer(course, batches, start=tensors_of(base.weights), origin=origin)


def _lesson(shot: Shot, law: Noise) -> Lesson:
    if shot.partner is None:
        return OneFrame.of(shot.pixels, law)
    return TwoFrames.of(shot.pixels, law, shot.partner)


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


def verdict_of(base: Base, candidate: Path, feed: Feed) -> Verdict:
    """Judge adapted weights, as they lie in a file, on the frames that were held out."""
    shots = feed.held_out
    networks = base.network(), base.network(str(candidate))
    frames, laws = [shot.pixels for shot in shots], [shot.law for shot in shots]
    return judge(*networks, frames, laws, [shot.image_id for shot in shots])


def write_adapted(
    out: Path, candidate: Path, *, base: Base, feed: Feed, trainer: Trainer, verdict: Verdict, now: datetime
) -> None:
    """Write accepted weights and their card; the card first, so that no weights lie without one."""
    data = candidate.read_bytes()
    card = AdaptationCard(
        name=out.stem,
        sha256=sha256(data).hexdigest(),
        widths=base.widths,
        blocks=base.blocks,
        parameters=sum(value.numel() for value in trainer.averaged.values()),
        base=BaseWeights(name=base.weights, sha256=base.sha256),
        frames=FramesUsed(
            training=len(feed.training),
            pairs=feed.pairs,
            held_out=len(feed.held_out),
            left_out=feed.left_out,
            digest=feed.digest,
        ),
        noise=noise_of(feed.training),
        course={**asdict(trainer.course), "widths": list(base.widths)},
        risk=RiskFound.model_validate(asdict(verdict)),
        made_at=now.isoformat(timespec="seconds"),
        minutes=round(trainer.elapsed_s / 60, 2),
        versions=versions_here(),
    )
    write_whole(card_of(out), card.model_dump_json(indent=2).encode() + b"\n")
    write_whole(out, data)


def noise_of(shots: Sequence[Shot]) -> NoiseSummary:
    """Summarise the noise laws of frames."""
    laws = [shot.law for shot in shots]
    lags = max(len(law.row_acf) for law in laws)
    acf = np.median([[*law.row_acf, *[0.0] * (lags - len(law.row_acf))] for law in laws], axis=0)
    sigmas = [law.sigma for law in laws]
    return NoiseSummary(
        sigma=_short(float(np.median(sigmas))),
        sigma_range=(_short(min(sigmas)), _short(max(sigmas))),
        gain=_short(float(np.median([law.gain for law in laws]))),
        offset=_short(float(np.median([law.offset for law in laws]))),
        row_acf=tuple(_short(float(value)) for value in acf),
    )


def _short(value: float) -> float:
    return float(f"{value:.4g}")
