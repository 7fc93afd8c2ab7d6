"""``semstream worker``: answer the messages of one stage, or of all, until asked to stop."""

import signal
from contextlib import AbstractContextManager, nullcontext
from types import FrameType
from typing import Annotated

import structlog
import typer

from streams.commands.options import Lanes, PipelineFile, SettingsFile, lanes_of
from streams.errors import UsageError
from streams.pipeline import load_pipeline
from streams.settings import Settings, WorkerSettings
from streams.shift import Shift
from streams.telemetry.readiness import Readiness
from streams.telemetry.serving import served
from streams.wiring.worker import Connected, connected

log = structlog.get_logger()


def worker(
    *,
    stage: Annotated[list[str] | None, typer.Option(help="A stage of the pipeline; may be repeated.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every stage in this one process.")] = False,
    lane: Lanes = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Stage calls at one time; the cores when omitted.")] = None,
    pipeline: PipelineFile = None,
    settings: SettingsFile = None,
    metrics_port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="Serve Prometheus metrics here; else [worker] metrics_port."),
    ] = None,
) -> None:
    """Work at stages until SIGTERM or Ctrl-C: then finish what is in hand, commit it, and leave the groups.

    Exit codes: 0 asked to stop, 1 something failed (start it again), 2 wrong usage or settings,
    3 too many dead letters: look at them first.
    """
    known = load_pipeline(pipeline)
    names = [one.name for one in known.stages]
    wanted = names if everything else list(dict.fromkeys(stage or []))
    if everything and stage:
        raise UsageError("--all and --stage are two answers to one question: choose one")
    if not wanted:
        raise UsageError(f"say which stage: --stage NAME with one of {', '.join(names)}, or --all")
    for name in wanted:
        if name not in names:
            raise UsageError(f"the pipeline has no stage '{name}'; its stages are {', '.join(names)}")
    lanes = lanes_of(lane)
    configured = Settings.load(settings)
    port = metrics_port or configured.worker.metrics_port
    with (
        connected(configured, known, stages=wanted, lanes=lanes, threads=threads) as parts,
        _served(parts, port, configured.worker),
    ):
        shift = Shift(parts.crews, deadline_s=configured.worker.stop_deadline_s)
        _stop_on_signals(shift)
        log.info("worker_started", stages=wanted, pipeline=known.hash)
        shift.run()
        log.info("worker_stopped", stages=wanted)


def _served(parts: Connected, port: int | None, here: WorkerSettings) -> AbstractContextManager[None]:
    if port is None:
        return nullcontext()
    readiness = Readiness([crew for _, crew in parts.crews], parts.probes())
    address, targets = here.metrics_address, here.metrics_targets
    return served(parts.telemetry, readiness.why_not, port=port, address=address, targets=targets)


def _stop_on_signals(shift: Shift) -> None:
    def asked(number: int, _: FrameType | None) -> None:
        log.info("asked_to_stop", signal=signal.Signals(number).name)
        shift.stop()

    signal.signal(signal.SIGTERM, asked)
    signal.signal(signal.SIGINT, asked)
