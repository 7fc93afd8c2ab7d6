"""What earlier runs left in an output folder: halves of files, and results of other images or pipelines."""

import os
import re
from collections.abc import Collection, Iterable, Iterator
from itertools import chain
from pathlib import Path

from streams.evidence_file import SUFFIX

PART = re.compile(r"\.[0-9a-f]{16}\.(?P<pid>[1-9][0-9]{0,9})\.[0-9]{1,20}\.part")
"""The name under which `streams.whole_file` writes: a mark of the file to come, its process and its thread."""
BESIDE = (".json", SUFFIX)
"""Ends of the names of what lies beside a result: its certificate, and its evidence map."""


def sweep(out: Path, *, within: Iterable[str]) -> int:
    """Remove the halves of files whose writers died within a write; return how many there were.

    Looked for are files of ``out`` itself and all below its folders named by ``within``. To be called by who holds the
    lock of ``out``, before it writes: a name with its own process id is then that of a predecessor. What bears the id
    of another living process is left alone, for that may be its writer.
    """
    beside = [(os.fspath(out), path.name) for path in out.iterdir()]
    files = chain(beside, *(_files(out / folder) for folder in within))
    parts = [Path(place, name) for place, name in files if _is_abandoned(name)]
    for path in parts:
        path.unlink(missing_ok=True)
    return len(parts)


def stale(images: Path, written: Collection[Path]) -> list[str]:
    """Names below a folder of results that no image of this run has written; what lies beside a result goes with it."""
    ours = {os.fspath(path) for path in written}
    found = {os.path.join(place, name) for place, name in _files(images) if not name.startswith(".")}  # noqa: PTH118
    others = {name for name in found - ours if _result_of(name) not in ours}
    results = [name for name in others if _result_of(name) not in found - {name}]
    return sorted(Path(name).relative_to(images).as_posix() for name in results)


def _result_of(name: str) -> str:
    """Return the name of the result that a file lies beside, or its own."""
    return next((name.removesuffix(end) for end in BESIDE if name.endswith(end)), name)


def _is_abandoned(name: str) -> bool:
    part = PART.fullmatch(name)
    return part is not None and (int(part["pid"]) == os.getpid() or not _is_alive(int(part["pid"])))


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _files(folder: Path) -> Iterator[tuple[str, str]]:
    """Places and names of the files below a folder; as text, for there may be 100,000 of them."""
    for place, _, names in os.walk(folder):
        yield from ((place, name) for name in names)
