"""Results of a benchmark in files: figures as JSON, with when and where they were measured, and a chart of them."""

import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import orjson

from streams.bench.chart import Chart, write_charts
from streams.errors import UsageError

GIB = 1 << 30


class Figures(Protocol):
    """What a benchmark measured."""

    def figures(self) -> Mapping[str, object]:
        """Return it as JSON values by name, the most important ones at the top."""

    def charts(self) -> Sequence[Chart]:
        """Return charts of it, which stand side by side."""


def keep(out: Path, name: str, measured: Figures) -> None:
    """Write ``NAME.json`` and ``NAME.png`` into a folder; raises `UsageError` where that cannot be done."""
    about = {"benchmark": name, "measured_at": _now(), "machine": machine(), "load_average": os.getloadavg()[0]}
    kept = {**about, "figures": measured.figures()}
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / f"{name}.json").write_bytes(orjson.dumps(kept, option=orjson.OPT_INDENT_2) + b"\n")
    except OSError as error:
        raise UsageError(
            f"--out {out}: cannot write {name}.json there: {error.strerror}; name another folder"
        ) from error
    write_charts(out / f"{name}.png", measured.charts())


def machine() -> str:
    """Say on what it was measured."""
    memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    cores = len(os.sched_getaffinity(0))
    return f"{cores} cores, {memory_bytes / GIB:.0f} GiB, {platform.machine()}, Python {platform.python_version()}"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
