"""Candidates that are made otherwise for one instrument: ``[denoise.instruments.sem-1.unet]`` in a pipeline file."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from schemas.image import is_instrument
from stages.stage import Method, Stage
from streams.chains import INPUT
from streams.configuring import method_from
from streams.errors import UsageError
from streams.wording import meant

INSTRUMENTS = "instruments"


def without_instruments(table: Any) -> Any:  # noqa: ANN401 - what TOML gives
    """Return a stage's table without what is of single instruments."""
    return {k: v for k, v in table.items() if k != INSTRUMENTS} if isinstance(table, dict) else table


def with_instruments(stages: Sequence[Stage], tables: Mapping[str, Any], source: str) -> tuple[Stage, ...]:
    """Return the stages with the methods of single instruments.

    Raises
    ------
    UsageError
        If one is of no candidate, or of one that has an input or is one.
    """
    inputs = {name for stage in stages for name in _inputs_of(tables.get(stage.name, {}))}
    return tuple(_with_own(stage, tables.get(stage.name, {}), inputs, source) for stage in stages)


def _with_own(stage: Stage, table: Any, inputs: set[str], source: str) -> Stage:  # noqa: ANN401 - what TOML gives
    named = table.get(INSTRUMENTS) if isinstance(table, dict) else None
    if named is None:
        return stage
    place = f"{source}: [{stage.name}.{INSTRUMENTS}"
    if not hasattr(stage, INSTRUMENTS):
        raise UsageError(f"{place}]: the stage '{stage.name}' has no candidates, so instruments have none of their own")
    shared = {name for name in table.get("candidates", {}) if f"{stage.name}:{name}" in inputs}
    found = _Candidates(table.get("candidates", {}), shared)
    own = {name: found.methods(name, one, f"{place}.{name}") for name, one in _tables(named, place)}
    return dataclasses.replace(stage, instruments=own)  # type: ignore[type-var]


@dataclasses.dataclass(frozen=True)
class _Candidates:
    """A stage's candidates as the file describes them, and which of them are inputs of others."""

    tables: Mapping[str, Any]
    shared: set[str]

    def methods(self, instrument: str, own: Any, place: str) -> dict[str, Method]:  # noqa: ANN401 - what TOML gives
        if not is_instrument(instrument):
            raise UsageError(f"{place}]: an instrument's id is made of a-z, 0-9, - and _ (as in sem-1), 64 at the most")
        return {name: self.method(name, one, f"{place}.{name}]") for name, one in _tables(own, place)}

    def method(self, candidate: str, own: Any, place: str) -> Method:  # noqa: ANN401 - what TOML gives
        if candidate not in self.tables:
            raise UsageError(f"{place}: there is no candidate '{candidate}'; {meant(candidate, list(self.tables))}")
        if INPUT in self.tables[candidate] or candidate in self.shared:
            raise UsageError(f"{place}: a candidate that has an input, or is one, is the same for every instrument")
        if not isinstance(own, dict) or {"method", INPUT} & set(own):
            raise UsageError(f"{place}: name the options that differ; method and input are the candidate's")
        method: Method = method_from({**self.tables[candidate], **own}, place)
        return method


def _inputs_of(table: Any) -> list[str]:  # noqa: ANN401 - what TOML gives
    candidates = table.get("candidates", {}) if isinstance(table, dict) else {}
    return [str(one[INPUT]) for one in candidates.values() if isinstance(one, dict) and INPUT in one]


def _tables(value: Any, place: str) -> list[tuple[str, Any]]:  # noqa: ANN401 - what TOML gives
    if not isinstance(value, dict):
        raise UsageError(f"{place}]: expected tables, [STAGE.{INSTRUMENTS}.INSTRUMENT.CANDIDATE]")
    return list(value.items())
