"""``semstream bench``: measure the product."""

from collections.abc import Sequence
from importlib import import_module

import typer

MODULES = {
    "fidelity": "faithful",
    "denoisers": "faithful",
    "judging": "faithful",
    "gallery": "faithful",
    "guards": "guards",
    "inference": "networks",
    "training": "networks",
    "efficiency": "embedded",
    "endurance": "embedded",
    "execution": "embedded",
    "telemetry": "embedded",
    "ledger": "services",
    "latency": "services",
    "replay": "services",
    "live-load": "services",
    "modes": "services",
    "overlap": "services",
    "rebalance": "services",
    "trends": "services",
    "users": "load",
    "throughput": "load",
    "utilisation": "load",
    "io": "load",
    "chaos": "chaos",
}
"""The benchmarks, and where each stands."""


def bench(arguments: Sequence[str]) -> typer.Typer:
    """Return the benchmarks, or the one that is called alone: what one does not need shall not be in its memory."""
    group = typer.Typer(name="bench", help="Measure how faithful and how fast it is.", no_args_is_help=True)
    for name in [name for name in MODULES if name in arguments[:1]] or MODULES:
        module = import_module(f"streams.commands.bench.{MODULES[name]}")
        group.command(name)(getattr(module, name.replace("-", "_")))
    return group
