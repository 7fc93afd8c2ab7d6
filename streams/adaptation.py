"""A network adapted to a feed: what it begins with, how it is judged, and what is written of it."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path

import numpy as np

from schemas.frame import Pixels
from schemas.model import digest
from stages.denoise.network import NetworkDenoiser
from stages.denoise.resident import shape_of, tensors_of, weights_sha256
from stages.noise import Noise
from stages.training.adaptation import Adaptation, Lesson, OneFrame, TwoFrames, lessons
from stages.training.gate import Verdict, judge
from stages.training.trainer import Trainer
from streams.adaptation_frames import Feed, Shot
from streams.model_card import AdaptationCard, BaseWeights, FramesUsed, NoiseSummary, RiskFound, card_of
from streams.versions import versions_here
from streams.whole_file import write_whole

Law = Callable[[Pixels], Noise]


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


def trainer_of(base: Base, course: Adaptation, feed: Feed, *, law: Law | None = None) -> Trainer:
    """Return a trainer at the beginning of an adaptation; ``law`` stands in for what was measured, rightly or not."""
    batches = lessons([_lesson(shot, shot.law if law is None else law(shot.pixels)) for shot in feed.training], course)
    origin = digest({"base": base.sha256, "frames": feed.digest, "course": asdict(course), "version": course.version})
    return Trainer(course, batches, start=tensors_of(base.weights), origin=origin)


def _lesson(shot: Shot, law: Noise) -> Lesson:
    if shot.partner is None:
        return OneFrame.of(shot.pixels, law)
    return TwoFrames.of(shot.pixels, law, shot.partner)


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
        course={**asdict(trainer.course), "widths": list(base.widths), "bf16": trainer.bf16},
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
