"""``semstream bench``: what needs nothing but this machine, and efficiency, which can be asked of both modes."""

import os
import secrets
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console

from stages.filter import Filter
from streams.bench.at_services import ServicesEfficiency, measure_at_services
from streams.bench.efficiency import Efficiency, measure_efficiency
from streams.bench.endurance import measure_endurance
from streams.bench.execution import measure_execution
from streams.bench.tables import (
    print_at_services,
    print_efficiency,
    print_endurance,
    print_execution,
    print_telemetry_cost,
)
from streams.bench.telemetry_cost import measure_telemetry_cost
from streams.commands.options import AsJson, PipelineFile, SettingsFile
from streams.errors import UsageError
from streams.pipeline import load_pipeline
from streams.settings import Settings
from streams.wiring.bench import services_run

CHEAP = Path(str(files("deploy") / "pipelines" / "cheap.toml"))
DEFAULT = Path(str(files("deploy") / "pipeline.toml"))


def efficiency(
    images: Annotated[int, typer.Option(min=2, help="Images of 512 x 512 px for the default pipeline.")] = 24,
    cheap_images: Annotated[int, typer.Option(min=2, help="Images for the cheap filters alone.")] = 400,
    services: Annotated[bool, typer.Option(help="One worker process at real services, not the embedded mode.")] = False,
    settings: SettingsFile = None,
    json: AsJson = False,
) -> None:
    """Compare the pipeline with a bare loop of the same stage calls on the same cores."""
    figures: dict[str, Efficiency | ServicesEfficiency] = {}
    for name, file, count in (("cheap", CHEAP, cheap_images), ("default", DEFAULT, images)):
        if services:
            with services_run(Settings.load(settings), file) as run:
                measured = measure_at_services(load_pipeline(file), run, images=count, seed=secrets.randbits(31))
            print_at_services(Console(), name, measured)
            figures[name] = measured
        else:
            figures[name] = embedded = measure_efficiency(load_pipeline(file), images=count)
            print_efficiency(Console(), name, embedded)
    if json:
        print(orjson.dumps({name: found.model_dump() for name, found in figures.items()}).decode())  # noqa: T201 - the interface


def endurance(
    images: Annotated[int, typer.Option(min=6, help="Images of 128 x 128 px.")] = 3000,
    json: AsJson = False,
) -> None:
    """Send many small images through the embedded mode (cheap filters) and count losses and memory."""
    measured = measure_endurance(load_pipeline(CHEAP), images=images)
    print_endurance(Console(), measured)
    if json:
        print(measured.to_json().decode())  # noqa: T201 - the interface
    raise typer.Exit(0 if measured.lost == 0 else 1)


def telemetry(
    images: Annotated[int, typer.Option(min=10, help="Images of 128 x 128 px, through the cheap filters.")] = 400,
    json: AsJson = False,
) -> None:
    """Count what telemetry and tracing cost: the calls of an embedded run are made again, with them and without."""
    measured = measure_telemetry_cost(load_pipeline(CHEAP), images=images)
    print_telemetry_cost(Console(), measured)
    if json:
        print(measured.to_json().decode())  # noqa: T201 - the interface


def execution(
    images: Annotated[int, typer.Option(min=2, help="Images of 512 x 512 px.")] = 24,
    slots: Annotated[int | None, typer.Option(min=1, help="Calls at one time; the cores when omitted.")] = None,
    pipeline: PipelineFile = None,
    json: AsJson = False,
) -> None:
    """Call the filter stage by threads and in processes of its own, in turns, on the same cores."""
    stage = next((stage for stage in load_pipeline(pipeline).stages if stage.name == Filter.name), None)
    if stage is None:
        raise UsageError(f"the pipeline has no stage '{Filter.name}'")
    measured = measure_execution(stage, images=images, slots=slots or len(os.sched_getaffinity(0)))
    print_execution(Console(), measured)
    if json:
        print(measured.to_json().decode())  # noqa: T201 - the interface
