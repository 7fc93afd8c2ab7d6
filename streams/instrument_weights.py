"""Weights for the images of one instrument: written into a pipeline file, recorded, and undone."""

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from stages.denoise.resident import NoWeights, weights_sha256
from stages.stage import Stage
from streams.errors import UsageError
from streams.instruments import INSTRUMENTS
from streams.model_changes import CandidateChange, Change, Changes, ModelChange, ModelEvent, WeightsNamed, changes_of
from streams.pipeline import Pipeline, load_pipeline, parsed
from streams.pipeline_text import with_line, without_line
from streams.whole_file import write_whole

WEIGHTS = "weights"


def promote_for(
    pipeline: Path, weights: Path, *, instrument: str, candidates: Sequence[str] = (), now: datetime
) -> ModelEvent:
    """Let the images of an instrument be restored with these weights: by the candidates named, or all that take them.

    Raises
    ------
    UsageError
        If no candidate takes them, or they have them already.
    """
    with changes_of(pipeline) as record:
        old = load_pipeline(pipeline)
        named = WeightsNamed(weights=str(weights.resolve()), sha256=weights_sha256(str(weights)))
        wanted = [
            CandidateChange(
                stage=stage, candidate=candidate, before=_own(old, stage, instrument, candidate), after=named
            )
            for stage, candidate in _taking(old, named, candidates, pipeline)
        ]
        if all(one.before == one.after for one in wanted):
            raise UsageError(f"{instrument} has these weights already in {pipeline}; there is nothing to change")
        plan = ModelChange(
            change=Change.PROMOTED,
            instrument_id=instrument,
            pipeline_before=old.hash,
            pipeline_after="",
            candidates=tuple(wanted),
        )
        return _made(record, pipeline, old.text, plan, now)


def undo_for(pipeline: Path, *, instrument: str, now: datetime) -> ModelEvent:
    """Give the images of an instrument back what they were restored with before its last standing promotion.

    Raises
    ------
    UsageError
        If there is none, the file was changed by hand since, or the weights of before are gone or others.
    """
    with changes_of(pipeline) as record:
        last = record.standing(instrument)
        if last is None:
            raise UsageError(f"no promotion of {instrument} stands in {pipeline}; semstream models history shows all")
        text = pipeline.read_bytes().decode()
        for one in last.data.candidates:
            named = _named(text, pipeline, (one.stage, INSTRUMENTS, instrument, one.candidate))
            if named not in {side and side.weights for side in (one.before, one.after)}:
                raise UsageError(
                    f"{one.candidate} of {instrument} has {named or 'no weights of its own'} in {pipeline}, which is "
                    "neither what that promotion set nor what was before: it was changed by hand since, so undo it by "
                    "hand"
                )
            _check_unchanged(one.before)
        plan = ModelChange(
            change=Change.UNDONE,
            instrument_id=instrument,
            pipeline_before=_hash_of(pipeline),
            pipeline_after="",
            candidates=tuple(one.undone for one in last.data.candidates),
            undoes=last.id,
        )
        return _made(record, pipeline, text, plan, now)


def _named(text: str, pipeline: Path, table: Sequence[str]) -> str | None:
    """Return the weights that a table names; the file need not be a pipeline any more, for its weights may be gone."""
    try:
        found: Any = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{pipeline} is no valid TOML: {error}") from error
    for key in (*table, WEIGHTS):
        found = found.get(key) if isinstance(found, dict) else None
    return None if found is None else str(found)


def _hash_of(pipeline: Path) -> str | None:
    try:
        return load_pipeline(pipeline).hash
    except UsageError:
        return None


def _taking(pipeline: Pipeline, weights: WeightsNamed, named: Sequence[str], source: Path) -> Iterator[tuple[str, str]]:
    """Yield stage and name of the candidates named, or of every one that can have these weights."""
    known = {name: (stage, method) for stage in pipeline.stages for name, method in _networks(stage)}
    for name in named:
        if name not in known:
            raise UsageError(f"{source} has no network '{name}'; its networks are {', '.join(known) or 'none'}")
    refused: dict[str, str] = {}
    for name, (stage, method) in known.items():
        try:
            if not named or name in named:
                replace(method, weights=weights.weights)
                yield stage.name, name
        except NoWeights as error:
            refused[name] = str(error)
    wrong = [why for name, why in refused.items() if name in named or len(refused) == len(known)]
    if wrong or not known:
        raise UsageError(wrong[0] if wrong else f"{source} has no network")


def _networks(stage: Stage) -> Iterator[tuple[str, Any]]:
    """Yield the candidates of a stage that have weights; a chain has none of its own."""
    if hasattr(stage, INSTRUMENTS):
        yield from ((name, method) for name, method in stage.candidates.items() if hasattr(method, WEIGHTS))  # type: ignore[attr-defined]


def _own(pipeline: Pipeline, stage: str, instrument: str, candidate: str) -> WeightsNamed | None:
    """Return the weights that a candidate of an instrument's images has of its own."""
    found = next((one for one in pipeline.stages if one.name == stage), None)
    method = getattr(found, INSTRUMENTS, {}).get(instrument, {}).get(candidate)
    return None if method is None else WeightsNamed(weights=method.weights, sha256=weights_sha256(method.weights))


def _check_unchanged(before: WeightsNamed | None) -> None:
    if before is None:
        return
    try:
        found = weights_sha256(before.weights)
    except NoWeights as error:
        raise UsageError(f"the weights of before are gone ({error}); put them back, or promote others") from error
    if found != before.sha256:
        raise UsageError(
            f"{before.weights} has the sha256 {found[:12]} now and had {before.sha256[:12]} before that promotion: put "
            "the old file back, or promote others"
        )


def _made(record: Changes, pipeline: Path, text: str, plan: ModelChange, now: datetime) -> ModelEvent:
    """Write the change down, then make it: in this order a crash leaves no change that the record does not tell."""
    before = text
    for one in plan.candidates:
        table = (one.stage, INSTRUMENTS, plan.instrument_id, one.candidate)
        text = with_line(text, table, WEIGHTS, one.after.weights) if one.after else without_line(text, table, WEIGHTS)
    new = parsed(text, name=pipeline.stem, source=str(pipeline))
    for one in plan.candidates:
        mine = _own(new, one.stage, plan.instrument_id, one.candidate) == one.after
        if not mine or _without(text, plan) != _without(before, plan):
            raise UsageError(
                f"{pipeline} says in another form than a table [{one.stage}.{INSTRUMENTS}.{plan.instrument_id}."
                f"{one.candidate}] what that instrument has: change it by hand"
            )
    event = record.append(plan.but(pipeline_after=new.hash), now)
    file, mode = pipeline.resolve(), pipeline.stat().st_mode
    write_whole(file, text.encode())
    file.chmod(mode)
    return event


def _without(text: str, plan: ModelChange) -> dict[str, Any]:
    """Return what a file says, without the options that a plan changes and tables that hold nothing else."""
    tables: dict[str, Any] = tomllib.loads(text)
    for one in plan.candidates:
        _drop(tables, (one.stage, INSTRUMENTS, plan.instrument_id, one.candidate, WEIGHTS))
    return tables


def _drop(table: dict[str, Any], way: Sequence[str]) -> None:
    """Take an option out of nested tables, and those that are empty without it."""
    key, *rest = way
    inner = table.get(key)
    if isinstance(inner, dict) and rest:
        _drop(inner, rest)
    if not rest or inner == {}:
        table.pop(key, None)
