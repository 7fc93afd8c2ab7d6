"""Figures of load as a person reads them."""

from rich.console import Console
from rich.table import Table

from streams.bench.users import Users


def print_users(console: Console, measured: Users) -> None:
    """Print a row for each number of clients."""
    table = Table("clients", "images", "images/s", "p50, ms", "p95, ms", "p99, ms", "longest, ms", "fairness")
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
