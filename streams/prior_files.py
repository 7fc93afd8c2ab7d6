"""Files that hold a feed's prior."""

from pathlib import Path

from pydantic import ValidationError

from schemas.prior import Prior
from streams.errors import UsageError
from streams.whole_file import write_whole
from streams.wording import plainly

MAX_BYTES = 1 << 16
UNKNOWN = "unknown"


def prior_of(path: Path | None, instrument_id: str, recipe: str | None, bits: int | None) -> Prior | None:
    """Read the prior that an option names, for images of that instrument, recipe and bits; raises `UsageError`."""
    if path is None:
        return None
    prior = read_prior(path)
    if UNKNOWN not in (instrument_id, prior.instrument_id) and instrument_id != prior.instrument_id:
        raise UsageError(f"{path} is the prior of {prior.instrument_id}, and the images are of {instrument_id}")
    if None not in (recipe, prior.recipe) and recipe != prior.recipe:
        raise UsageError(f"{path} is the prior of recipe {prior.recipe}, and the images are of recipe {recipe}")
    if prior.bits not in (None, bits):
        raise UsageError(f"{path} was built with --bits {prior.bits}: say so here too, or build one of these images")
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
