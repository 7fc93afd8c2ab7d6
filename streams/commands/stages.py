"""``semstream stages``: what is configured."""

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

from streams.commands.run import PipelineFile
from streams.pipeline import load_pipeline


def stages(pipeline: PipelineFile = None) -> None:
    """List the stages of a pipeline in order: topics, candidates, options and their defaults."""
    loaded = load_pipeline(pipeline)
    console = Console()
    console.print(f"pipeline [bold]{loaded.name}[/bold], hash {loaded.hash}", highlight=False)
    table = Table("stage", "candidate", "method", "options (default)", "reads", "writes")
    for step in loaded.steps():
        table.add_row(step.stage.name, "", _class(step.stage), _options(step.stage), step.consumes, step.produces)
        for name, method in getattr(step.stage, "candidates", {}).items():
            table.add_row("", name, _class(method), _options(method), "", "")
    console.print(table)


def _class(value: object) -> str:
    return f"{type(value).__module__}:{type(value).__name__}"


def _options(value: Any) -> str:  # noqa: ANN401 - any configured object
    shown = []
    for field in dataclasses.fields(value):
        current = getattr(value, field.name)
        if isinstance(current, Mapping) and any(dataclasses.is_dataclass(item) for item in current.values()):
            continue
        default = "required" if field.default is dataclasses.MISSING else json.dumps(field.default, default=str)
        shown.append(f"{field.name} = {json.dumps(current, default=str)} ({default})")
    return "\n".join(shown)
