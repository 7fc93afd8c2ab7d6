"""What is known of restorations, as a person reads it."""

from rich.console import Console
from rich.table import Table

from streams.bench.denoisers import DenoiserFigures
from streams.bench.judging import Judging
from streams.bench.results import Fidelity, KindSummary, Regret, Summary


def print_fidelity(console: Console, summary: Summary) -> None:
    """Print a table a kind, best method first, and the regret."""
    for kind, figures in summary.kinds.items():
        console.print(_table(kind, figures))
    if summary.criteria:
        console.print(_criteria(summary))
    regret, below = summary.regret, summary.below_raw
    console.print(
        f"regret against the best candidate of each image: mean {regret.mean:.2f} dB, 95 % below {regret.p95:.2f} dB; "
        f"{below or 'no'} selection{'s' * (below > 1)} worse than the raw frame; {summary.flagged} flagged",
        highlight=False,
    )


def _table(kind: str, figures: KindSummary) -> Table:
    table = Table("", "PSNR, dB", "SSIM", "seconds", "selected", "best", title=f"{kind}: {figures.fields} fields")
    for name, method in [("raw", figures.noisy), *sorted(figures.methods.items(), key=lambda item: -item[1].psnr)]:
        counts = (str(counted.get(name, "")) for counted in (figures.chosen, figures.best))
        _row(table, name, method, *counts)
    table.add_section()
    _row(table, "selected", figures.selected)
    _row(table, "oracle", figures.oracle)
    return table


def _row(table: Table, name: str, frame: Fidelity, *counts: str) -> None:
    table.add_row(name, f"{frame.psnr:.2f}", f"{frame.ssim:.3f}", f"{frame.seconds:.3f}", *counts)


def _criteria(summary: Summary) -> Table:
    """Mean regret and its 95th percentile, dB: a row a criterion, a column a kind, all of them last."""
    table = Table("regret, dB: mean (p95)", *summary.kinds, "all")
    ours = [*(kind.regret for kind in summary.kinds.values()), summary.regret]
    table.add_row("ours", *map(_regret, ours), end_section=True)
    for name in summary.criteria:
        rivals = [*(kind.criteria.get(name) for kind in summary.kinds.values()), summary.criteria[name]]
        table.add_row(name, *map(_regret, rivals))
    table.add_section()
    for method, psnr in [("selected, mean dB", summary.selected_psnr), *summary.methods_psnr.items()]:
        table.add_row(method, *("" for _ in summary.kinds), f"{psnr:.2f}")
    return table


def _regret(regret: Regret | None) -> str:
    return f"{regret.mean:.2f} ({regret.p95:.2f})" if regret else ""


def print_denoisers(console: Console, figures: DenoiserFigures) -> None:
    """Print BM3D beside the package, the candidates, and what large frames cost."""
    kinds = list(next(iter(figures.bm3d.values())).kinds_psnr)
    titles = ("", *(f"{kind}, dB" for kind in kinds), "mean, dB", "against the package, dB", "s", "times as fast")
    table = Table(*titles, title=f"{figures.fields} fields, one core")
    for name, one in [*((f"bm3d {name}", one) for name, one in figures.bm3d.items()), *figures.methods.items()]:
        beside = "" if one.psnr_delta is None else f"{one.psnr_delta:+.3f}"
        times = "" if one.speedup is None else f"{one.speedup:.1f}"
        by_kind = (f"{one.kinds_psnr[kind]:.2f}" for kind in kinds)
        table.add_row(name, *by_kind, f"{one.psnr:.2f}", beside, f"{one.seconds:.2f}", times)
    console.print(table)
    costs = Table("pure noise", *next(iter(figures.costs.values())), title="seconds, MiB more")
    for name, sizes in figures.costs.items():
        costs.add_row(f"bm3d {name}", *(f"{cost.seconds:.2f}, {cost.memory_mib:.0f}" for cost in sizes.values()))
    console.print(costs)


def print_judging(console: Console, figures: Judging) -> None:
    """Print how stable choices are, and what judging with a share of the frame takes and loses."""
    stable = figures.stability
    console.print(
        f"{stable.images} images judged with {stable.draws} noise draws each: {stable.same:.1%} choose the same, "
        f"{stable.alike:.1%} that or one within 0.1 dB (the least stable image {stable.least_alike:.0%}); "
        f"{figures.left_out} left out, whose noise follows no law",
        highlight=False,
    )
    table = Table("share of the frame scored", "time, of the candidates' own", "regret, dB: mean (p95)")
    for share, cost in figures.shares.items():
        table.add_row(share, f"{cost.of_compute:.2f}", _regret(cost.regret))
    console.print(table)
