"""The section of a page that `make bench` rewrites from the results of its short runs."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import orjson

from streams.bench.hops import Latency
from streams.bench.load import Load
from streams.bench.load_figures import Io, Throughput, Utilisation
from streams.bench.users import Users
from streams.errors import UsageError

BEGIN = "<!-- make bench writes from here -->"
END = "<!-- make bench writes to here -->"

Kept = Mapping[str, Any]
"""What a benchmark has written as JSON."""


def rewritten(page: str, section: str, begin: str = BEGIN, end: str = END) -> str:
    """Return the page with another section between its two marks; nothing else changes.

    Raises
    ------
    UsageError
        If the page has not each mark once, in their order.
    """
    before, begun, rest = page.partition(begin)
    _, ended, after = rest.partition(end)
    if not begun or not ended or begin in rest or end in before + after:
        raise UsageError(f"the page needs two lines, each once: {begin} and, below it, {end}")
    return f"{before}{begin}\n\n{section}\n\n{end}{after}"


def section(results: Mapping[str, Kept]) -> str:
    """Return the section: a line a benchmark, in the order of `ROWS`, of those that have results."""
    known = {name: results[name] for name in ROWS if name in results}
    if not known:
        return "Nothing was measured yet: `make up`, then `make bench`."
    machines = "; ".join(sorted({kept["machine"] for kept in known.values()}))
    lines = [
        f"Short runs, on a machine that the servers and the workers share ({machines}). Charts: `out/bench/`.",
        "",
        "| command | measured | when (UTC); load average of the last minute |",
        "| --- | --- | --- |",
        *(f"| `bench {name}` | {ROWS[name](kept['figures'])} | {_when(kept)} |" for name, kept in known.items()),
    ]
    return "\n".join(lines)


def read_results(folder: Path) -> dict[str, Kept]:
    """Read the results that are in a folder, by name."""
    files = {name: folder / f"{name}.json" for name in ROWS}
    return {name: orjson.loads(file.read_bytes()) for name, file in files.items() if file.is_file()}


def _when(kept: Kept) -> str:
    load = f", load {kept['load_average']:.0f}" if "load_average" in kept else ""
    return str(kept["measured_at"])[:16].replace("T", " ") + load


def _latency(figures: Kept) -> str:
    measured = Latency.model_validate(figures)
    hops = ", ".join(f"{name} {hop.p50_ms:.0f}" for name, hop in measured.hops.items())
    return (
        f"{measured.images} images one by one through {measured.stages} stages that do nothing: "
        f"p50 {measured.p50_ms:.0f} ms, p95 {measured.p95_ms:.0f} ms, p99 {measured.p99_ms:.0f} ms; "
        f"p50 of the hops, ms: {hops}"
    )


def _replay(figures: Kept) -> str:
    one, four = figures, figures["four_stages"]
    return (
        f"{one['references']:,} known references: {one['images_per_s']:,.0f} images/s through one stage, "
        f"{four['images_per_s']:,.0f} through four"
    )


def _users(figures: Kept) -> str:
    return "; ".join(
        f"{_number(one.clients, 'client', 'clients')}: {one.images_per_s:.0f} images/s, p50 {one.p50_ms:.0f} ms, "
        f"p95 {one.p95_ms:.0f} ms, p99 {one.p99_ms:.0f} ms, fairness {one.fairness:.2f}"
        for one in Users.model_validate(figures).levels
    )


def _throughput(figures: Kept) -> str:
    return "; ".join(
        f"{_number(one.processes, 'worker process', 'worker processes')}: {one.images_per_s:.2f} images/s, "
        f"{one.mb_per_s:.2f} MB/s"
        for one in Throughput.model_validate(figures).levels
    )


def _utilisation(figures: Kept) -> str:
    load = Utilisation(load=Load.model_validate(figures)).load
    cpu = ", ".join(f"{name} {usage.cpu:.0%}" for name, usage in load.usage.items())
    gpu = "no GPU in use" if load.gpu is None else f"GPU {load.gpu:.0%}"
    return (
        f"{_number(load.processes, 'worker process', 'worker processes')}: {cpu} of the processors, "
        f"everybody {load.machine.cpu:.0%}; {gpu}; {load.machine.loopback_mb_per_s:.1f} MB/s on loopback"
    )


def _io(figures: Kept) -> str:
    measured = Io.model_validate(figures)
    return "; ".join(
        f"{name} copies on the node {one.io_share:.1%} of the working time, {one.reads_per_image:.1f} objects and "
        f"{one.read_mb_per_image:.2f} MB read, {one.written_mb_per_image:.2f} MB written an image"
        for name, one in (("with", measured.with_node_cache), ("without", measured.without_node_cache))
    )


def _number(number: int, one: str, several: str) -> str:
    return f"{number} {one if number == 1 else several}"


ROWS: dict[str, Callable[[Kept], str]] = {
    "latency": _latency,
    "users": _users,
    "throughput": _throughput,
    "utilisation": _utilisation,
    "io": _io,
    "replay": _replay,
}
"""What is said of the figures of each benchmark."""


def main(page: Path, results: Path) -> None:
    """Rewrite the section of a page from the results in a folder."""
    text = rewritten(page.read_text(encoding="utf-8"), section(read_results(results)))
    page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
