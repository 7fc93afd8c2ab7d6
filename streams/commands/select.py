"""``semstream select``: old images decided anew by another rule, to see what would change."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.table import Table

from streams.commands.ledger import OutFolder, ledger_meant
from streams.commands.options import AsJson, SettingsFile
from streams.commands.tables import table_console
from streams.errors import UsageError
from streams.kept_pipelines import last_kept
from streams.pipeline import load_pipeline
from streams.redecision import Decision, Undecided, load_rule, redecide
from streams.run_references import references_of_run

SHOWN = 20


@dataclass(frozen=True)
class Redecided:
    """All images that were asked about."""

    decisions: list[Decision]
    unknown: list[Undecided]

    @property
    def changed(self) -> list[Decision]:
        """Those of which another candidate is chosen."""
        return [decision for decision in self.decisions if decision.changed]


def select(
    *,
    rule: Annotated[Path, typer.Option(help="TOML file with a table named selector: the rule to try.")],
    query: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="SQL query of the ledger with a column image_id: the images meant; all when omitted.",
        ),
    ] = None,
    pipeline: Annotated[
        Path | None,
        typer.Option(help="Pipeline file; the one that worked last in OUT, else the default one, when omitted."),
    ] = None,
    out: OutFolder = None,
    settings: SettingsFile = None,
    json: AsJson = False,
) -> None:
    """Decide old images anew by another rule, from the scores in the ledger alone, and show what would change.

    Nothing is computed and nothing is written. --pipeline names the pipeline that made the scores; what it would select
    for good is a replay: semstream replay --shadow --pipeline.

    Example: semstream select --rule strict.toml --from "select image_id from selection where chosen = 'unet'"
    """
    chosen = load_rule(rule)
    with ledger_meant(out, settings) as found:
        stages = load_pipeline(pipeline or (last_kept(found.state) if found.state else None)).stages
        names = found.questions.images(query)
        answers = list(redecide(stages, chosen, names, found.ledger.bodies, references_of_run(found.state)))
    if not answers:
        raise UsageError(f"the ledger {found.place} has no selected image that is meant; semstream jobs --state done")
    result = Redecided(
        [answer for answer in answers if isinstance(answer, Decision)],
        [answer for answer in answers if isinstance(answer, Undecided)],
    )
    if not result.decisions:
        raise UsageError(
            f"{len(answers)} images are meant, and the ledger has no scores of any under this pipeline (first missing: "
            f"{result.unknown[0].missing}); name the one that made them by --pipeline"
        )
    if json:
        typer.echo(orjson.dumps(_figures(result)))
        return
    _print(result)


def _figures(result: Redecided) -> dict[str, object]:
    return {
        "images": len(result.decisions) + len(result.unknown),
        "unknown": len(result.unknown),
        "changed": [
            {
                "image_id": one.name.image_id,
                "version": one.name.version,
                "source_name": one.name.source_name,
                "before": one.before.model_dump(mode="json"),
                "after": one.after.model_dump(mode="json"),
                "gain_db": one.gain and one.gain.db,
            }
            for one in result.changed
        ],
    }


def _print(result: Redecided) -> None:
    typer.echo(f"{len(result.decisions)} images decided anew from their scores: {len(result.changed)} change")
    if result.unknown:
        typer.echo(f"{len(result.unknown)} more have no scores under this pipeline, or a reference")
    if not result.changed:
        return
    counts = Table("from", "to", "images")
    for (before, after), number in Counter((d.before.chosen, d.after.chosen) for d in result.changed).most_common():
        counts.add_row(before, after, str(number))
    console = table_console()
    console.print(counts)
    table = Table("image", "name", "from", "to", "gain, dB", "why")
    for one in result.changed[:SHOWN]:
        gain = "" if one.gain is None else str(one.gain)
        choice = (one.before.chosen, one.after.chosen)
        table.add_row(one.name.image_id[:12], one.name.source_name, *choice, gain, one.after.reason)
    console.print(table)
    if len(result.changed) > SHOWN:
        typer.echo(f"the first {SHOWN} of {len(result.changed)}; --json has all")
