"""Options that several commands have."""

import hashlib
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated

import typer

from schemas.image import is_instrument
from streams.certificates import is_result
from streams.errors import UsageError
from streams.moments import moment
from streams.pipeline import LIVE, NAME, REPLAY
from streams.source import readable
from streams.wiring.process import utc_now

PipelineFile = Annotated[Path | None, typer.Option("--pipeline", help="Pipeline file; the default one when omitted.")]
SettingsFile = Annotated[
    Path | None, typer.Option("--settings", help="Settings file; else SEMSTREAM_SETTINGS or .stack/settings.toml.")
]
Since = Annotated[str | None, typer.Option("--since", help="From then on: 15m, 2h, 3d ago, or 2026-01-31T12:00 (UTC).")]
Until = Annotated[str | None, typer.Option("--until", help="Before then.")]
Lanes = Annotated[list[str] | None, typer.Option("--lane", help="A lane; live and replay when omitted.")]
Lane = Annotated[str, typer.Option("--lane", help="The lane: live, replay, or another one's name.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")]
OutFolder = Annotated[
    Path | None,
    typer.Option("--out", help="Folder for the figures (JSON) and a chart of them (PNG), named as this is."),
]
MetricsPort = Annotated[
    int | None, typer.Option(min=1, max=65535, help="Serve Prometheus metrics on this port of 127.0.0.1.")
]
Recipe = Annotated[
    str | None,
    typer.Option(help="Recipe that the images were taken with; dimensions are guarded for 'lines' and for 'holes'."),
]
RetryFailed = Annotated[
    bool,
    typer.Option("--retry-failed", help="Compute images anew that a stage rejected in an earlier run with this --out."),
]
PriorFile = Annotated[
    Path | None, typer.Option("--prior", help="The feed's noise, for frames that say little: semstream prior build.")
]
SecondSuffix = Annotated[
    str | None,
    typer.Option(help="Such as _f2: NAME_f2.tif beside NAME.tif is another frame of its field, and judges it."),
]
Bits = Annotated[
    int | None,
    typer.Option(
        min=9, max=16, help="The levels of 16-bit files have so many bits; found out from each file when omitted."
    ),
]
LIKE = 0.8
"""How alike two words are, of 1, where one was probably meant for the other."""


def lanes_of(named: list[str] | None) -> list[str]:
    """Return the lanes that an option means; raises `UsageError` for what cannot name one."""
    for lane in named or ():
        check_lane(lane)
    return named or [LIVE, REPLAY]


def check_lane(name: str) -> None:
    """Raise `UsageError` for what cannot name a lane."""
    if not NAME.fullmatch(name):
        raise UsageError(f"--lane '{name}' cannot be part of a topic's name: a-z, 0-9, - and _, 64 at the most")


def told_of_recipe(recipe: str | None) -> str | None:
    """Return the recipe, and say where it is probably a misspelt one of those that are measured."""
    if recipe is None:
        return None
    from stages.metrics.patterns import PATTERNS  # noqa: PLC0415 - takes two seconds

    like = get_close_matches(recipe.lower(), sorted(filter(None, PATTERNS)), n=1, cutoff=LIKE)
    if like and recipe not in PATTERNS:
        typer.echo(
            f"--recipe '{recipe}' is measured by nothing, so no dimension is guarded; did you mean {like[0]}?", err=True
        )
    return recipe


def check_instrument(name: str, *, option: str = "--instrument") -> None:
    """Raise `UsageError` for what cannot name an instrument."""
    if not is_instrument(name):
        raise UsageError(f"{option} '{name}' is no id; use a-z, 0-9, - and _ (such as sem-1), 64 at the most")


def check_second_suffix(suffix: str | None) -> None:
    """Raise `UsageError` for what can be no part of a file's name."""
    if suffix is not None and (not suffix or {"/", "\\"} & set(suffix)):
        raise UsageError(f"--second-suffix '{suffix}' is no part of a file's name; use something like _f2")


def time_of(text: str | None) -> datetime | None:
    """Return the time that an option means."""
    return moment(text, now=utc_now()) if text else None


def image_meant(image: str) -> str:
    """Return the id, the beginning of one, or the published name that is meant: a file here means its content."""
    if not image:
        raise UsageError("name an image: a file, an image id or a published name")
    try:
        if Path(image).is_file() and not is_result(Path(image)):  # a result fetched to here has its image's name
            return hashlib.sha256(Path(image).read_bytes()).hexdigest()[:32]
    except OSError as error:
        raise UsageError(f"cannot read {image}: {error.strerror}") from error
    return readable(image)
