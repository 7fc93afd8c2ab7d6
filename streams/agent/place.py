"""A folder as it was at the last look, and what its next listing tells."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path

from streams.agent.journal import Stamp
from streams.source import readable

QUIET_S = 5.0
"""For so long after a folder's time changed it is listed at every look: shares have ticks of 2 s, and cache times."""
RELIST_S = 30.0
"""Every folder is listed so often although its time did not change."""


class Kind(Enum):
    """What a listing says that a name is."""

    FILE = auto()
    FOLDER = auto()
    LINK = auto()
    OTHER = auto()


@dataclass(frozen=True, slots=True)
class Known:
    """A name as the last look left it."""

    kind: Kind
    inode: int
    stamp: Stamp | None = None
    """None for a folder, and for what is left alone."""


@dataclass(eq=False)
class Place:
    """A folder as it was at the last look. ``prefix`` begins the names in it."""

    path: Path
    prefix: str
    mtime_ns: int = -1
    changed_at: float = 0.0
    listed_at: float = 0.0
    known: dict[str, Known] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """How people are told of it."""
        return self.prefix.rstrip("/") or str(self.path)

    def name_of(self, raw: str) -> str:
        """Return the name in the source of what lies in this folder."""
        return self.prefix + readable(raw)

    def listed(self, now: float) -> "dict[str, os.DirEntry[str]] | None":
        """List the folder where that is due; raises `OSError`."""
        mtime_ns = self.path.stat().st_mtime_ns
        if mtime_ns != self.mtime_ns:
            self.mtime_ns, self.changed_at = mtime_ns, now
        if now - self.changed_at > QUIET_S and now - self.listed_at < RELIST_S:
            return None
        with os.scandir(self.path) as entries:
            found = {entry.name: entry for entry in entries}
        self.listed_at = now
        return found

    def is_known_as_another_kind(self, entry: "os.DirEntry[str]") -> bool:
        """Whether a folder stands where a file stood, or the like."""
        return entry.name in self.known and self.known[entry.name].kind is not kind_of(entry)

    def unlike(self, present: "Mapping[str, os.DirEntry[str]]") -> list[str]:
        """Return the names at which another file stands than at the last look, or a new one; asks the listing alone."""
        known = self.known
        return [
            raw
            for raw, entry in present.items()
            # By its kind too: a new folder may have got the number of the file that was there before.
            if not (at := known.get(raw)) or at.inode != entry.inode() or at.kind is not kind_of(entry)
        ]


def kind_of(entry: "os.DirEntry[str]") -> Kind:
    """Tell the kind from the listing."""
    if entry.is_file(follow_symlinks=False):
        return Kind.FILE
    if entry.is_symlink():
        return Kind.LINK
    return Kind.FOLDER if entry.is_dir(follow_symlinks=False) else Kind.OTHER
