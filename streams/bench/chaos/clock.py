"""A clock that can be set for one worker: libfaketime reads the offset from a file again and again."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from glob import glob
from pathlib import Path

PLACES = ("/usr/lib/*/faketime/libfaketimeMT.so.1", "/usr/lib64/faketime/libfaketimeMT.so.1")
INSTALL = "apt-get install faketime"
SLEEP = """\
import select
import time

time.sleep = lambda seconds: select.select([], [], [], seconds)[3:]
"""
"""libfaketime 0.9.10 lets a sleep until a monotonic time, which is Python's, fail with EINVAL."""


@dataclass(frozen=True)
class Clock:
    """The clock of whoever runs in its environment; the monotonic one is never wrong."""

    folder: Path
    library: str | None

    def followed(self, environment: Mapping[str, str]) -> dict[str, str]:
        """Return the environment of a process that goes by this clock."""
        if self.library is None:
            return dict(environment)
        return {
            **environment,
            "PYTHONPATH": f"{self.folder}{os.pathsep}{environment['PYTHONPATH']}",
            "LD_PRELOAD": self.library,
            "FAKETIME_TIMESTAMP_FILE": str(self._offset),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DONT_RESET": "1",
        }

    def set(self, *, ahead_s: int) -> None:
        """Put it ahead, or back; its followers notice within a second."""
        partial = self.folder / "partial"
        partial.write_text(f"{ahead_s:+d}\n", encoding="ascii")
        partial.rename(self._offset)

    @property
    def _offset(self) -> Path:
        return self.folder / "offset"


def own_clock(folder: Path) -> Clock:
    """Return a clock that is right for now."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(SLEEP, encoding="utf-8")
    found = [path for pattern in PLACES for path in sorted(glob(pattern))]  # noqa: PTH207 - patterns with a root
    clock = Clock(folder, found[0] if found else None)
    clock.set(ahead_s=0)
    return clock
