"""Weights that a training hands out, and their card: two files, which a process may end between."""

from pathlib import Path
from tempfile import TemporaryDirectory

from stages.denoise.network import NetworkDenoiser
from stages.denoise.resident import weights_sha256
from stages.training.examination import questions
from stages.training.export import averaged, card, examined
from stages.training.trainer import Trainer
from streams.whole_file import write_whole


def hand_out(trainer: Trainer, folder: Path, *, hardware: str) -> Path:
    """Let the averaged weights sit their examination, write them and their card, and return the weights' path.

    The card of old goes before the new weights come, and theirs comes last: a card never lies beside weights that it is
    not of. All is written before anything is moved, so a full disk leaves what was there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder.resolve(), prefix=".examination-") as desk:
        weights = Path(desk) / f"{trainer.course.name}.safetensors"
        write_whole(weights, averaged(trainer))
        told = weights.with_suffix(".md")
        write_whole(told, _card(trainer, weights, hardware).encode())
        (folder / told.name).unlink(missing_ok=True)
        path = weights.replace(folder / weights.name)
        told.replace(folder / told.name)
    return path


def _card(trainer: Trainer, weights: Path, hardware: str) -> str:
    denoiser = NetworkDenoiser(str(weights), trainer.course.widths, trainer.course.blocks)
    return card(trainer, examined(denoiser, questions()), hardware=hardware, sha256=weights_sha256(str(weights)))
