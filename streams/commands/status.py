"""``semstream status``: how a ledger stands."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime

import orjson
import typer
from rich.table import Table

from streams.commands.ledger import OutFolder, ledger_meant
from streams.commands.options import AsJson, SettingsFile
from streams.commands.tables import table_console
from streams.questions import LaneStanding, StageStanding, Standing
from streams.wiring.process import utc_now


def status(out: OutFolder = None, *, settings: SettingsFile = None, json: AsJson = False) -> None:
    """Say what each stage has settled, how fast, what failed, and which candidates were selected."""
    with ledger_meant(out, settings) as found:
        standing = found.questions.standing(utc_now())
    if json:
        typer.echo(orjson.dumps({"ledger": found.place, **asdict(standing)}))
        return
    console = table_console()
    console.print(f"ledger {found.place}, {standing.at:%Y-%m-%d %H:%M:%S} UTC", highlight=False, markup=False)
    for lane in standing.lanes:
        for line in _told(lane):
            console.print(line, highlight=False, markup=False)
    if not standing.lanes:
        console.print("no stage has answered for an image; a folder's failures are in its deadletters.jsonl")
        return
    console.print(_table(standing))


def _told(lane: LaneStanding) -> Iterator[str]:
    failed = f"{lane.failed_last_hour:,} failed in the last hour"
    yield f"{lane.lane}: {lane.images:,} images, {sum(lane.selected.values()):,} selected, {failed}"
    for method, count in sorted(lane.selected.items(), key=lambda item: -item[1]):
        yield f"  {count:,} x {method}"


def _table(standing: Standing) -> Table:
    table = Table(box=None, pad_edge=False)
    minutes = f"last {standing.recent_s / 60:.0f} min"
    for name in ("lane", "stage"):
        table.add_column(name)
    for name in ("done", "rejected", "retried", minutes, "a second", "settled last", "suspects"):
        table.add_column(name, justify="right", no_wrap=True)
    for stage in standing.stages:
        table.add_row(stage.lane, stage.stage, *_figures(stage, standing.recent_s))
    return table


def _figures(stage: StageStanding, recent_s: float) -> tuple[str, ...]:
    rate = f"{stage.recent / recent_s:.2f}"
    counts = (f"{stage.done:,}", f"{stage.rejected:,}", f"{stage.retried:,}", f"{stage.recent:,}", rate)
    return (*counts, _time(stage.last_settled_at), str(stage.suspects))


def _time(at: datetime | None) -> str:
    return f"{at:%m-%d %H:%M:%S}" if at else "never"
