"""Weights for the images of one instrument: written into a pipeline file, recorded, and undone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
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


@dataclass(frozen=True)
class Changed:
    """What became of a pipeline file."""

    event: ModelEvent
    before: Pipeline
    after: Pipeline


def promote_for(
    pipeline: Path, weights: Path, *, instrument: str, candidates: Sequence[str] = (), now: datetime
) -> Changed:
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
        return _made(record, pipeline, old, _plan(Change.PROMOTED, instrument, wanted), now)


def undo_for(pipeline: Path, *, instrument: str, now: datetime) -> Changed:
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
        old = load_pipeline(pipeline)
        for one in last.data.candidates:
            found = _own(old, one.stage, instrument, one.candidate)
            if found not in (one.after, one.before):
                has = "as any instrument's" if found is None else f"{found.weights} ({found.sha256[:12]})"
                raise UsageError(
                    f"{one.candidate} of {instrument} is {has} in {pipeline}, which is neither what that promotion "
                    "set nor what was before: it was changed by hand since, so undo it by hand"
                )
            _check_unchanged(one.before)
        undone = [one.undone for one in last.data.candidates]
        return _made(record, pipeline, old, _plan(Change.UNDONE, instrument, undone, undoes=last.id), now)


def _plan(
    change: Change, instrument: str, candidates: Sequence[CandidateChange], undoes: str | None = None
) -> ModelChange:
    return ModelChange(
        change=change,
        instrument_id=instrument,
        pipeline_before="",
        pipeline_after="",
        candidates=tuple(candidates),
        undoes=undoes,
    )


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
    (found,) = (one for one in pipeline.stages if one.name == stage)
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


def _made(record: Changes, pipeline: Path, old: Pipeline, plan: ModelChange, now: datetime) -> Changed:
    """Write the change down, then make it: in this order a crash leaves no change that the record does not tell."""
    text = old.text
    for one in plan.candidates:
        table = (one.stage, INSTRUMENTS, plan.instrument_id, one.candidate)
        text = with_line(text, table, WEIGHTS, one.after.weights) if one.after else without_line(text, table, WEIGHTS)
    new = parsed(text, name=old.name, source=str(pipeline))
    for one in plan.candidates:
        if _own(new, one.stage, plan.instrument_id, one.candidate) != one.after:
            raise UsageError(
                f"{pipeline} says in another form than a table [{one.stage}.{INSTRUMENTS}.{plan.instrument_id}."
                f"{one.candidate}] what that instrument has: change it by hand"
            )
    event = record.append(plan.but(pipeline_before=old.hash, pipeline_after=new.hash), now)
    write_whole(pipeline.resolve(), text.encode())
    return Changed(event, old, new)
