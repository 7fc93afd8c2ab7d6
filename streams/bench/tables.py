"""The benchmark's figures as a person reads them."""

from rich.console import Console
from rich.table import Table

from streams.bench.results import Fidelity, KindSummary, Summary


def print_fidelity(console: Console, summary: Summary) -> None:
    """Print a table a kind, best method first, and the regret."""
    for kind, figures in summary.kinds.items():
        console.print(_table(kind, figures))
    regret, below = summary.regret, summary.below_raw
    console.print(
        f"regret against the best candidate of each image: mean {regret.mean:.2f} dB, 95 % below {regret.p95:.2f} dB; "
        f"{below or 'no'} selection{'s' * (below > 1)} worse than the raw frame; {summary.flagged} flagged",
        highlight=False,
    )


def _table(kind: str, figures: KindSummary) -> Table:
    table = Table("", "PSNR, dB", "SSIM", "seconds", "selected", title=f"{kind}: {figures.fields} fields")
    _row(table, "noisy", figures.noisy, str(figures.chosen.get("raw", "")))
    for name, method in sorted(figures.methods.items(), key=lambda item: -item[1].psnr):
        _row(table, name, method, str(figures.chosen.get(name, "")))
    table.add_section()
    _row(table, "selected", figures.selected)
    _row(table, "oracle", figures.oracle)
    return table


def _row(table: Table, name: str, frame: Fidelity, chosen: str = "") -> None:
    table.add_row(name, f"{frame.psnr:.2f}", f"{frame.ssim:.3f}", f"{frame.seconds:.3f}", chosen)
