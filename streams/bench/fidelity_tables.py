"""What is known of restorations, as a person reads it."""

from rich.console import Console
from rich.table import Table

from streams.bench.denoisers import DenoiserFigures
from streams.bench.failures import NEAR_DB, Duel, FailureFigures, NetworkFailures, Picks
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


def print_failures(console: Console, figures: FailureFigures) -> None:
    """Print where each network is beaten, what was chosen there, and what selecting without networks comes to."""
    for network in figures.networks:
        console.print(_duels(network, figures.rival))
    titles = (
        "selected from",
        "PSNR, dB",
        "best of it, dB",
        "regret, dB",
        f"share better by {NEAR_DB} dB",
        "at most, dB",
    )
    table = Table(*titles, title=f"{figures.images} fields")
    for pool, one in figures.pools.items():
        values = (one.psnr, one.best_psnr, one.regret)
        table.add_row(pool, *(f"{value:.2f}" for value in values), f"{one.better:.1%}", f"{one.better_db:.2f}")
    console.print(table)


def _duels(network: NetworkFailures, rival: str) -> Table:
    """Every condition, and of all together those in which the network loses half of the images and more."""
    near = f"within {NEAR_DB} dB"
    titles = (
        "fields",
        f"above {rival}, dB",
        "least",
        "lost",
        "right",
        near,
        f"{rival} where lost",
        "right there",
        near,
    )
    table = Table("", *titles, title=f"{network.network} against {rival}")
    for group in (*network.by.values(), _beaten(network)):
        for value, duel in group.items():
            table.add_row(value, *_duel(duel, rival))
        table.add_section()
    table.add_row("all", *_duel(network.every, rival))
    return table


def _beaten(network: NetworkFailures) -> dict[str, Duel]:
    return {label: duel for label, duel in network.together.items() if duel.lost >= 0.5}


def _duel(duel: Duel, rival: str) -> tuple[str, ...]:
    there = duel.picks_where_lost
    named = f"{there.chosen.get(rival, 0)} of {there.images}" if there else ""
    gains = (f"{duel.gain_db:+.2f}", f"{duel.worst_db:+.2f}", f"{duel.lost:.0%}")
    return (str(duel.picks.images), *gains, *_picks(duel.picks), named, *_picks(there))


def _picks(picks: Picks | None) -> tuple[str, str]:
    return (f"{picks.right:.0%}", f"{picks.near:.0%}") if picks else ("", "")


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
    table = Table("share to be scored", "pixels scored", "time, of the candidates' own", "regret, dB: mean (p95)")
    for share, cost in figures.shares.items():
        table.add_row(share, f"{cost.scored:.1%}", f"{cost.of_compute:.2f}", _regret(cost.regret))
    console.print(table)
