"""``semstream trends``: watch the instruments' noise, sharpness and dose, and tell of those that drift."""

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Annotated

import structlog
import typer

from streams.commands.options import Lane, PipelineFile, SettingsFile, check_instrument
from streams.errors import UsageError
from streams.pipeline import LIVE, load_pipeline
from streams.settings import Settings
from streams.telemetry import Telemetry
from streams.telemetry.serving import served
from streams.transport import Outgoing
from streams.trends.desk import TrendsDesk
from streams.trends.observation import relearning
from streams.trends.recipes import watches_of
from streams.trends.watch import InstrumentWatch
from streams.wiring.process import utc_now
from streams.wiring.topics import open_log, open_observer

log = structlog.get_logger()


def trends(
    *,
    lane: Lane = LIVE,
    pipeline: PipelineFile = None,
    settings: SettingsFile = None,
    relearn: Annotated[
        str | None, typer.Option(help="Only say that this instrument was serviced: its baselines are learned anew.")
    ] = None,
    recipe: Annotated[
        str | None, typer.Option(help="The recipe that --relearn is about; all of the instrument's when omitted.")
    ] = None,
    metrics_port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="Serve Prometheus metrics here; else [worker] metrics_port."),
    ] = None,
) -> None:
    """Keep control charts of every instrument and recipe until SIGTERM or Ctrl-C; tell sem.health of what drifts.

    It only reads the images' topics: images neither wait for it nor need it. Exit codes: 0 asked to stop,
    1 something failed (start it again), 2 wrong usage or settings.
    """
    if recipe is not None and relearn is None:
        raise UsageError("--recipe goes with --relearn INSTRUMENT: without it every recipe is watched")
    if relearn is not None:
        _say_relearn(Settings.load(settings), lane, relearn, recipe)
        return
    from streams.wiring.trends import trends_at_services  # noqa: PLC0415 - Faust takes a second to import

    configured, telemetry = Settings.load(settings), Telemetry()
    app = trends_at_services(configured, load_pipeline(pipeline), lane, telemetry)
    here = configured.worker
    port = metrics_port or here.metrics_port
    with (
        nullcontext()
        if port is None
        else served(telemetry, _ready, port=port, address=here.metrics_address, targets=here.metrics_targets)
    ):
        log.info("trends_started", lane=lane)
        code = app.run()
        log.info("trends_stopped", lane=lane)
    raise typer.Exit(code)


def _ready() -> str | None:
    """Nobody waits for the charts, so they are ready as soon as they answer."""


def _say_relearn(settings: Settings, lane: str, instrument: str, recipe: str | None) -> None:
    check_instrument(instrument, option="--relearn")
    desk = TrendsDesk(lane)
    meant = _meant(_watched(settings, desk, instrument), recipe)
    _publish(settings, [desk.sent(relearning(instrument, one.recipe, utc_now())) for one in meant])
    told = ", ".join(map(_recipe, meant))
    typer.echo(f"{instrument}: what is usual is learned anew from its next images ({told})")


def _watched(settings: Settings, desk: TrendsDesk, instrument: str) -> list[InstrumentWatch]:
    log = open_log(settings)
    try:
        found = watches_of(instrument, log, desk)
    finally:
        log.close()
    if not found:
        raise UsageError(
            f"{instrument} is not watched in lane {desk.lane}, so there is nothing to forget; check its id"
        )
    return found


def _meant(watched: Sequence[InstrumentWatch], recipe: str | None) -> list[InstrumentWatch]:
    meant = [one for one in watched if recipe in (None, one.recipe)]
    if not meant:
        known = ", ".join(map(_recipe, watched))
        raise UsageError(f"{watched[0].instrument_id} has no recipe '{recipe}' that is watched; it has {known}")
    return meant


def _recipe(watch: InstrumentWatch) -> str:
    return f"recipe {watch.recipe}" if watch.recipe else "images without a recipe"


def _publish(settings: Settings, messages: Sequence[Outgoing]) -> None:
    publisher = open_observer(settings)
    try:
        publisher.publish(messages)
    finally:
        publisher.close()
