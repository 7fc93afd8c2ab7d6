"""``semstream models``: the weights of networks, shipped and your own."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.table import Table

from stages.denoise.resident import NoWeights, weights_sha256
from streams.commands.options import AsJson, PipelineFile
from streams.commands.tables import table_console
from streams.errors import UsageError
from streams.model_card import AdaptationCard
from streams.pipeline_weights import promoted
from streams.weights import Weights, check, names_of, weights_of

models = typer.Typer(name="models", help="The weights of networks: shipped, trained, adapted.", no_args_is_help=True)

Folder = Annotated[Path, typer.Option("--folder", help="Folder of weights of your own, where there is one.")]
Name = Annotated[str, typer.Argument(help="A shipped name, or a file.")]
TRAINED = Path("out/weights")


@models.command("list")
def list_models(*, folder: Folder = TRAINED, json: AsJson = False) -> None:
    """List the shipped weights and those of a folder; those that are wrong are told on stderr."""
    found: list[Weights] = []
    for name in names_of(folder):
        try:
            found.append(weights_of(name))
        except NoWeights as error:
            typer.echo(f"{name}: {error}", err=True)
    table = Table("weights", "network", "parameters", "MB", "sha256", "origin", "risk before and after")
    for one in found:
        size = f"{one.size_bytes / 1e6:.1f}"
        table.add_row(one.name, _network(one), f"{one.parameters:,}", size, one.sha256[:12], one.origin, _risk(one))
    table_console().print(table, highlight=False)
    if json:
        typer.echo(orjson.dumps([_figures(one) for one in found]))


@models.command("show")
def show_model(weights: Name, *, json: AsJson = False) -> None:
    """Show what weights are and what their card says."""
    one = _weights_meant(weights)
    table = Table.grid(padding=(0, 2))
    for name, value in _facts(one).items():
        table.add_row(name, value)
    table_console().print(table, highlight=False)
    if isinstance(one.card, AdaptationCard):
        typer.echo(f"\n{one.card.model_dump_json(indent=2)}")
    elif one.card:
        typer.echo(f"\n{one.card}")
    if json:
        typer.echo(orjson.dumps(_figures(one)))


@models.command("verify")
def verify_models(
    weights: Annotated[list[str] | None, typer.Argument(help="Shipped names or files; all when omitted.")] = None,
    *,
    folder: Folder = TRAINED,
    json: AsJson = False,
) -> None:
    """Check that weights load, are finite, and have the sha256 that they are pinned to; one line for each.

    Shipped ones are pinned by the program, adapted ones by their card. Exit codes: 0 all are well, 1 some are not.
    """
    checked = [check(name) for name in weights or names_of(folder)]
    for one in checked:
        typer.echo(f"{'well ' if one.well else 'WRONG'}  {one.name}  {one.said}")
    if json:
        typer.echo(orjson.dumps([asdict(one) for one in checked]))
    raise typer.Exit(0 if all(one.well for one in checked) else 1)


@models.command("promote")
def promote_model(
    weights: Name,
    *,
    out: Annotated[Path, typer.Option("--out", "-o", help="Pipeline file to write; a new one.")],
    pipeline: PipelineFile = None,
    candidate: Annotated[
        str | None, typer.Option(help="Which network's place they take, if there are several.")
    ] = None,
) -> None:
    """Write a copy of a pipeline file in which a network has these weights, and say what changed.

    Undone by going on with the old file: its results are kept, and nothing of them is computed again.
    """
    one = _weights_meant(weights)
    done = promoted(pipeline, out, weights=one.path, candidate=candidate)
    before = weights_sha256(done.before)[:12]
    typer.echo(f"candidate {done.candidate}: weights {done.before} ({before}) -> {done.after} ({one.sha256[:12]})")
    typer.echo(
        f"pipeline {done.old.hash} -> {done.new.hash}, in {out}; to undo it, go on with {pipeline or 'the default'}"
    )


def _weights_meant(name: str) -> Weights:
    try:
        return weights_of(name)
    except NoWeights as error:
        raise UsageError(str(error)) from error


def _network(weights: Weights) -> str:
    return f"{'-'.join(map(str, weights.widths))}, {weights.blocks} blocks"


def _risk(weights: Weights) -> str:
    if not isinstance(weights.card, AdaptationCard):
        return ""
    risk = weights.card.risk
    return f"{risk.before:.4f} {risk.after:.4f} ± {risk.se:.4f}"


def _facts(weights: Weights) -> dict[str, str]:
    return {
        "weights": weights.name,
        "file": str(weights.path),
        "network": _network(weights),
        "parameters": f"{weights.parameters:,}",
        "bytes": f"{weights.size_bytes:,}",
        "sha256": weights.sha256,
        "origin": weights.origin,
    }


def _figures(weights: Weights) -> dict[str, object]:
    card = weights.card.model_dump(mode="json") if isinstance(weights.card, AdaptationCard) else weights.card
    return {**asdict(weights), "path": str(weights.path), "origin": weights.origin, "card": card}
