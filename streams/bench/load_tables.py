"""Figures of load as a person reads them."""

from rich.console import Console
from rich.table import Table

from streams.bench.load import Load
from streams.bench.load_figures import Io, Throughput
from streams.bench.users import Users


def print_users(console: Console, measured: Users) -> None:
    """Print a row for each number of clients."""
    table = Table("clients", "images", "a second", "p50", "p95", "p99", "longest", "fairness", title="waits, ms")
    for level in measured.levels:
        waits = (level.p50_ms, level.p95_ms, level.p99_ms, level.max_ms)
        table.add_row(
            str(level.clients),
            f"{level.images:,}",
            f"{level.images_per_s:.1f}",
            *(f"{ms:.1f}" for ms in waits),
            f"{level.fairness:.2f}",
        )
    console.print(table)
    console.print(
        f"from publishing an image to its selected event, {measured.stages} stages that do nothing, "
        f"{measured.processes} worker processes, {measured.seconds:g} s a row; fairness: the worst client's mean wait "
        "over the median client's",
        highlight=False,
    )


def print_throughput(console: Console, measured: Throughput) -> None:
    """Print a row for each number of worker processes."""
    groups = list(dict.fromkeys(name for level in measured.levels for name in level.usage))
    table = Table("n", "images/s", "MB/s", *groups, "all", "store", title="shares of all processors")
    for level in measured.levels:
        cpu = (f"{level.usage[name].cpu:.0%}" if name in level.usage else "" for name in groups)
        table.add_row(
            str(level.processes),
            f"{level.images_per_s:.2f}",
            f"{level.mb_per_s:.2f}",
            *cpu,
            f"{level.machine.cpu:.0%}",
            f"{level.io_share:.1%}",
        )
    console.print(table)
    first = measured.levels[0]
    console.print(
        f"n worker processes, {first.threads} images at one time in each, {first.images} images a row; all: "
        "whoever else uses this machine too; store: fetching and storing, of the time in which threads were at work",
        highlight=False,
    )


def print_utilisation(console: Console, load: Load) -> None:
    """Print a row for each group of processes."""
    table = Table("", "CPU", "disk read, MB/s", "disk written, MB/s")
    for name, usage in load.usage.items():
        table.add_row(name, f"{usage.cpu:.1%}", _rate(usage.read_mb_per_s), _rate(usage.written_mb_per_s))
    table.add_row("everybody", f"{load.machine.cpu:.1%}", "", "")
    console.print(table)
    gpu = "no GPU in use" if load.gpu is None else f"GPU at work {load.gpu:.0%} of the time"
    console.print(
        f"{load.images} images by {load.processes} processes, {load.images_per_s:.2f} images/s; {gpu}; network: "
        f"{load.machine.loopback_mb_per_s:.2f} MB/s on loopback, {load.machine.network_mb_per_s:.2f} MB/s beside",
        highlight=False,
    )


def print_io(console: Console, measured: Io) -> None:
    """Print a column with copies on the node and one without."""
    both = (measured.with_node_cache, measured.without_node_cache)
    table = Table("", "with node cache", "without")
    table.add_row("images/s", *(f"{one.images_per_s:.2f}" for one in both))
    table.add_row("time for the store", *(f"{one.io_share:.1%}" for one in both))
    table.add_row("of it fetching, and decoding", *(f"{one.fetch_share:.1%}" for one in both))
    table.add_row("of it encoding, and storing", *(f"{one.store_share:.1%}" for one in both))
    table.add_row("read from the store, MB an image", *(f"{one.read_mb_per_image:.3f}" for one in both))
    table.add_row("objects read, an image", *(f"{one.reads_per_image:.2f}" for one in both))
    table.add_row("written to the store, MB an image", *(f"{one.written_mb_per_image:.3f}" for one in both))
    console.print(table)
    console.print(
        f"{measured.images} images a run, {measured.rounds} runs of each, in turns, a worker a stage; time: "
        "of that in which threads were at work",
        highlight=False,
    )


def _rate(value: float | None) -> str:
    return "not told" if value is None else f"{value:.2f}"
