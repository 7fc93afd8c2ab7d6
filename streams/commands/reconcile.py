"""``semstream reconcile``: nothing lost, nothing doubled; or the images for which that is not so."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from time import sleep
from typing import Annotated, NoReturn

import orjson
import typer
from rich.table import Table

from streams.balance import Balance, Finding, Scope, Window
from streams.commands.interrupts import unwinding_signals
from streams.commands.options import AsJson, Lane, MetricsPort, SettingsFile, Since, Until, time_of
from streams.commands.tables import table_console
from streams.durations import duration
from streams.pipeline import LIVE, Pipeline, load_pipeline
from streams.reconcile import LaneGroups, conservation, names_of, read_from
from streams.report.markup import visible
from streams.settings import Settings, WorkerSettings
from streams.stocktaking import missing_objects
from streams.telemetry.serving import served
from streams.topic_log import stamped
from streams.vigil import Vigil
from streams.wiring.topics import Evidence, evidence_at_services

SHOWN = 100
"""Images named on a terminal; --json has them all."""
COLUMNS = {
    "acquisitions": "in",
    "retries": "retries",
    "repeats": "repeats",
    "done": "done",
    "dead_lettered": "dead",
    "in_flight": "in flight",
    "lost": "lost",
    "doubled": "doubled",
}


def reconcile(
    settings: SettingsFile = None,
    *,
    since: Since = None,
    until: Until = None,
    lane: Lane = LIVE,
    pipeline: Annotated[
        list[Path] | None,
        typer.Option(
            "--pipeline", help="Pipeline file that answered; repeated where several did. The default one when omitted."
        ),
    ] = None,
    no_ledger: Annotated[bool, typer.Option("--no-ledger", help="Do not ask the ledger: topics alone.")] = False,
    objects: Annotated[
        bool, typer.Option("--objects", help="Look also whether the store holds raw images and selected results.")
    ] = False,
    every: Annotated[str | None, typer.Option(help="Look again and again, as every 10m, until it is ended.")] = None,
    metrics_port: MetricsPort = None,
    json: AsJson = False,
) -> None:
    """Check that every image was answered once by each stage, by an event or a dead letter, or is in flight.

    The path is that of the first pipeline named. Exit codes: 0 it is so, 1 it is not (and for which images),
    2 wrong usage. With --every it goes on until SIGTERM or Ctrl-C, and --metrics-port tells Prometheus what it found.
    """
    pipelines = [load_pipeline(path) for path in pipeline] if pipeline else [load_pipeline()]
    question = Question(Settings.load(settings), pipelines, lane, since, until, not no_ledger, objects)
    if every is None:
        verdict = _told(question, json=json)
        raise typer.Exit(0 if verdict.holds else 1)
    vigil = Vigil(lane, [stage.name for stage in pipelines[0].stages])
    with unwinding_signals(), _served(vigil, metrics_port, question.settings.worker):
        _look_again_and_again(lambda: _told(question, json=json).findings, vigil, duration(every))


def _served(vigil: Vigil, port: int | None, here: WorkerSettings) -> AbstractContextManager[None]:
    if port is None:
        return nullcontext()
    address, targets = here.metrics_address, here.metrics_targets
    return served(vigil.telemetry, vigil.why_not_ready, port=port, address=address, targets=targets)


def _look_again_and_again(findings: Callable[[], Sequence[Finding]], vigil: Vigil, every: timedelta) -> NoReturn:
    while True:
        vigil.look(findings)
        sleep(every.total_seconds())


@dataclass(frozen=True)
class Verdict:
    """The balances of all stages, objects that are missing, and the image of every finding as far as it is known."""

    balances: Sequence[Balance]
    missing: Sequence[Finding]
    names: Mapping[Finding, tuple[str, str]]

    @property
    def findings(self) -> list[Finding]:
        """All of them."""
        return [*(finding for balance in self.balances for finding in balance.findings), *self.missing]

    @property
    def holds(self) -> bool:
        """Whether everything adds up."""
        return not self.findings

    def to_dict(self) -> dict[str, object]:
        """Return all of it."""
        stages = []
        for balance in self.balances:
            sums = asdict(balance)
            del sums["findings"]
            stages.append(sums)
        return {"holds": self.holds, "stages": stages, "findings": [self._named(finding) for finding in self.findings]}

    def _named(self, finding: Finding) -> dict[str, object]:
        image_id, source_name = self.names.get(finding, ("", ""))
        return {**asdict(finding), "image_id": image_id or None, "source_name": source_name or None}


@dataclass(frozen=True)
class Question:
    """What is reconciled, whenever it is asked: spans of time count back from then."""

    settings: Settings
    pipelines: Sequence[Pipeline]
    lane: str
    since: str | None
    until: str | None
    ask_ledger: bool
    objects: bool

    def answer(self) -> Verdict:
        """Look."""
        window = Window(time_of(self.since), time_of(self.until))
        scope = Scope(self.pipelines[0].steps(self.lane), self.lane, [one.hash for one in self.pipelines], window)
        with evidence_at_services(self.settings) as evidence:
            return _judged(evidence, scope, ask_ledger=self.ask_ledger, objects=self.objects)


def _told(question: Question, *, json: bool) -> Verdict:
    verdict = question.answer()
    if json:
        typer.echo(orjson.dumps(verdict.to_dict()))
    else:
        _print(verdict)
    return verdict


def _judged(evidence: Evidence, scope: Scope, *, ask_ledger: bool, objects: bool) -> Verdict:
    log, last = evidence.log, scope.steps[-1]
    groups = LaneGroups(log, evidence.seeds, scope.lane)
    ledger = evidence.ledger if ask_ledger else None
    balances = list(conservation(scope, groups, read_from(log, scope.window), ledger))
    missing: list[Finding] = []
    if objects:
        selected = stamped(log, last.produces, since=scope.window.since, until=scope.window.until)
        missing = missing_objects(selected, evidence.inventory, stage=last.stage.name, bucket=evidence.bucket)
    unnamed = Verdict(balances, missing, {})
    return Verdict(balances, missing, names_of(log, unnamed.findings))


def _print(verdict: Verdict) -> None:
    table = Table("stage", *COLUMNS.values(), box=None, pad_edge=False)
    for balance in verdict.balances:
        table.add_row(balance.stage, *(str(getattr(balance, name)) for name in COLUMNS))
    table_console().print(table, highlight=False)
    for line in _lines(verdict):
        typer.echo(line)


def _lines(verdict: Verdict) -> Iterator[str]:
    for balance in verdict.balances:
        if not balance.started:
            yield f"{balance.stage}: its group has never committed an offset in {balance.topic}; no worker answered yet"
    findings = verdict.findings
    for finding in findings[:SHOWN]:
        image_id, source_name = verdict.names.get(finding, ("", ""))
        who = source_name or image_id or finding.acquisition_id or "no image"
        place = f"{finding.topic}/{finding.partition}/{finding.offset}"
        ids = f"image {image_id}, acquisition {finding.acquisition_id}" if image_id else "an event that cannot be read"
        yield visible(f"{finding.fault.upper()} at {finding.stage}: {who} ({ids}; {place}): {finding.detail}")
    if len(findings) > SHOWN:
        yield f"and {len(findings) - SHOWN} more; --json names all"
    yield "everything adds up" if verdict.holds else f"{len(findings)} images do not add up"
