"""What a run comes to, in numbers."""

from collections.abc import Mapping

from schemas.model import Record


class Failure(Record):
    """A file or image that could not be processed, and why."""

    path: str
    reason: str


class Summary(Record):
    """The result of ``semstream run``: its ``--json`` line and ``OUT/summary.json``."""

    images: int
    """Images found: selected and failed."""
    selected: int
    failed: int
    skipped: int
    """Files that are no images."""
    cache_hits: int
    """Images selected without computing anything."""
    computed: int
    """Images for which any stage computed anything."""
    seconds: float
    """From the first file to the last settled image; set-up and report apart."""
    images_per_s: float
    by_method: Mapping[str, int]
    failures: tuple[Failure, ...]
    skips: tuple[Failure, ...]
    rejected: int = 0
    """Failed images that a stage rejected: the ledger keeps that, and ``--retry-failed`` computes them anew."""
    stale: int = 0
    """Results in ``OUT/images`` that are none of this run: of other images, another pipeline, or failed this time."""
    stale_files: tuple[str, ...] = ()
    """Their names below ``OUT/images``."""
