"""``semstream fetch``: results of a service deployment as files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import orjson
import typer

from streams.commands.options import (
    AsJson,
    Lane,
    PipelineFile,
    SettingsFile,
    check_instrument,
    check_lane,
    image_meant,
    time_of,
)
from streams.errors import UsageError
from streams.fetch import Fetch, Fetched, Route
from streams.pipeline import LIVE, load_pipeline
from streams.replay import Selection
from streams.report.markup import visible
from streams.settings import Settings
from streams.wiring.fetching import shelves_at_services
from streams.wiring.process import utc_now

Images = Annotated[
    list[str] | None, typer.Argument(help="Files, image ids (or their beginnings), or names as they were published.")
]
Folder = Annotated[Path, typer.Option("--out", "-o", help="Folder for the results.")]
Since = Annotated[
    str | None, typer.Option("--since", help="What was selected since: 15m, 2h, 3d ago, or 2026-01-31T12:00 (UTC).")
]
Instrument = Annotated[str | None, typer.Option("--instrument", help="Images of this instrument.")]


def fetch(
    images: Images = None,
    *,
    out: Folder,
    since: Since = None,
    instrument: Instrument = None,
    lane: Lane = LIVE,
    pipeline: PipelineFile = None,
    settings: SettingsFile = None,
    json: AsJson = False,
) -> None:
    """Write selected results as files: TIFF in the source's dtype, with databar and tags, and a certificate beside it.

    Exit codes: 0 all were written, 1 some were not, each with its state and what to do, 2 wrong usage.
    """
    selection = _selection(images or [], since, instrument)
    check_lane(lane)
    route = Route.of(load_pipeline(pipeline), lane)
    told: list[Fetched] = []
    with shelves_at_services(Settings.load(settings), out) as shelves:
        for one in Fetch(shelves.log, shelves.ledger, shelves.files, route, utc_now)(selection):
            told.append(one)
            if not json:
                typer.echo(visible(f"{one.path}" if one.path else f"{_shown(one)}: {one.why}"))
    written = sum(one.path is not None for one in told)
    typer.echo(_as_json(told) if json else f"{written} written to {out}, {len(told) - written} not")
    raise typer.Exit(0 if written == len(told) else 1)


def _selection(images: Sequence[str], since: str | None, instrument: str | None) -> Selection:
    if images and (since or instrument):
        raise UsageError("images are named, so leave --since and --instrument away; or name none")
    if not images and not (since or instrument):
        raise UsageError("say which results: name images, or give --since or --instrument")
    if instrument:
        check_instrument(instrument)
    return Selection(since=time_of(since), instrument=instrument, images=tuple(map(image_meant, images)))


def _shown(one: Fetched) -> str:
    return f"{one.name} (image {one.image_id})" if one.image_id else one.name


def _as_json(told: Sequence[Fetched]) -> bytes:
    rows = [{"name": one.name, "image_id": one.image_id, "path": one.path and str(one.path)} for one in told]
    written = [row for row in rows if row["path"]]
    missing = [{"name": one.name, "image_id": one.image_id, "why": one.why} for one in told if not one.path]
    return orjson.dumps({"written": written, "missing": missing})
