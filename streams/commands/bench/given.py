"""What a benchmark gives besides its table."""

from pathlib import Path

import orjson

from streams.bench.kept import Figures, keep


def give(name: str, measured: Figures, out: Path | None, *, json: bool) -> None:
    """Write figures and charts into a folder, and print the figures as one line, each where it is wanted."""
    if out is not None:
        keep(out, name, measured)
    if json:
        print(orjson.dumps(measured.figures()).decode())  # noqa: T201 - the interface
