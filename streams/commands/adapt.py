"""`semstream adapt`: fit a network to the noisy frames of a feed, and let it serve only if it is better."""

import math
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch
import typer
from pydantic import ValidationError

from stages.denoise.resident import NoWeights
from stages.training.adaptation import Adaptation
from stages.training.export import averaged
from stages.training.gate import Verdict
from stages.training.trainer import Trainer
from streams.adaptation import Base, noise_of, trainer_of, verdict_of, write_adapted
from streams.adaptation_frames import Feed, feed_of
from streams.checkpoints import held, resumed
from streams.commands.options import Bits, SettingsFile, check_instrument, check_lane, check_second_suffix
from streams.commands.train import run
from streams.errors import UsageError
from streams.folder_frames import FolderFrame, frames_of
from streams.formats.sandbox import Decoder
from streams.model_card import AdaptationCard, card_of
from streams.pipeline import LIVE
from streams.settings import Settings
from streams.source import folder_files
from streams.whole_file import write_whole
from streams.wiring.feed_frames import frames_at_services
from streams.wiring.process import utc_now

MOST_FRAMES = 500
MOST_PIXELS = 300_000_000
"""Of all frames that are read; with what is learned from, each takes 9 bytes, and 13 in pairs: 4 GB in all."""
FEW_HELD_OUT = 5
"""Held-out frames below which a verdict comes with a warning."""
REFUSED = 3


@dataclass(frozen=True)
class Published:
    """Images that the services know: those that a query of their ledger names, in a lane, of an instrument."""

    query: str
    lane: str | None
    instrument: str | None
    settings: Path | None

    def frames(self) -> AbstractContextManager[Iterator[FolderFrame]]:
        """Reach the services."""
        if self.lane is not None:
            check_lane(self.lane)
        if self.instrument is not None:
            check_instrument(self.instrument)
        found = Settings.load(self.settings)
        lane = self.lane or LIVE
        return frames_at_services(found, self.query, lane, self.instrument, left_out=_left_out, alone=_alone)


def adapt(
    folder: Annotated[
        Path | None, typer.Argument(help="Folder of images of one instrument; never written to. Or --from.")
    ] = None,
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="File of the weights, NAME.safetensors; a new one.")],
    query: Annotated[
        str | None,
        typer.Option("--from", help="SQL query of the services' ledger with a column image_id: the images meant."),
    ] = None,
    instrument: Annotated[str | None, typer.Option(help="Of these, the images of this instrument only.")] = None,
    weights: Annotated[str, typer.Option(help="Weights to begin with: a shipped name, or a file.")] = "unet-sim",
    steps: Annotated[int, typer.Option(min=1, help="Steps in all; the same number when it is run again.")] = 1750,
    minutes: Annotated[float | None, typer.Option(min=0, help="Stop after this long; the next run goes on.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same weights.")] = 7,
    holdout: Annotated[float, typer.Option(min=0.05, max=0.5, help="Share of the frames that only judge.")] = 0.2,
    checkpoints: Annotated[Path, typer.Option(help="Folder of the checkpoint.")] = Path(".training"),
    threads: Annotated[int, typer.Option(min=1, help="Processor cores to use.")] = 2,
    second_suffix: Annotated[
        str | None, typer.Option(help="Such as _f2: NAME_f2.tif beside NAME.tif is another frame of its field.")
    ] = None,
    bits: Bits = None,
    lane: Annotated[str | None, typer.Option(help="The lane of the images of --from; live when omitted.")] = None,
    settings: SettingsFile = None,
) -> None:
    """Adapt a network to a feed from its noisy frames alone; interrupted, the same command goes on.

    The weights are written only if the estimated error on frames held out falls by more than its standard error.
    Where a frame has a second one of its field, each is foretold from the other. Exit codes: 0 written, or more steps
    to come; 2 wrong usage; 3 refused: nothing is written.

    Example: semstream adapt /data/sem-1 --out sem-1.safetensors --minutes 9
    """
    torch.set_num_threads(threads)
    check_second_suffix(second_suffix)
    _check_out(out, folder)
    base = _base(weights)
    course = Adaptation(out.stem, base.widths, base.blocks, total_steps=steps, seed=seed)
    if query is None and (instrument or lane or settings):
        raise UsageError("--instrument, --lane and --settings go with --from: a folder is read as it is")
    published = None if query is None else Published(query, lane, instrument, settings)
    with _frames(folder, second_suffix, bits, published) as frames:
        feed = _feed(_first(frames), course, holdout)
    checkpoint = checkpoints / f"adapt-{out.stem}.safetensors"
    with held(checkpoint):
        trainer = resumed(trainer_of(base, course, feed), checkpoint)
        run(trainer, checkpoint, minutes=math.inf if minutes is None else minutes, clock=time.monotonic, say=typer.echo)
        if not trainer.finished:
            typer.echo(f"{steps - trainer.step} steps to come: run the same command again")
        elif not _accepted(trainer, checkpoint, base=base, feed=feed, out=out):
            raise typer.Exit(REFUSED)


