"""``semstream doctor``: try every dependency."""

from dataclasses import asdict

import orjson
import typer
from rich.console import Console
from rich.markup import escape

from streams.commands.options import AsJson, Lanes, PipelineFile, SettingsFile, lanes_of
from streams.doctor import examine
from streams.settings import Settings
from streams.wiring.doctor import probes


def doctor(
    *, settings: SettingsFile = None, pipeline: PipelineFile = None, lane: Lanes = None, json: AsJson = False
) -> None:
    """Try Kafka, its topics, S3, Redis, Postgres, this machine's disk and clock, and the pipeline's weights.

    Exit codes: 0 everything works, 1 something does not, 2 the settings cannot be read.
    """
    console = Console()
    findings = []
    for finding in examine(probes(Settings.load(settings), pipeline, lanes_of(lane))):
        findings.append(finding)
        mark = "[green]works[/]" if finding.well else "[red]fails[/]"
        console.print(f"{mark}  {finding.what:<9} {escape(finding.said)}", highlight=False, soft_wrap=True)
    if json:
        typer.echo(
            orjson.dumps({"well": all(one.well for one in findings), "checks": [asdict(one) for one in findings]})
        )
    raise typer.Exit(0 if all(one.well for one in findings) else 1)
