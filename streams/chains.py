"""Candidates that restore what another candidate makes: ``input = "filter:nlm"`` in a pipeline file."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from stages.chain import Chain
from stages.stage import Method, Stage
from streams.errors import UsageError
from streams.wording import meant

INPUT = "input"


def without_inputs(table: Any) -> Any:  # noqa: ANN401 - what TOML gives
    """Return a stage's table without what its candidates' methods do not know."""
    if not isinstance(table, dict) or not isinstance(table.get("candidates"), dict):
        return table
    candidates = {
        name: {key: value for key, value in one.items() if key != INPUT} if isinstance(one, dict) else one
        for name, one in table["candidates"].items()
    }
    return {**table, "candidates": candidates}


def with_chains(stages: Sequence[Stage], tables: Mapping[str, Any], source: str) -> tuple[Stage, ...]:
    """Return the stages with every candidate that names an input put behind it.

    Raises
    ------
    UsageError
        If an input is no candidate of an earlier stage.
    """
    done: list[Stage] = []
    known: dict[str, Method] = {}
    for stage in stages:
        methods: Mapping[str, Method] = getattr(stage, "candidates", {})
        inputs = _inputs(tables.get(stage.name, {}))
        if inputs:
            place = f"{source}: [{stage.name}.candidates."
            methods = {
                name: _chained(method, inputs[name], known, f"{place}{name}] input") if name in inputs else method
                for name, method in methods.items()
            }
            stage = dataclasses.replace(stage, candidates=methods)  # type: ignore[type-var]  # noqa: PLW2901
        done.append(stage)
        known |= {f"{stage.name}:{name}": method for name, method in methods.items()}
    return tuple(done)


def _inputs(table: Any) -> dict[str, Any]:  # noqa: ANN401 - what TOML gives
    candidates = table.get("candidates", {}) if isinstance(table, dict) else {}
    return {name: one[INPUT] for name, one in candidates.items() if isinstance(one, dict) and INPUT in one}


def _chained(method: Method, named: Any, known: Mapping[str, Method], place: str) -> Method:  # noqa: ANN401 - TOML
    if isinstance(named, str) and named in known:
        return Chain(known[named], method)
    if not known:
        raise UsageError(f"{place} = {named!r}: no earlier stage has candidates")
    raise UsageError(f"{place} = {named!r}: no earlier stage has that candidate; {meant(str(named), known)}")
