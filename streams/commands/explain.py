"""``semstream explain``: why a candidate was selected, in words and numbers."""

from collections.abc import Sequence
from math import log10
from typing import Annotated

import orjson
import typer
from rich.table import Table

from schemas.events import ImageEvent
from stages.selector import Selector
from stages.selector.judged import Judged
from streams.commands.ledger import OutFolder, ledger_meant
from streams.commands.options import AsJson, PipelineFile, SettingsFile, image_meant
from streams.commands.tables import table_console
from streams.errors import UsageError
from streams.pipeline import load_pipeline
from streams.ports import Settlement
from streams.recollection import ImageName, Recollection, recollect
from streams.redecision import Account, accounts, decided


def explain(
    image: Annotated[
        str, typer.Argument(help="A file, an image id (or its beginning), or a name as it was published.")
    ],
    *,
    pipeline: PipelineFile = None,
    out: OutFolder = None,
    settings: SettingsFile = None,
    json: AsJson = False,
) -> None:
    """Tell why a candidate of an image was selected: each one's estimated error beside the chosen one's, and vetoes.

    Everything comes from the ledger; --pipeline names the pipeline that selected, where it is not the default one.
    """
    stages = load_pipeline(pipeline).stages
    rule = next((stage for stage in stages if isinstance(stage, Selector)), None)
    if rule is None:
        raise UsageError("the pipeline has no stage that selects; add stages.selector:Selector to its path")
    with ledger_meant(out, settings) as found:
        _, settlements = found.ledger.history(image_meant(image))
        if not settlements:
            raise UsageError(f"the ledger {found.place} knows no image '{image}'; semstream show says more")
        known = recollect(stages, _names(settlements), found.ledger.bodies)
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
                "estimated_error": account.candidate.score,
                "more_than_chosen": account.more,
                "standard_error": account.error,
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
    typer.echo(
        f"rule {selection.rule}: the lowest estimated error wins; of those within {rule.standard_errors:g} standard "
        f"errors of it and {rule.tolerance_db:g} dB, the one that took the least away"
    )
    if decided(event, rule).chosen != selection.chosen:
        typer.echo(f"this version of the rule would choose {decided(event, rule).chosen}: semstream select shows more")
    seen = accounts(event, rule)
    if seen:
        table_console().print(_table(seen, event))


def _table(seen: Sequence[Account], event: ImageEvent) -> Table:
    table = Table("candidate", "error, % rms", "more than the chosen, dB", "standard errors", "removed", "vetoed")
    chosen = next(account.candidate for account in seen if account.more == 0 and account.error == 0)
    for account in seen:
        one, apart = account.candidate, abs(account.more) / account.error if account.error > 0 else None
        table.add_row(
            one.name,
            f"{100 * one.score**0.5:.3f}" if one.score > 0 else "below nothing",
            _decibels(one, chosen),
            "" if apart is None else f"{apart:.1f}",
            "" if one.removed is None else f"{one.removed:.2f}",
            account.veto or "",
        )
    for candidate in event.candidates:
        if candidate.skipped:
            table.add_row(candidate.name, candidate.skipped)
    return table


def _decibels(one: Judged, chosen: Judged) -> str:
    return f"{10 * log10(one.score / chosen.score):+.2f}" if one.score > 0 and chosen.score > 0 else ""
