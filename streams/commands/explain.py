"""``semstream explain``: why a candidate was selected, in words and numbers."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.table import Column, Table

from schemas.events import ImageEvent
from stages.selector import Selector
from stages.selector.claims import bound_above_a_number
from stages.selector.reasons import standard_errors
from streams.commands.ledger import OutFolder, ledger_meant
from streams.commands.options import AsJson, SettingsFile, image_meant
from streams.commands.tables import table_console
from streams.errors import UsageError
from streams.kept_pipelines import kept
from streams.pipeline import load_pipeline
from streams.ports import Settlement
from streams.recollection import ImageName, Recollection, recollect
from streams.redecision import Account, accounts, decided
from streams.run_references import references_of_run


def explain(
    image: Annotated[
        str, typer.Argument(help="A file, an image id (or its beginning), or a name as it was published.")
    ],
    *,
    pipeline: Annotated[
        Path | None,
        typer.Option(help="Pipeline file; the one that selected last in OUT, else the default one, when omitted."),
    ] = None,
    out: OutFolder = None,
    settings: SettingsFile = None,
    json: AsJson = False,
) -> None:
    """Tell why a candidate of an image was selected: each one's estimated error beside the chosen one's, and vetoes.

    Everything comes from the ledger. An output folder knows the pipeline that selected last; elsewhere --pipeline names
    it, where it is not the default one.
    """
    with ledger_meant(out, settings) as found:
        _, settlements = found.ledger.history(image_meant(image))
        if not settlements:
            raise UsageError(f"the ledger {found.place} knows no image '{image}'; semstream show says more")
        stages = load_pipeline(pipeline or _last_pipeline(found.state, settlements)).stages
        rule = next((stage for stage in stages if isinstance(stage, Selector)), None)
        if rule is None:
            raise UsageError("the pipeline has no stage that selects; add stages.selector:Selector to its path")
        known = recollect(stages, _names(settlements), found.ledger.bodies, references_of_run(found.state))
    complete = [one for one in known if one.missing is None]
    if not complete:
        raise UsageError(
            f"the ledger has no outcome of stage '{known[0].missing}' of this image under this pipeline; name the one "
            "that selected it by --pipeline"
        )
    if json:
        typer.echo(orjson.dumps([_figures(one, rule) for one in complete]))
        return
    for one in complete:
        _print(one, rule)


def _last_pipeline(state: Path | None, settlements: Sequence[Settlement]) -> Path | None:
    """Return the file of the pipeline that selected last, where an output folder keeps it."""
    selected = [settlement.id.pipeline for settlement in settlements if settlement.id.stage == Selector.name]
    return kept(state, selected[-1]) if state and selected else None


def _names(settlements: Sequence[Settlement]) -> list[ImageName]:
    return sorted({ImageName(s.image_id, s.version, s.source_name) for s in settlements})


def _figures(one: Recollection, rule: Selector) -> dict[str, object]:
    selection = one.event.selection
    return {
        "image_id": one.name.image_id,
        "version": one.name.version,
        "source_name": one.name.source_name,
        "selection": selection and selection.model_dump(mode="json"),
        "candidates": [
            {
                "name": account.candidate.name,
                "estimated_error": account.error.value,
                "estimated_error_se": account.error.se,
                "more_than_chosen": account.apart.more,
                "standard_error": account.apart.error,
                "residual_energy": account.candidate.removed,
                "veto": account.veto,
            }
            for account in accounts(one.event, rule)
        ],
    }


def _print(one: Recollection, rule: Selector) -> None:
    event, selection = one.event, one.event.selection
    assert selection is not None  # noqa: S101 - the selector's outcome is there
    typer.echo(f"image {one.name.image_id}  {one.name.source_name}")
    typer.echo(f"selected {selection.chosen}: {selection.reason}")
    for flag in selection.flags:
        typer.echo(f"FLAG: {flag}")
    within = standard_errors(f"{rule.standard_errors:g}")
    typer.echo(
        f"rule {selection.rule}: the lowest estimated error wins; of those within {within} of it "
        f"and {rule.tolerance_db:g} dB, the one that took the least away"
    )
    if decided(event, rule).chosen != selection.chosen:
        typer.echo(f"this version of the rule would choose {decided(event, rule).chosen}: semstream select shows more")
    seen = accounts(event, rule)
    if seen:
        table_console().print(_table(seen, event))
    if bound_above_a_number(account.error for account in seen):
        typer.echo(
            "an error after < is an upper end, and may be larger than the number of a worse candidate: which is better "
            "is told by the standard errors, for both were judged on the same pixels"
        )


def _table(seen: Sequence[Account], event: ImageEvent) -> Table:
    error = Column("error, % of full scale rms", no_wrap=True)
    table = Table("candidate", error, "more than the chosen, dB", "standard errors", "removed", "vetoed")
    for account in seen:
        one, apart = account.candidate, account.apart
        is_chosen = event.selection is not None and one.name == event.selection.chosen
        table.add_row(
            one.name,
            str(account.error),
            "" if is_chosen or account.behind is None else str(account.behind),
            "" if apart.error == 0 else f"{apart.errors_apart:.1f}",
            "" if one.removed is None else f"{one.removed:.2f}",
            account.veto or "",
        )
    for candidate in event.candidates:
        if candidate.skipped:
            table.add_row(candidate.name, candidate.skipped)
    return table
