"""What the options of `run` and `publish` say of the images of a feed."""

from pathlib import Path

from streams.commands.options import check_instrument, told_of_recipe
from streams.intake import Provenance
from streams.prior_files import prior_of


def provenance_of(source: str, instrument: str, recipe: str | None, prior: Path | None, bits: int | None) -> Provenance:
    """Return what the options say; raises `UsageError` where they contradict each other or the prior."""
    check_instrument(instrument)
    return Provenance(source, instrument, told_of_recipe(recipe), prior_of(prior, instrument, recipe, bits), bits)
