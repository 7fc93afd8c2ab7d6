"""``semstream bench chaos``: what is left of the images when everything goes wrong."""

import shutil
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from deploy.local.programs import Programs, StackError
from streams.bench.chaos.faults.catalogue import CATALOGUE
from streams.bench.chaos.figures import ChaosFigures
from streams.bench.chaos.run import Broken, Plan, run_chaos
from streams.bench.chaos.script import script_of
from streams.bench.chaos.table import print_chaos
from streams.commands.interrupts import unwinding_signals
from streams.commands.options import AsJson
from streams.errors import UsageError

PROGRAMS = Path(".stack") / "programs"


def chaos(
    *,
    seed: Annotated[int, typer.Option(help="All that goes wrong, and when, follows from it.")] = 1,
    seeds: Annotated[int, typer.Option(min=1, help="So many runs, with this seed and those that follow.")] = 1,
    images: Annotated[int, typer.Option(min=20, help="Images of 128 x 128 px a run.")] = 1000,
    rounds: Annotated[int, typer.Option(min=1, help="How often something goes wrong in a run.")] = 20,
    programs: Annotated[Path, typer.Option(help="Folder of the programs that make up has fetched.")] = PROGRAMS,
    work: Annotated[Path | None, typer.Option(help="Where to run; a temporary folder when omitted.")] = None,
    out: Annotated[
        Path | None, typer.Option(help="File of JSON lines for the results; seeds that stand there are not run again.")
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep logs and data even where everything holds.")] = False,
    json: AsJson = False,
) -> None:
    """Kill, freeze, cut, fill and mislead servers and workers of its own mid-stream, and count what came of the images.

    Exit codes: 0 nothing lost, doubled or otherwise wrong; 1 something was, and the folder with all logs is kept.
    """
    console = Console(stderr=True)
    done = _results(out)
    if work is not None:
        work.mkdir(parents=True, exist_ok=True)
    for number in range(seed, seed + seeds):
        if number in done:
            continue
        plan = Plan(number, images, script_of(number, CATALOGUE, rounds=rounds), Programs(programs.resolve()))
        folder = Path(tempfile.mkdtemp(prefix=f"semstream-chaos-{number}-", dir=work))
        done[number] = _run(plan, folder, console)
        if out is not None:
            with out.open("ab") as file:
                file.write(done[number].to_json() + b"\n")
        if done[number].holds and not keep:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            console.print(f"kept: {folder}; again: {_again(plan)}", highlight=False, soft_wrap=True)
        if json:
            print(done[number].to_json().decode(), flush=True)  # noqa: T201 - the interface
    wanted = [done[number] for number in range(seed, seed + seeds)]
    print_chaos(console, wanted)
    raise typer.Exit(0 if all(figures.holds for figures in wanted) else 1)


def _results(out: Path | None) -> dict[int, ChaosFigures]:
    if out is None or not out.exists():
        return {}
    return {one.seed: one for one in map(ChaosFigures.from_json, out.read_text(encoding="utf-8").splitlines())}


def _run(plan: Plan, folder: Path, console: Console) -> ChaosFigures:
    console.print(f"seed {plan.seed}: {plan.images} images, {len(plan.script)} rounds, in {folder}", highlight=False)
    try:
        with unwinding_signals():
            return run_chaos(plan, folder, lambda line: console.print(line, highlight=False, markup=False))
    except (StackError, Broken) as error:
        raise UsageError(
            f"seed {plan.seed} could not be run to its end: {error}; logs: {folder}; again: {_again(plan)}"
        ) from error


def _again(plan: Plan) -> str:
    return f"semstream bench chaos --seed {plan.seed} --images {plan.images} --rounds {len(plan.script)}"
