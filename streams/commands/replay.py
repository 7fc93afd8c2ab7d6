"""``semstream replay``: compute images again, beside production, and compare or promote what comes of it."""

from collections.abc import Callable, Iterator
from contextlib import closing, nullcontext
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated

import orjson
import typer

from streams.commands.options import AsJson, SettingsFile, time_of
from streams.commands.replay_told import Done, promoted_story, story_of
from streams.comparison import Comparison
from streams.errors import UsageError
from streams.pipeline import REPLAY, load_pipeline
from streams.replay import Selection, offsets_of
from streams.replay_run import ReplayRun, Sides
from streams.report.comparison import write_comparison
from streams.settings import Settings
from streams.wiring.pictures import frames_at_services
from streams.wiring.process import utc_now
from streams.wiring.topics import open_log, open_publisher
from streams.wiring.worker import AtWork, lane_at_work, prepare_lane

PATIENCE_S = 600.0


From = Annotated[str | None, typer.Option("--from", help="Images published from then on: 2h, 3d ago, or a time.")]
To = Annotated[str | None, typer.Option("--to", help="Images published before then.")]
Offsets = Annotated[
    list[str] | None, typer.Option("--offsets", help="PARTITION:FIRST-LAST of the images' topic; may be repeated.")
]
Instrument = Annotated[str | None, typer.Option("--instrument", help="Images of this instrument.")]
ImageNames = Annotated[
    list[str] | None, typer.Option("--image", help="The beginning of an id, or a source name; may be repeated.")
]
PipelineOfLane = Annotated[
    Path | None, typer.Option("--pipeline", help="Pipeline file of the lane; the default one when omitted.")
]
PipelineOfLive = Annotated[
    Path | None, typer.Option("--against", help="Pipeline file of the live lane; the default one when omitted.")
]
LaneName = Annotated[
    str | None, typer.Option("--lane", help="replay when omitted; with --pipeline one named with its hash.")
]
Speed = Annotated[str, typer.Option("--speed", help="Images a second, or max.")]
Shadow = Annotated[bool, typer.Option("--shadow", help="Wait for the lane's answers, and compare.")]
Compare = Annotated[bool, typer.Option("--compare", help="Publish nothing: compare what the lane selected before.")]
Promote = Annotated[bool, typer.Option("--promote", help="Publish what the lane selected to the live lane, once.")]
Report = Annotated[Path | None, typer.Option("--report", help="Write the comparison as an HTML page.")]
PatienceS = Annotated[float, typer.Option("--patience-s", help="Give up when nothing is answered for so long.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be published, and publish nothing.")]


def replay(
    settings: SettingsFile = None,
    *,
    since: From = None,
    until: To = None,
    offsets: Offsets = None,
    instrument: Instrument = None,
    image: ImageNames = None,
    pipeline: PipelineOfLane = None,
    against: PipelineOfLive = None,
    lane: LaneName = None,
    speed: Speed = "max",
    shadow: Shadow = False,
    compare: Compare = False,
    promote: Promote = False,
    report: Report = None,
    patience_s: PatienceS = PATIENCE_S,
    dry_run: DryRun = False,
    json: AsJson = False,
) -> None:
    """Publish images again into a lane of their own, whose workers answer them beside production.

    With --pipeline and --shadow this process works for the lane while it waits; more workers may help it. Otherwise
    semstream worker --all --lane LANE --pipeline FILE does, or where no other pipeline is named the usual workers.

    Exit codes: 0 done, 1 some images were not found or not answered, 2 wrong usage.
    """
    selection = Selection(time_of(since), time_of(until), offsets_of(offsets or ()), instrument, tuple(image or ()))
    _check(selection, shadow=shadow, compare=compare, promote=promote)
    rate = _speed(speed)
    new = load_pipeline(pipeline)
    sides = Sides(lane or (f"{REPLAY}-{new.hash[:8]}" if pipeline else REPLAY), new, load_pipeline(against))
    found = Settings.load(settings)
    with closing(open_log(found)) as log, nullcontext() if dry_run else closing(open_publisher(found)) as publisher:
        run = ReplayRun(log, publisher, sides, utc_now)
        if promote:
            outcome = run.promote()
            told: dict[str, object] = {"lane": sides.lane, "dry_run": dry_run, **asdict(outcome)}
            _tell(json, told, promoted_story(outcome, sides, dry_run=dry_run))
            return
        if not (dry_run or compare):
            prepare_lane(found, new, sides.lane)
        own = bool(pipeline) and shadow and not dry_run
        with lane_at_work(found, new, sides.lane) if own else nullcontext() as at_work:
            note = partial(_note, at_work)
            done = _done(run, selection, rate, shadow=shadow, compare=compare, patience_s=patience_s, note=note)
        if report is not None and done.comparison is not None:
            _write_report(run, found, done.comparison, report)
    _tell(json, {"lane": sides.lane, "dry_run": dry_run, **done.to_dict()}, story_of(done, dry_run=dry_run))
    raise typer.Exit(1 if done.unanswered or (done.replayed and done.replayed.missing) else 0)


def _done(
    run: ReplayRun,
    selection: Selection,
    speed: float | None,
    *,
    shadow: bool,
    compare: bool,
    patience_s: float,
    note: Callable[[int], None],
) -> Done:
    if compare:
        return Done(None, set(), run.compare(None, since=selection.since))
    if shadow and run.publisher is not None:
        return Done(*run.shadow(selection, speed=speed, patience_s=patience_s, note=note))
    return Done(run.publish(selection, speed=speed), set(), None)


def _check(selection: Selection, *, shadow: bool, compare: bool, promote: bool) -> None:
    selected = selection != Selection()
    if shadow + compare + promote > 1:
        raise UsageError("--shadow, --compare and --promote are three runs: choose one")
    if promote and selected:
        raise UsageError("--promote takes what its lane has selected as it is: leave out what selects images")
    if not (selected or compare or promote):
        raise UsageError("say which images: --from, --to, --offsets, --instrument or --image")
    if selection.since and selection.until and selection.since >= selection.until:
        raise UsageError("--to is not after --from, so no image lies between them")


def _note(at_work: AtWork | None, left: int) -> None:
    if at_work is not None:
        at_work.check()
    typer.echo(f"\r{left} images are waited for   ", nl=False, err=True)


def _tell(json: bool, told: dict[str, object], lines: Iterator[str]) -> None:
    if json:
        typer.echo(orjson.dumps(told))
        return
    for line in lines:
        typer.echo(line)


def _write_report(run: ReplayRun, settings: Settings, comparison: Comparison, path: Path) -> None:
    title = f"Lane {run.sides.lane} ({run.sides.new.name}) against production"
    with frames_at_services(settings) as frames:
        pairs = run.pairs(comparison)
        write_comparison(path, comparison, pairs, lambda event, name: frames.of(event, [name])[name], title=title)


def _speed(text: str) -> float | None:
    try:
        speed = None if text == "max" else float(text)
    except ValueError:
        speed = 0.0
    if speed is not None and not 0 < speed < 1e9:
        raise UsageError(f"--speed {text}: write images a second, or max")
    return speed
