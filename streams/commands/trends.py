"""``semstream trends``: watch the instruments' noise, sharpness and dose, and tell of those that drift."""

from typing import Annotated

import structlog
import typer

from streams.commands.options import Lane, PipelineFile, SettingsFile
from streams.pipeline import LIVE, load_pipeline
from streams.settings import Settings
from streams.telemetry import Telemetry

log = structlog.get_logger()


def trends(
    *,
    lane: Lane = LIVE,
    pipeline: PipelineFile = None,
    settings: SettingsFile = None,
    metrics_port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="Serve Prometheus metrics here; else [worker] metrics_port."),
    ] = None,
) -> None:
    """Keep control charts of every instrument and recipe until SIGTERM or Ctrl-C; tell sem.health of what drifts.

    It only reads the images' topics: images neither wait for it nor need it. Exit codes: 0 asked to stop,
    1 something failed (start it again), 2 wrong usage or settings.
    """
    from streams.wiring.trends import trends_at_services  # noqa: PLC0415 - Faust takes a second to import

    configured, telemetry = Settings.load(settings), Telemetry()
    app = trends_at_services(configured, load_pipeline(pipeline), lane, telemetry)
    port = metrics_port or configured.worker.metrics_port
    if port is not None:
        telemetry.serve(port, configured.worker.metrics_address)
    log.info("trends_started", lane=lane)
    code = app.run()
    log.info("trends_stopped", lane=lane)
    raise typer.Exit(code)
