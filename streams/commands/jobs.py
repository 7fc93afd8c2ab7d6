"""``semstream jobs``: single deliveries, by how they ended."""

from collections.abc import Sequence
from dataclasses import asdict
from enum import StrEnum
from typing import Annotated

import orjson
import typer

from streams.commands.ledger import OutFolder, ledger_meant
from streams.commands.options import AsJson, SettingsFile, Since, time_of
from streams.ports import Settlement, SettlementId, State
from streams.questions import Questions, Search, Suspect


class JobState(StrEnum):
    """How a delivery ended."""

    FAILED = "failed"
    DONE = "done"
    SUSPECT = "suspect"
    """It was in the hands of a worker that died."""


def jobs(
    state: Annotated[JobState, typer.Option(help="How the deliveries ended.")] = JobState.FAILED,
    *,
    since: Since = None,
    stage: Annotated[str | None, typer.Option(help="Only those of this stage.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at the most.")] = 100,
    out: OutFolder = None,
    settings: SettingsFile = None,
    json: AsJson = False,
) -> None:
    """List deliveries that failed (or are done, or suspected of killing workers), the newest first.

    What failed and was retried is listed as the latest attempt ended: where that is done, as done only.
    """
    search = Search(time_of(since), stage, limit)
    with ledger_meant(out, settings) as found:
        rows = _found(found.questions, state, search)
    if json:
        typer.echo(orjson.dumps({"ledger": found.place, "jobs": [asdict(row) for row in rows]}))
        return
    if not rows:
        when = f" since {search.since:%Y-%m-%d %H:%M} UTC" if search.since else ""
        typer.echo(
            f"none {state.value}{when}, says the ledger {found.place}; messages that are no image's: dlq list", err=True
        )
    for row in rows:
        typer.echo(_suspect(row) if isinstance(row, Suspect) else _answer(row))
    if len(rows) == limit:
        typer.echo(f"the newest {limit}; --limit shows more", err=True)


def _found(questions: Questions, state: JobState, search: Search) -> Sequence[Settlement | Suspect]:
    if state is JobState.SUSPECT:
        return questions.suspects(search)
    return questions.answered(State.DONE if state is JobState.DONE else State.REJECTED, search)


def _answer(row: Settlement) -> str:
    how = row.reason if row.state is State.REJECTED else row.chosen or "done"
    return f"{row.settled_at:%Y-%m-%d %H:%M:%S}  {_place(row.id)}  {row.source_name}  {row.image_id}  {how}"


def _suspect(row: Suspect) -> str:
    deaths = f"{row.deaths} {'death' if row.deaths == 1 else 'deaths'}"
    name = f"{row.source_name}  {row.image_id}" if row.source_name else f"acquisition {row.id.acquisition_id}"
    return f"{row.last_death_at:%Y-%m-%d %H:%M:%S}  {_place(row.id)}  {name}  {deaths}"


def _place(identity: SettlementId) -> str:
    attempt = f" attempt {identity.attempt}" if identity.attempt > 1 else ""
    return f"{identity.lane} {identity.stage}{attempt}"
