"""The section of a page that `make bench-fidelity` rewrites from what its benchmarks printed."""

import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from streams.bench.page import rewritten
from streams.errors import UsageError

BEGIN = "<!-- make bench-fidelity writes from here -->"
END = "<!-- make bench-fidelity writes to here -->"

Printed = Mapping[str, Any]
"""The JSON object that a benchmark printed as its last line."""


def section(printed: Mapping[str, Printed], on: str) -> str:
    """Return the section: a line a figure, of those benchmarks that printed any."""
    lines = [line for name, rows in ROWS.items() if name in printed for line in rows(printed[name])]
    if not lines:
        return "Nothing was measured yet: `make bench-fidelity PAIRS=FOLDER`."
    return "\n".join([f"Written on {on}.", "", "| | measured |", "| --- | --- |", *lines])


def read_printed(folder: Path) -> dict[str, Printed]:
    """Read the last line of each benchmark's output in a folder.

    Raises
    ------
    UsageError
        If a benchmark ended before it printed its figures.
    """
    return {name: _last(file) for name in ROWS if (file := folder / f"{name}.txt").is_file()}


def _last(file: Path) -> Printed:
    lines = file.read_bytes().splitlines()
    try:
        found = orjson.loads(lines[-1])
    except (IndexError, orjson.JSONDecodeError) as error:
        raise UsageError(f"{file} does not end in figures: run its benchmark again, to its end") from error
    return dict(found)


def _fidelity(figures: Printed) -> list[str]:
    regret = figures["regret"]
    best, psnr = max(figures["methods_psnr"].items(), key=lambda method: method[1])
    kinds = "; ".join(
        f"{name}: {kind['selected']['psnr']:.2f} dB selected, {kind['oracle']['psnr']:.2f} at best, "
        f"regret {_regret(kind['regret'])}"
        for name, kind in figures["kinds"].items()
    )
    return [
        f"| selection, {figures['fields']} images | {figures['selected_psnr']:.2f} dB; always {best}, the best single "
        f"method: {psnr:.2f} dB |",
        f"| regret, dB, mean (95th percentile) | {_regret(regret)} |",
        f"| by kind | {kinds} |",
        f"| below the raw frame; flagged | {figures['below_raw']}; {figures['flagged']} |",
        *(f"| regret of {name} | {_regret(other)} |" for name, other in figures["criteria"].items()),
    ]


def _denoisers(figures: Printed) -> list[str]:
    return [
        f"| BM3D `{name}`, {figures['fields']} images, against the authors' | {one['psnr']:.2f} dB, "
        f"{one['psnr_delta']:+.3f} dB, {one['speedup']:.1f} times as fast |"
        for name, one in figures["bm3d"].items()
        if one["psnr_delta"] is not None
    ]


def _judging(figures: Printed) -> list[str]:
    stable = figures["stability"]
    return [
        f"| {stable['images']} images, {stable['draws']} draws: same candidate; or one within 0.1 dB | "
        f"{stable['same']:.1%}; {stable['alike']:.1%} |",
        *(
            f"| {share} of the frame to be scored | {cost['scored']:.1%} of the pixels, {cost['of_compute']:.2f} of "
            f"the candidates' time, regret {_regret(cost['regret'])} dB |"
            for share, cost in figures["shares"].items()
        ),
    ]


def _guards(figures: Printed) -> list[str]:
    return [
        f"| evidence guard, {name} | false alarms "
        + ", ".join(f"{method} {share:.1%}" for method, share in caught["false_alarms_of"].items())
        + "; caught at SNR "
        + ", ".join(f"{snr}: {share:.1%}" for snr, share in caught["caught"].items())
        + " |"
        for name, caught in figures["evidence"].items()
        if caught is not None
    ]


def _regret(regret: Mapping[str, float]) -> str:
    return f"{regret['mean']:.2f} ({regret['p95']:.2f})"


ROWS: dict[str, Callable[[Printed], list[str]]] = {
    "fidelity": _fidelity,
    "denoisers": _denoisers,
    "judging": _judging,
    "guards": _guards,
}
"""What is said of the figures of each benchmark."""


def main(page: Path, printed: Path, on: str) -> None:
    """Rewrite the section of a page from the outputs in a folder; ``on`` is the date."""
    text = rewritten(page.read_text(encoding="utf-8"), section(read_printed(printed), on), BEGIN, END)
    page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), f"{datetime.now(UTC):%Y-%m-%d}")
