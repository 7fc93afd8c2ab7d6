"""Weights for the images of one instrument: written into a pipeline file, recorded, and undone."""

import tomllib
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from stages.denoise.resident import NoWeights, weights_sha256
from streams.errors import UsageError
from streams.instruments import INSTRUMENTS
from streams.model_changes import CandidateChange, Change, Changes, ModelChange, ModelEvent, WeightsNamed, changes_of
from streams.pipeline import Pipeline, load_pipeline, parsed
from streams.pipeline_text import with_line, without_line
from streams.pipeline_weights import WEIGHTS, path_said, taking
from streams.whole_file import write_whole


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
        text = _text_of(pipeline)
        interrupted = _interrupted(record, pipeline, text, instrument)
        if interrupted is not None:
            text = _changed(pipeline, text, interrupted.data)[0]
        old = parsed(text, name=pipeline.stem, source=str(pipeline))
        named = WeightsNamed(weights=path_said(weights), sha256=weights_sha256(str(weights)))
        wanted = tuple(
            _wanted(record, _named(text, pipeline, _place(instrument, *place)), instrument, place, named)
            for place in taking(old, named.weights, candidates, str(pipeline))
        )
        if all(one.before == one.after for one in wanted):
            raise UsageError(f"{instrument} has these weights already in {pipeline}; there is nothing to change")
        plan = ModelChange(
            change=Change.PROMOTED,
            instrument_id=instrument,
            pipeline_before=old.hash,
            pipeline_after="",
            candidates=wanted,
        )
        return _made(record, pipeline, text, plan, now)


def undo_for(pipeline: Path, *, instrument: str, now: datetime) -> ModelEvent:
    """Give the images of an instrument back what they were restored with before its last standing promotion.

    An undoing that was written down and not made, because the process ended between the two, is made, and no other.

    Raises
    ------
    UsageError
        If there is none, the file was changed by hand since, or the weights of before are gone or others.
    """
    with changes_of(pipeline) as record:
        text = _text_of(pipeline)
        interrupted = _interrupted(record, pipeline, text, instrument)
        if interrupted is not None:
            _write(pipeline, _changed(pipeline, text, interrupted.data)[0])
            return interrupted
        last = record.standing(instrument)
        if last is None:
            raise UsageError(f"no promotion of {instrument} stands in {pipeline}; semstream models history shows all")
        for one in last.data.candidates:
            named = _named(text, pipeline, _place(instrument, one.stage, one.candidate))
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


def _text_of(pipeline: Path) -> str:
    try:
        return pipeline.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise UsageError(f"cannot read the pipeline file {pipeline}: {error}") from error


def _interrupted(record: Changes, pipeline: Path, text: str, instrument: str) -> ModelEvent | None:
    """Return the last change of an instrument if it is an undoing, and the file has what was before it."""
    last = record.last(instrument)
    if last is None or last.data.change is not Change.UNDONE:
        return None
    changes = last.data.candidates
    has = [_named(text, pipeline, _place(instrument, one.stage, one.candidate)) for one in changes]
    before = [one.before and one.before.weights for one in changes]
    after = [one.after and one.after.weights for one in changes]
    return last if has == before != after else None


def _place(instrument: str, stage: str, candidate: str) -> tuple[str, ...]:
    """Return the name of the table of a candidate of an instrument's images."""
    return stage, INSTRUMENTS, instrument, candidate


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


def _wanted(
    record: Changes, has: str | None, instrument: str, place: tuple[str, str], after: WeightsNamed
) -> CandidateChange:
    """Plan the change of a candidate whose line names ``has``: by the content that the record tells of.

    Other content may lie under that name by now.
    """
    stage, candidate = place
    before = record.told(instrument, stage, candidate)
    if before is None or before.weights != has:
        before = None if has is None else WeightsNamed(weights=has, sha256=weights_sha256(has))
    return CandidateChange(stage=stage, candidate=candidate, before=before, after=after)


def _made(record: Changes, pipeline: Path, text: str, plan: ModelChange, now: datetime) -> ModelEvent:
    """Write the change down, then make it: in this order a crash leaves no change that the record does not tell."""
    changed, new = _changed(pipeline, text, plan)
    event = record.append(plan.but(pipeline_after=new.hash), now)
    _write(pipeline, changed)
    return event


def _changed(pipeline: Path, text: str, plan: ModelChange) -> tuple[str, Pipeline]:
    """Return the text of a pipeline file after a change, and what it says."""
    others = _without(text, plan)
    for one in plan.candidates:
        table = _place(plan.instrument_id, one.stage, one.candidate)
        named = one.after.weights if one.after else None
        text = without_line(text, table, WEIGHTS) if named is None else with_line(text, table, WEIGHTS, named)
        if _named(text, pipeline, table) != named:
            raise UsageError(_by_hand(pipeline, table))
    new = parsed(text, name=pipeline.stem, source=str(pipeline))
    if _without(text, plan) != others:
        raise UsageError(_by_hand(pipeline, table))
    return text, new


def _by_hand(pipeline: Path, table: Sequence[str]) -> str:
    return (
        f"{pipeline} says in another form than a table [{'.'.join(table)}] what that instrument has: change it by hand"
    )


def _write(pipeline: Path, text: str) -> None:
    file, mode = pipeline.resolve(), pipeline.stat().st_mode
    write_whole(file, text.encode())
    file.chmod(mode)


def _without(text: str, plan: ModelChange) -> dict[str, Any]:
    """Return what a file says, without the options that a plan changes and tables that hold nothing else."""
    tables: dict[str, Any] = tomllib.loads(text)
    for one in plan.candidates:
        _drop(tables, (*_place(plan.instrument_id, one.stage, one.candidate), WEIGHTS))
    return tables


def _drop(table: dict[str, Any], way: Sequence[str]) -> None:
    """Take an option out of nested tables, and those that are empty without it."""
    key, *rest = way
    inner = table.get(key)
    if isinstance(inner, dict) and rest:
        _drop(inner, rest)
    if not rest or inner == {}:
        table.pop(key, None)
