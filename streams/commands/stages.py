"""``semstream stages``: what is configured."""

import dataclasses
import json
from collections.abc import Iterator, Mapping
from typing import Any

import typer

from streams.commands.options import PipelineFile
from streams.instruments import INSTRUMENTS
from streams.pipeline import load_pipeline


def stages(pipeline: PipelineFile = None) -> None:
    """List the stages of a pipeline in order: topics, candidates, options and their defaults."""
    loaded = load_pipeline(pipeline)
    typer.echo(f"pipeline {loaded.name}, hash {loaded.hash}")
    for step in loaded.steps():
        typer.echo(f"\n{step.stage.name}: {step.consumes} -> {step.produces}   {_class(step.stage)}")
        for line in _options(step.stage):
            typer.echo(f"  {line}")
        for name, method in getattr(step.stage, "candidates", {}).items():
            typer.echo(f"  {name:<12}{_class(method)}")
            for line in _options(method):
                typer.echo(f"  {'':<12}  {line}")
        for instrument, own in getattr(step.stage, INSTRUMENTS, {}).items():
            for name, method in own.items():
                typer.echo(f"  {name:<12}of images of {instrument}: {_class(method)}")
                for line in _options(method):
                    typer.echo(f"  {'':<12}  {line}")


def _class(value: object) -> str:
    return f"{type(value).__module__}:{type(value).__name__}"


def _options(value: Any) -> Iterator[str]:  # noqa: ANN401 - any configured object
    for field in dataclasses.fields(value):
        current = getattr(value, field.name)
        if field.name == INSTRUMENTS:
            continue
        if isinstance(current, Mapping) and any(dataclasses.is_dataclass(item) for item in current.values()):
            continue
        default = "required" if field.default is dataclasses.MISSING else f"default {_json(field.default)}"
        yield f"{field.name} = {_json(current)} ({default})"


def _json(value: object) -> str:
    return json.dumps(value, default=str)
