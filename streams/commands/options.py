"""Options that several commands have."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from streams.moments import moment
from streams.wiring.process import utc_now

SettingsFile = Annotated[
    Path | None, typer.Option("--settings", help="Settings file; else SEMSTREAM_SETTINGS or .stack/settings.toml.")
]
Since = Annotated[str | None, typer.Option("--since", help="From then on: 15m, 2h, 3d ago, or 2026-01-31T12:00 (UTC).")]
Until = Annotated[str | None, typer.Option("--until", help="Before then.")]
Lane = Annotated[str, typer.Option("--lane", help="The lane: live, replay, or another one's name.")]


def time_of(text: str | None) -> datetime | None:
    """Return the time that an option means."""
    return moment(text, now=utc_now()) if text else None
