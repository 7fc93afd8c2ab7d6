"""``semstream show``: everything the ledger knows of an image."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from schemas.model import Record
from schemas.scores import Candidate, Scoring, Selection
from streams.errors import UsageError
from streams.ports import OutcomeRow, Settlement, State
from streams.session import STATE
from streams.wiring import open_ledger


def show(
    image: Annotated[
        str, typer.Argument(help="A file, an image id (or its beginning), or a name as it was published.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the run.")] = Path("out"),
) -> None:
    """Tell the whole story of one image: how each stage answered, every candidate, and what was selected why."""
    ledger = open_ledger(out / STATE)
    path = Path(image)
    wanted = hashlib.sha256(path.read_bytes()).hexdigest()[:32] if path.is_file() else image
    outcomes, settlements = ledger.history(wanted)
    ledger.close()
    if not settlements:
        raise UsageError(f"the ledger of {out} knows no image '{image}'; give a file, an image id or a published name")
    console = Console()
    for image_id in dict.fromkeys(settlement.image_id for settlement in settlements):
        console.print(f"[bold]image {image_id}[/bold]", highlight=False)
        console.print(_answers([s for s in settlements if s.image_id == image_id]))
        _print_outcomes(console, [row for row in outcomes if row.key.startswith(f"{image_id}:")])


def _answers(settlements: Sequence[Settlement]) -> Table:
    table = Table("settled at (UTC)", "name", "stage", "lane", "pipeline", "attempt", "answer", title="Answers")
    for settled in settlements:
        answer = f"computed {', '.join(settled.computed)}" if settled.computed else "from outcomes"
        if settled.state is State.REJECTED:
            answer = f"[red]rejected: {escape(settled.reason or '')}[/red]"
        time = f"{settled.settled_at:%Y-%m-%d %H:%M:%S}"
        identity = settled.id
        table.add_row(
            time,
            escape(settled.source_name),
            identity.stage,
            identity.lane,
            identity.pipeline,
            str(identity.attempt),
            answer,
        )
    return table


def _print_outcomes(console: Console, rows: Sequence[OutcomeRow]) -> None:
    candidates = Table("stage", "candidate", "config hash", "rms error, % of full scale", "seconds", title="Candidates")
    for row in rows:
        stage = row.key.split(":")[2]
        record = _record(row)
        if isinstance(record, Candidate):
            risk = record.skipped or "-"
            if record.risk is not None:
                risk = f"{100 * max(record.risk.value, 0) ** 0.5:.2f}"
            candidates.add_row(stage, record.name, record.config_hash[:12], escape(risk), f"{record.seconds:.3f}")
        elif isinstance(record, Scoring):
            console.print(f"noise: {record.noise.model_dump_json()}", highlight=False, markup=False)
        elif isinstance(record, Selection):
            flags = f" [{', '.join(record.flags)}]" if record.flags else ""
            console.print(f"selected: {record.chosen} by {record.rule}: {record.reason}{flags}", markup=False)
        else:
            console.print(f"{stage}: {row.body.decode()}", highlight=False, markup=False)
    if candidates.row_count:
        console.print(candidates)


def _record(row: OutcomeRow) -> Record:
    kinds: dict[str, type[Record]] = {
        "filter": Candidate,
        "denoise": Candidate,
        "metrics": Scoring,
        "selector": Selection,
    }
    return kinds.get(row.key.split(":")[2], Record).from_json(row.body)
