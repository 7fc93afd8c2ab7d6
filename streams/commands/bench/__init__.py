"""``semstream bench``: measure the product."""

import typer

from streams.commands.bench.chaos import chaos
from streams.commands.bench.embedded import efficiency, endurance, execution, telemetry
from streams.commands.bench.faithful import denoisers, fidelity, gallery, judging
from streams.commands.bench.guards import guards
from streams.commands.bench.services import latency, ledger, live_load, modes, overlap, rebalance, replay

bench = typer.Typer(name="bench", help="Measure how faithful and how fast it is.", no_args_is_help=True)
for command in (
    fidelity,
    denoisers,
    judging,
    gallery,
    guards,
    efficiency,
    endurance,
    execution,
    telemetry,
    ledger,
    latency,
    replay,
    live_load,
    modes,
    overlap,
    rebalance,
    chaos,
):
    bench.command()(command)
