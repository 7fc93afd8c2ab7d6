"""Runs as a person reads them."""

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from streams.bench.chaos.figures import ChaosFigures, Spread, by_fault


def print_chaos(console: Console, runs: Sequence[ChaosFigures]) -> None:
    """Print how quickly results came again after each fault, and of each run what was lost."""
    table = Table("fault", "times", "recovery, s: p50", "max", "drained, s: p50", "max")
    for fault in by_fault(runs):
        table.add_row(fault.name, str(fault.times), *_spread(fault.recovery_s), *_spread(fault.drained_s))
    console.print(table)
    for run in runs:
        console.print(
            f"seed {run.seed}, {run.images} images: {run.lost} lost, {run.doubled} doubled, {run.dead_letters} dead "
            f"letters; {run.restarts} restarts, {run.seconds:.0f} s",
            highlight=False,
        )
        for problem in run.problems:
            console.print(f"[red]{escape(problem)}", highlight=False)


def _spread(found: Spread | None) -> tuple[str, str]:
    return (f"{found.p50:.1f}", f"{found.max:.1f}") if found else ("-", "-")
