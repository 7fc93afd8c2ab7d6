"""Files that hold a feed's prior, and the frames that one is built from."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path, PurePosixPath

from pydantic import ValidationError

from schemas.frame import Pixels
from schemas.prior import Prior
from streams.errors import InvalidImage, UsageError
from streams.formats.sandbox import Decoder
from streams.formats.sniff import HEAD_BYTES, NotAnImage, kind_of
from streams.source import Skipped, SourceFile
from streams.whole_file import write_whole
from streams.wording import plainly

MAX_BYTES = 1 << 16
UNKNOWN = "unknown"


def prior_of(path: Path | None, instrument_id: str, recipe: str | None) -> Prior | None:
    """Read the prior that an option names, for images of that instrument and recipe; raises `UsageError`."""
    if path is None:
        return None
    prior = read_prior(path)
    if UNKNOWN not in (instrument_id, prior.instrument_id) and instrument_id != prior.instrument_id:
        raise UsageError(f"{path} is the prior of {prior.instrument_id}, and the images are of {instrument_id}")
    if None not in (recipe, prior.recipe) and recipe != prior.recipe:
        raise UsageError(f"{path} is the prior of recipe {prior.recipe}, and the images are of recipe {recipe}")
    return prior


def read_prior(path: Path) -> Prior:
    """Read a prior.

    Raises
    ------
    UsageError
        If the file cannot be read, is no prior, or is not as it was built.
    """
    try:
        with path.open("rb") as file:
            return Prior.from_json(file.read(MAX_BYTES))
    except OSError as error:
        raise UsageError(f"cannot read the prior {path}: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        told = f"{place}: " if place else ""
        raise UsageError(
            f"{path} is no prior of semstream prior build: {told}{plainly(first['msg']).lower()}"
        ) from error


def write_prior(path: Path, prior: Prior) -> None:
    """Write a prior where there is none, or the same.

    Raises
    ------
    UsageError
        If the file exists with another content, or cannot be written.
    """
    data = prior.to_json() + b"\n"
    try:
        if path.exists() and path.read_bytes() != data:
            raise UsageError(f"{path} exists and is another one; priors never change, so choose a new file and name")
        write_whole(path, data)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error


def frames_of(
    files: Iterable[SourceFile | Skipped], decoder: Decoder, failed: Callable[[str, str], None]
) -> Iterator[Pixels]:
    """Yield the specimen of every page of every image, as stages see it; ``failed`` hears of files that have none."""
    for file in files:
        if isinstance(file, Skipped):
            continue
        try:
            kind = kind_of(PurePosixPath(file.name).name, file.read(HEAD_BYTES), siblings=file.siblings)
            if not isinstance(kind, NotAnImage):
                yield from _pages(file.read(-1), decoder)
        except InvalidImage as error:
            failed(file.name, str(error))
        except OSError as error:
            failed(file.name, f"cannot be read: {error.strerror}")


def _pages(data: bytes, decoder: Decoder) -> Iterator[Pixels]:
    for number, page in enumerate(decoder.describe(data).pages):
        yield decoder.specimen(data, page=number, roi=page.valid_roi).pixels