def _accepted(trainer: Trainer, checkpoint: Path, *, base: Base, feed: Feed, out: Path) -> bool:
    """Judge what came out, write it if it is better, and say so."""
    candidate = checkpoint.with_suffix(".candidate.safetensors")
    write_whole(candidate, averaged(trainer))
    try:
        verdict = verdict_of(base, candidate, feed)
        _tell(verdict)
        if verdict.accepted:
            write_adapted(out, candidate, base=base, feed=feed, trainer=trainer, verdict=verdict, now=utc_now())
    finally:
        candidate.unlink()
    if verdict.accepted:
        typer.echo(f"weights={out} card={card_of(out)}")
        typer.echo(f"next: semstream models promote {out} --instrument ID --pipeline FILE")
    else:
        typer.echo(f"refused: the risk does not fall by more than its standard error, so {out} was not written")
    return verdict.accepted


def _check_out(out: Path, folder: Path | None) -> None:
    if out.suffix != ".safetensors":
        raise UsageError(f"--out {out}: weights are safetensors; name it {out.with_suffix('.safetensors').name}")
    if out.exists():
        raise UsageError(f"{out} exists; weights are never overwritten, so choose a new file")
    if card_of(out).exists() and not _is_card(card_of(out)):
        raise UsageError(f"{card_of(out)}, where the card would be, is another file; choose a new name")
    if folder is not None and out.resolve().is_relative_to(folder.resolve()):
        raise UsageError(f"{out} lies in the input folder, which is never written to")


def _is_card(path: Path) -> bool:
    """Whether a file is a card: without weights it is nobody's, but of a process that ended before it wrote them."""
    try:
        AdaptationCard.from_json(path.read_bytes())
    except (ValidationError, OSError):
        return False
    return True


def _base(weights: str) -> Base:
    try:
        return Base.of(weights)
    except NoWeights as error:
        raise UsageError(f"--weights {weights}: {error}") from error


@contextmanager
def _frames(
    folder: Path | None, second_suffix: str | None, bits: int | None, published: Published | None
) -> Iterator[Iterator[FolderFrame]]:
    """Open what is named: a folder, or images that the services know."""
    if folder is not None and published is None:
        with Decoder() as decoder:
            yield frames_of(folder_files(folder, second_suffix=second_suffix), decoder, _left_out, _alone, bits=bits)
    elif folder is None and published is not None:
        if second_suffix is not None:
            raise UsageError("--second-suffix is for a folder: published images know their second frames")
        if bits is not None:
            raise UsageError("--bits is for a folder: published images know theirs, from semstream publish --bits")
        with published.frames() as found:
            yield found
    else:
        raise UsageError("name what to learn from: a folder of images, or --from and a query of the ledger")


def _feed(frames: Iterator[FolderFrame], course: Adaptation, holdout: float) -> Feed:
    """Measure the frames, and say what they are."""
    feed = feed_of(frames, course, holdout=holdout, left_out=_left_out, alone=_alone)
    noise = noise_of(feed.training)
    typer.echo(
        f"training={len(feed.training)} pairs={feed.pairs} held_out={len(feed.held_out)} left_out={feed.left_out} "
        f"sigma={noise.sigma} row_correlation={' '.join(map(str, noise.row_acf[1:3])) or 'none'}"
    )
    return feed


def _left_out(name: str, why: str) -> None:
    typer.echo(f"left out {name}: {why}", err=True)


def _alone(name: str, why: str) -> None:
    typer.echo(f"{name} is used without its second frame: {why}", err=True)


def _first(frames: Iterator[FolderFrame]) -> Iterator[FolderFrame]:
    """Yield as many frames as there is use for, second ones counted, and say if there are more."""
    count, pixels = 0, 0
    for frame in frames:
        if count >= MOST_FRAMES or pixels >= MOST_PIXELS:
            typer.echo(
                f"the first {count} frames, second ones counted, of {pixels / 1e6:.0f} million pixels are read and the "
                f"others are not: {MOST_FRAMES} frames or {MOST_PIXELS / 1e6:.0f} million pixels are the most",
                err=True,
            )
            return
        both = [frame.pixels] if frame.second is None else [frame.pixels, frame.second]
        count, pixels = count + len(both), pixels + sum(one.size for one in both)
        yield frame


def _tell(verdict: Verdict) -> None:
    if verdict.frames < FEW_HELD_OUT:
        typer.echo(
            f"judged by {verdict.frames} frames only, whose scatter says little: give it more images, or look before "
            "you promote",
            err=True,
        )
    typer.echo(
        f"risk before={verdict.before:.5f} after={verdict.after:.5f} difference={verdict.after - verdict.before:+.5f} "
        f"se={verdict.se:.5f} held_out={verdict.frames}, as shares of the noise variance "
        f"(by rows: before={verdict.row_before:.5f} after={verdict.row_after:.5f})"
    )
