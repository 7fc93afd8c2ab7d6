"""A copy of a pipeline file in which one candidate has other weights."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from stages.denoise.network import NetworkDenoiser
from stages.stage import Stage
from streams.errors import UsageError
from streams.pipeline import Pipeline, load_pipeline
from streams.pipeline_text import place_of, with_line
from streams.whole_file import write_whole


@dataclass(frozen=True)
class Promoted:
    """What changed from one pipeline to the other."""

    candidate: str
    before: str
    after: str
    old: Pipeline
    new: Pipeline


def promoted(pipeline: Path | None, out: Path, *, weights: Path, candidate: str | None) -> Promoted:
    """Write a copy of a pipeline file, the default one when none is named, with the weights in a candidate's place.

    Raises
    ------
    UsageError
        If ``out`` exists, it is not clear which candidate is meant, or the weights do not fit it.
    """
    if out.exists():
        raise UsageError(f"{out} exists; a pipeline file is never overwritten, so choose a new one")
    old = load_pipeline(pipeline)
    stage, name, network = _network(old.stages, candidate)
    source = pipeline if pipeline is not None else files("deploy") / "pipeline.toml"
    write_whole(out, _replaced(source.read_text(encoding="utf-8"), stage, name, str(weights.resolve())).encode())
    try:
        new = load_pipeline(out)
    except UsageError:
        out.unlink()
        raise
    return Promoted(name, network.weights, _network(new.stages, name)[2].weights, old, new)


def _network(stages: Sequence[Stage], candidate: str | None) -> tuple[str, str, NetworkDenoiser]:
    """Return the stage and the candidate that is meant, the only network when none is named."""
    networks = {
        name: (stage.name, name, method)
        for stage in stages
        for name, method in getattr(stage, "candidates", {}).items()
        if isinstance(method, NetworkDenoiser)
    }
    if candidate is None and len(networks) == 1:
        return next(iter(networks.values()))
    if candidate is not None and candidate in networks:
        return networks[candidate]
    known = ", ".join(networks) or "none"
    raise UsageError(f"name the --candidate that shall have the weights; networks of this pipeline: {known}")


def _replaced(text: str, stage: str, candidate: str, weights: str) -> str:
    """Set the line ``weights`` of a candidate's table."""
    table = (stage, "candidates", candidate)
    if place_of(text, table) is None:
        raise UsageError(f"the pipeline file has no table [{'.'.join(table)}] of its own")
    return with_line(text, table, "weights", weights)
