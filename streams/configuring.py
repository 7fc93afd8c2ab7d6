"""Dataclasses from TOML tables: a stage with its options, a method with its parameters."""

import dataclasses
import importlib
from typing import Any, get_type_hints

from pydantic import ConfigDict, PydanticSchemaGenerationError, TypeAdapter, ValidationError

from stages.stage import Stage
from streams.errors import UsageError
from streams.wording import meant, plainly


def configured(cls: type[Any], table: Any, place: str) -> Any:  # noqa: ANN401 - any configured class
    """Return an instance of a frozen dataclass from a table; nested tables that name a method become its instances."""
    if not isinstance(table, dict):
        raise UsageError(f"{place}: expected a table of options")
    if not (isinstance(cls, type) and dataclasses.is_dataclass(cls)):
        raise UsageError(f"{place}: {getattr(cls, '__name__', repr(cls))} is no dataclass, so it has no options to set")
    hints = get_type_hints(cls, include_extras=True)
    fields = {field.name for field in dataclasses.fields(cls) if field.init}
    unknown = sorted(set(table) - fields)
    if unknown:
        raise UsageError(f"{place}: {cls.__name__} has no option '{unknown[0]}'; {meant(unknown[0], fields)}")
    options = {name: _option(hints[name], value, f"{place} {name}") for name, value in table.items()}
    try:
        return cls(**options)
    except (TypeError, ValueError, OSError) as error:
        raise UsageError(f"{place}: {error}") from error


def _option(hint: Any, value: Any, place: str) -> Any:  # noqa: ANN401 - any option of any class
    if isinstance(value, dict) and value and all(isinstance(item, dict) for item in value.values()):
        return {name: method_from(item, f"{place}.{name}") for name, item in value.items()}
    try:
        return TypeAdapter(hint, config=ConfigDict(allow_inf_nan=False)).validate_python(value)
    except PydanticSchemaGenerationError as error:  # a field of methods
        raise UsageError(f"{place} = {value!r}: needs a table for each of them, with a line method = ...") from error
    except ValidationError as error:
        raise UsageError(f"{place} = {value!r}: {plainly(error.errors()[0]['msg'].lower())}") from error


def method_from(table: dict[str, Any], place: str) -> Any:  # noqa: ANN401 - any configured class
    """Return a candidate's method from its table; raises `UsageError`."""
    if "method" not in table:
        raise UsageError(f'{place}: needs a line like method = "stages.filter.gaussian:Gaussian"')
    options = {name: item for name, item in table.items() if name != "method"}
    method = configured(named(str(table["method"]), place), options, place)
    if isinstance(method, Stage) or not (callable(method) and hasattr(method, "version")):
        raise UsageError(f"{place}: '{table['method']}' is no method")
    return method


def named(name: str, place: str) -> Any:  # noqa: ANN401 - any configured class
    """Return what ``module:Class`` names; raises `UsageError`."""
    module, _, attribute = name.partition(":")
    if not module or module.startswith("."):
        raise UsageError(f"{place}: '{name}' is no module:Class")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError, SyntaxError) as error:
        raise UsageError(f"{place}: cannot find '{name}' (module:Class): {error}") from error
