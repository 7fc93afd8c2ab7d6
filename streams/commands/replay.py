"""``semstream replay``: compute images again, beside production, and compare or promote what comes of it."""

from collections.abc import Callable, Iterator
from contextlib import closing, nullcontext
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated

import orjson
import typer

from streams.commands.options import AsJson, SettingsFile, time_of
from streams.comparison import Comparison
from streams.errors import UsageError
from streams.pipeline import REPLAY, load_pipeline
from streams.promotion import Promoted
from streams.replay import Replayed, Selection, offsets_of
from streams.replay_run import ReplayRun, Sides
from streams.report.comparison import write_comparison
from streams.report.markup import visible
from streams.report.quantities import aligned, decibels
from streams.settings import Settings
from streams.wiring.pictures import frames_at_services
from streams.wiring.process import utc_now
from streams.wiring.topics import open_log, open_publisher
from streams.wiring.worker import AtWork, lane_at_work, prepare_lane

SHOWN = 20
"""Images named on a terminal; --json and --report have more."""
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
            _tell(json, told, _promoted(outcome, sides, dry_run=dry_run))
            return
        if not (dry_run or compare):
            prepare_lane(found, new, sides.lane)
        own = bool(pipeline) and shadow and not dry_run
        with lane_at_work(found, new, sides.lane) if own else nullcontext() as at_work:
            note = partial(_note, at_work)
            done = _done(run, selection, rate, shadow=shadow, compare=compare, patience_s=patience_s, note=note)
        if report is not None and done.comparison is not None:
            _write_report(run, found, done.comparison, report)
    _tell(json, {"lane": sides.lane, "dry_run": dry_run, **done.to_dict()}, _story(done, dry_run=dry_run))
    raise typer.Exit(1 if done.unanswered or (done.replayed and done.replayed.missing) else 0)


@dataclass(frozen=True)
class Done:
    """What a run came to; None is what it was not asked for."""

    replayed: Replayed | None
    unanswered: set[str]
    comparison: Comparison | None

    def to_dict(self) -> dict[str, object]:
        """Return all of it."""
        return {
            "replayed": _replayed_json(self.replayed) if self.replayed else None,
            "unanswered": sorted(self.unanswered),
            "comparison": self.comparison.to_json() if self.comparison else None,
        }


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


def _replayed_json(replayed: Replayed) -> dict[str, object]:
    counts = ("repeats", "malformed", "rebuilt", "bytes")
    return {
        "images": len(replayed.acquisitions),
        **{name: getattr(replayed, name) for name in counts},
        "first": _time(replayed.first_ms),
        "last": _time(replayed.last_ms),
        "meant": dict(replayed.meant),
        "missing": sorted(replayed.missing),
    }


def _time(ms: int | None) -> str | None:
    return None if ms is None else datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="seconds")


def _story(done: Done, *, dry_run: bool) -> Iterator[str]:
    if done.replayed is not None:
        yield from _replayed(done.replayed, dry_run=dry_run)
    if done.unanswered:
        yield f"{len(done.unanswered)} images were not answered: is a worker running for this lane?"
    if done.comparison is not None:
        yield from _compared(done.comparison)


def _replayed(replayed: Replayed, *, dry_run: bool) -> Iterator[str]:
    verb = "would be published" if dry_run else "published"
    span = f", from {_time(replayed.first_ms)} to {_time(replayed.last_ms)}" if replayed.acquisitions else ""
    size = f"{replayed.bytes / 1e6:.1f} MB of events"
    yield f"{len(replayed.acquisitions)} images {verb} into lane {replayed.lane}{span}, {size}"
    if replayed.repeats or replayed.malformed:
        yield f"left out: {replayed.repeats} repeats and retries, {replayed.malformed} that are no image events"
    if replayed.rebuilt:
        yield f"{replayed.rebuilt} of them expired in the images' topic and were made of what a later stage published"
    for image, count in replayed.meant.items():
        if count > 1:
            yield visible(f"{image} names {count} images: all of them are among these")
    for image in sorted(replayed.missing):
        yield visible(f"{image}: no topic holds its event any more, and the ledger keeps none; publish its file again")


def _compared(comparison: Comparison) -> Iterator[str]:
    changed = comparison.changed
    yield (
        f"{comparison.images} images in both; another choice for {len(changed)}; "
        f"only before {comparison.only_old}, only after {comparison.only_new}"
    )
    risk = comparison.risk_summary()
    if risk:
        parts = ", ".join(f"{name} {decibels(value)} dB" for name, value in risk.items())
        yield f"estimated squared error of the choice, after against before: {parts}"
    for (old, new), count in comparison.moves.most_common():
        yield f"  {count:>7}  {visible(old)} -> {visible(new)}"
    for name, *values in comparison.score_table():
        before, after, difference = aligned(values)
        yield f"  {visible(name)}: {before} -> {after}, median difference {difference}"
    for pair in changed[:SHOWN]:
        yield visible(f"{pair.source_name}: {pair.old.chosen} -> {pair.new.chosen}, {decibels(pair.risk_db)} dB")
    if len(changed) > SHOWN:
        yield f"and {len(changed) - SHOWN} more; --json names all"


def _promoted(outcome: Promoted, sides: Sides, *, dry_run: bool) -> Iterator[str]:
    verb = "would be published" if dry_run else "published"
    yield f"{outcome.published} selections of lane {sides.lane} {verb} to {sides.live_topics[-1]}"
    if outcome.already:
        yield f"{outcome.already} were there already"
    if outcome.by_others:
        yield f"{outcome.by_others} were left out: another pipeline selected them"


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
