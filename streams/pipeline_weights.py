"""Which candidates of a pipeline can have weights, and a copy of its file in which they do."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from stages.denoise.resident import NoWeights
from stages.stage import Stage
from streams.errors import UsageError
from streams.pipeline import Pipeline, load_pipeline, parsed
from streams.pipeline_text import place_of, with_line
from streams.whole_file import write_whole

WEIGHTS = "weights"


@dataclass(frozen=True)
class Promoted:
    """What changed from one pipeline to the other."""

    before: Mapping[str, str]
    """The weights of old of each candidate that has others now."""
    left: Mapping[str, str]
    """The weights of every other network."""
    after: str
    old: Pipeline
    new: Pipeline


def promoted(pipeline: Path | None, out: Path, *, weights: Path, candidates: Sequence[str] = ()) -> Promoted:
    """Write a copy of a pipeline file, the default one when none is named, in which candidates have these weights.

    These are the candidates named, or every one that can have them.

    Raises
    ------
    UsageError
        If ``out`` exists, there is no such candidate, or the weights do not fit it.
    """
    if out.exists():
        raise UsageError(f"{out} exists; a pipeline file is never overwritten, so choose a new one")
    old, after = load_pipeline(pipeline), path_said(weights)
    text, chosen = old.text, list(taking(old, after, candidates, str(pipeline or "the default pipeline")))
    for stage, name in chosen:
        text = _replaced(text, stage, name, after)
    new = parsed(text, name=out.stem, source=str(out))
    write_whole(out, text.encode())
    had = {name: method.weights for stage in old.stages for name, method in networks(stage)}
    return Promoted({name: had.pop(name) for _, name in chosen}, had, after, old, new)


def path_said(weights: Path) -> str:
    """Return the path of weights as a pipeline file can say it; raises `UsageError` where UTF-8 cannot."""
    path = str(weights.resolve())
    try:
        path.encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"{path!a} is no text in UTF-8, as a pipeline file is: rename it") from error
    return path


def taking(pipeline: Pipeline, weights: str, named: Sequence[str], source: str) -> Iterator[tuple[str, str]]:
    """Yield stage and name of the candidates named, or of every one that can have these weights.

    Raises
    ------
    UsageError
        If one that is named is none or cannot have them, or none can.
    """
    known = {name: (stage, method) for stage in pipeline.stages for name, method in networks(stage)}
    for name in named:
        if name not in known:
            raise UsageError(f"{source} has no network '{name}'; its networks are {', '.join(known) or 'none'}")
    refused: dict[str, str] = {}
    for name, (stage, method) in known.items():
        try:
            if not named or name in named:
                replace(method, weights=weights)
                yield stage.name, name
        except NoWeights as error:
            refused[name] = str(error)
    wrong = [why for name, why in refused.items() if name in named or len(refused) == len(known)]
    if wrong or not known:
        raise UsageError(wrong[0] if wrong else f"{source} has no network")


def networks(stage: Stage) -> Iterator[tuple[str, Any]]:
    """Yield the candidates of a stage that have weights; a chain has none of its own."""
    candidates: Mapping[str, Any] = getattr(stage, "candidates", {})
    yield from ((name, method) for name, method in candidates.items() if hasattr(method, WEIGHTS))


def _replaced(text: str, stage: str, candidate: str, weights: str) -> str:
    """Set the line ``weights`` of a candidate's table."""
    table = (stage, "candidates", candidate)
    if place_of(text, table) is None:
        raise UsageError(f"the pipeline file has no table [{'.'.join(table)}] of its own")
    return with_line(text, table, WEIGHTS, weights)
