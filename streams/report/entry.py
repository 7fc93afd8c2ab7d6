"""What a report is made from."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from schemas.events import ImageEvent
from schemas.frame import Frame


@dataclass(frozen=True)
class ReportEntry:
    """One image that was answered.

    ``frames`` gives the pixels of a candidate by its name, ``"raw"`` among them. It is called only for images that are
    shown with pictures and should read when called: an entry that holds pixels keeps them in memory.
    """

    event: ImageEvent
    """The final event: noise, candidates with their scores, selection."""
    frames: Callable[[str], Frame]
    source_path: str
    """How the image is called on the page."""
    output_path: Path | None = None
    """The restored image's file, absolute or relative to the working directory; the page links to it."""

    @property
    def flags(self) -> tuple[str, ...]:
        """What a person should know before believing the result."""
        return self.event.selection.flags if self.event.selection else ()


@dataclass(frozen=True)
class Setback:
    """A file without a result, and why: a failure, or something that was passed over on purpose."""

    path: str
    reason: str


@dataclass(frozen=True)
class Summary:
    """What is known of the run besides its images. What can be counted from the images is counted."""

    seconds: float
    """Wall-clock time of the run."""
    failures: Sequence[Setback] = ()
    """Images without a result."""
    skips: Sequence[Setback] = ()
    """Files that are no images."""
    finished_at: datetime | None = None
    facts: Mapping[str, str] = field(default_factory=dict)
    """Anything else worth a line at the end of the page: version, pipeline, folder."""
