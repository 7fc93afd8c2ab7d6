"""A clock that can be set for one worker: libfaketime reads the offset from a file again and again."""

from collections.abc import Mapping
from dataclasses import dataclass
from glob import glob
from pathlib import Path

PLACES = ("/usr/lib/*/faketime/libfaketimeMT.so.1", "/usr/lib64/faketime/libfaketimeMT.so.1")
INSTALL = "apt-get install faketime"


@dataclass(frozen=True)
class Clock:
    """The clock of whoever runs in its ``environment``; the monotonic one is never wrong."""

    file: Path
    library: str | None

    @property
    def environment(self) -> Mapping[str, str]:
        """Variables of a process that goes by this clock."""
        if self.library is None:
            return {}
        return {
            "LD_PRELOAD": self.library,
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DONT_RESET": "1",
        }

    def set(self, *, ahead_s: int) -> None:
        """Put it ahead, or back; its followers notice within a second."""
        self.file.write_text(f"{ahead_s:+d}\n", encoding="ascii")


def own_clock(file: Path) -> Clock:
    """Return a clock that is right for now."""
    found = [path for pattern in PLACES for path in sorted(glob(pattern))]  # noqa: PTH207 - patterns with a root
    clock = Clock(file, found[0] if found else None)
    clock.set(ahead_s=0)
    return clock
