"""``semstream models``: the weights of networks, shipped and your own."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.table import Table

from stages.denoise.resident import NoWeights, weights_sha256
from streams.commands.options import AsJson, PipelineFile, check_instrument
from streams.commands.tables import table_console
from streams.errors import UsageError
from streams.instrument_weights import promote_for, undo_for
from streams.model_card import AdaptationCard
from streams.model_changes import ModelEvent, WeightsNamed, read_changes, record_of
from streams.pipeline_weights import promoted
from streams.weights import Weights, check, names_of, weights_of
from streams.wiring.process import utc_now

models = typer.Typer(name="models", help="The weights of networks: shipped, trained, adapted.", no_args_is_help=True)

Folder = Annotated[Path, typer.Option("--folder", help="Folder of weights of your own, where there is one.")]
Name = Annotated[str, typer.Argument(help="A shipped name, or a file.")]
Instrument = Annotated[str, typer.Option("--instrument", help="Id of the instrument, as the images bear it.")]
ChangedFile = Annotated[Path, typer.Option("--pipeline", help="Pipeline file that was changed.")]
TRAINED = Path("out/weights")


@models.command("list")
def list_models(*, folder: Folder = TRAINED, json: AsJson = False) -> None:
    """List the shipped weights and those of a folder; those that are wrong are told on stderr."""
    found: list[Weights] = []
    for name in names_of(folder):
        try:
            found.append(weights_of(name))
        except (NoWeights, OSError) as error:
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
    instrument: Annotated[
        str | None, typer.Option(help="Change the pipeline file for the images of this instrument only, recorded.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Pipeline file to write; a new one. Not with --instrument.")
    ] = None,
    pipeline: PipelineFile = None,
    candidate: Annotated[
        list[str] | None,
        typer.Option(help="Which network shall have them, as many as named; else all that can."),
    ] = None,
) -> None:
    """Give a network other weights: for all images in a copy of a pipeline file, or for those of one instrument.

    With --out: undone by going on with the old file. With --instrument: undone by semstream models undo. Results are
    kept either way, and nothing of them is computed again. Workers know of it when they are started again.

    Example: semstream models promote sem-1.safetensors --instrument sem-1 --pipeline site.toml
    """
    one = _weights_meant(weights)
    if instrument is not None:
        _promote_for(one, instrument, pipeline, out, candidate or [])
        return
    if out is None:
        raise UsageError("name a new pipeline file by --out, or an --instrument")
    done = promoted(pipeline, out, weights=one.path, candidates=candidate or [])
    for name, before in done.before.items():
        was, comes = weights_sha256(before)[:12], one.sha256[:12]
        typer.echo(f"candidate {name}: weights {before} ({was}) -> {done.after} ({comes})")
    for name, kept in done.left.items():
        typer.echo(f"candidate {name} keeps {kept}")
    typer.echo(
        f"pipeline {done.old.hash} -> {done.new.hash}, in {out}; to undo it, go on with {pipeline or 'the default'}"
    )


def _promote_for(one: Weights, instrument: str, pipeline: Path | None, out: Path | None, candidates: list[str]) -> None:
    check_instrument(instrument)
    if pipeline is None or out is not None:
        raise UsageError("--instrument changes the file that --pipeline names, and writes no other: leave --out out")
    _tell(promote_for(pipeline, one.path, instrument=instrument, candidates=candidates, now=utc_now()), pipeline)


@models.command("undo")
def undo_promotion(*, instrument: Instrument, pipeline: ChangedFile) -> None:
    """Give the images of an instrument the weights that they had before its last promotion; again: one further back.

    Refused where the file was changed by hand since, or the weights of before are not what they were.
    """
    check_instrument(instrument)
    now = utc_now()
    event = undo_for(pipeline, instrument=instrument, now=now)
    _tell(event, pipeline)
    if event.time != now:
        typer.echo(f"it was recorded at {event.time:%Y-%m-%d %H:%M} and is made now; once more goes one further back")


@models.command("history")
def history_of(*, pipeline: ChangedFile, json: AsJson = False) -> None:
    """List the promotions for single instruments, and what was undone, from the record beside a pipeline file."""
    events = read_changes(pipeline)
    if not events:
        typer.echo(
            f"nothing was promoted for a single instrument in {pipeline}: semstream models promote --instrument",
            err=True,
        )
    table = Table("time", "instrument", "what", "candidates", "weights before", "after", "pipeline")
    for event in events:
        change = event.data
        names = ", ".join(one.candidate for one in change.candidates)
        weights = (_named(change.candidates[0].before), _named(change.candidates[0].after))
        hashes = f"{(change.pipeline_before or '?')[:8]} -> {change.pipeline_after[:8]}"
        table.add_row(f"{event.time:%Y-%m-%d %H:%M}", event.subject, change.change.value, names, *weights, hashes)
    table_console().print(table, highlight=False)
    if json:
        typer.echo(orjson.dumps([event.model_dump(mode="json") for event in events]))


def _tell(event: ModelEvent, pipeline: Path) -> None:
    for one in event.data.candidates:
        typer.echo(f"{one.candidate} of images of {event.subject}: {_named(one.before)} -> {_named(one.after)}")
    before = event.data.pipeline_before or "(unreadable)"
    typer.echo(
        f"pipeline {before} -> {event.data.pipeline_after}, in {pipeline}; recorded in {record_of(pipeline)}; "
        "workers know of it when they are started again"
    )


def _named(weights: WeightsNamed | None) -> str:
    return "as any instrument's" if weights is None else f"{weights.weights} ({weights.sha256[:12]})"


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
