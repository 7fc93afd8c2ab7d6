"""Try every dependency once, and say of each in one line what works, what does not, and what to do."""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from streams.errors import InvalidImage, TransientError, UsageError
from streams.ports import ObjectStore

PROBE = b"semstream doctor was here\n"
LEAST_FREE_BYTES = 5 << 30
TOLERATED_CLOCK_S = 5.0

Check = Callable[[], str]
"""Tries a dependency and says what it found; raises one of the words of `streams.errors`, or `OSError`."""


@dataclass(frozen=True)
class Probe:
    """A check by its name; ``needs`` is the name of an earlier one without which it can find nothing."""

    what: str
    check: Check
    needs: str | None = None


@dataclass(frozen=True)
class Finding:
    """What became of a check."""

    what: str
    well: bool
    said: str
    seconds: float


def examine(probes: Sequence[Probe], *, clock: Callable[[], float] = time.perf_counter) -> Iterator[Finding]:
    """Run probes side by side and yield their findings in order; one that fails stops none of the others.

    A probe that needs another one, which fails, says only that: the same reason twice helps nobody.
    """
    with ThreadPoolExecutor(max_workers=max(1, len(probes))) as pool:
        running = [(probe, pool.submit(_finding, probe, clock)) for probe in probes]
        ailing: set[str] = set()
        for probe, finding in running:
            found = finding.result()
            if not found.well:
                ailing.add(probe.what)
            if probe.needs in ailing:
                found = replace(found, well=False, said=f"cannot be looked at: {probe.needs} fails")
            yield found


def _finding(probe: Probe, clock: Callable[[], float]) -> Finding:
    start = clock()
    try:
        said, well = probe.check(), True
    except (UsageError, TransientError, InvalidImage, OSError) as error:
        said, well = " ".join(str(error).split()), False
    return Finding(probe.what, well, said, clock() - start)


def check_store(store: ObjectStore) -> str:
    """Put a few bytes and read them back; the eviction of old candidates takes them away some day."""
    ref = store.put(PROBE, folder="candidates", suffix=".txt", media_type="text/plain")
    if store.get(ref) != PROBE:
        raise TransientError(f"bucket {ref.bucket} gives back other bytes than were put")
    return f"bucket {ref.bucket} takes and gives objects"


def check_folder(folder: Path) -> str:
    """Write into the worker's folder, and look how much room there is."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(PROBE)
    free = shutil.disk_usage(folder).free
    if free < LEAST_FREE_BYTES:
        raise OSError(f"{folder} has {free / 2**30:.1f} GiB free; make room, or set worker.state or node_cache_bytes")
    return f"{folder.resolve()} can be written to, {free / 2**30:.0f} GiB free"


def check_clock(theirs: datetime, ours: datetime) -> str:
    """Compare a server's clock with this machine's: times of events and of the ledger come from here."""
    ahead_s = (ours - theirs).total_seconds()
    if abs(ahead_s) > TOLERATED_CLOCK_S:
        word = "ahead of" if ahead_s > 0 else "behind"
        raise UsageError(f"this machine's clock is {abs(ahead_s):.0f} s {word} the ledger's: let NTP set both")
    return f"within {max(abs(ahead_s), 0.1):.1f} s of the ledger's"
