"""What is wrong with settings, in one line: which variable, or which key of which file, and what was meant."""

import re
from collections.abc import Collection, Container, Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from urllib.parse import unquote

from pydantic import ValidationError

from streams.wording import meant, plainly

MISSING, UNKNOWN = "missing", "extra_forbidden"
HEADER = re.compile(r"\s*[!#-'*+.0-9A-Z^-z|~-]+\s*=(?P<value>[ \t!#-+\--:<-\[\]-~]*)")
"""What OpenTelemetry reads of a header in a variable; the rest it drops, and logs with the secret in it."""


def fault(
    error: ValidationError, tables: Mapping[str, Collection[str]], source: Path, variables: Container[str], prefix: str
) -> str:
    """Return the line about the first error; values are not shown, for one may be a secret.

    ``tables`` are the names of all settings by table; ``variables`` the names of those that are set, each of which goes
    before the file.
    """
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    kind, said = first["type"], plainly(first["msg"])
    table, *keys = map(str, first["loc"])
    if not keys and kind == UNKNOWN:
        return f"{source}: there is no table [{table}]; {meant(table, tables, shown='[{}]'.format)}"
    if not keys and kind == MISSING:
        return f"{source}: the table [{table}] is missing"
    key = keys[0] if keys else said.partition(":")[0]  # what is wrong with several values names the first itself
    variable = _variable(prefix, table, key)
    if kind == MISSING:
        return f"{source}: [{table}] needs {key}: write it there, or set {variable}"
    if kind == UNKNOWN and variable in variables:
        named = meant(key, tables[table], shown=lambda name: _variable(prefix, table, name))
        return f"the variable {variable} sets nothing; {named}"
    if kind == UNKNOWN:
        return f"{source}: [{table}] {key} is no setting; {meant(key, tables[table])}"
    place = f"the variable {variable}" if variable in variables else f"{source}: [{table}] {key}"
    return f"{place}: {said.removeprefix(f'{key}: ')}"


def misspelt(variables: Iterable[str], words: Collection[str], prefix: str) -> str | None:
    """Return the line about the first variable whose word after the prefix is nearly one of ``words``, if any is.

    Others with the prefix may be anybody's: Kubernetes names its services so.
    """
    for variable in sorted(name for name in variables if name.startswith(prefix)):
        word, *rest = variable.removeprefix(prefix).split("_", 1)
        close = get_close_matches(word.lower(), words, n=1)
        if close and word.lower() not in words:
            return f"the variable {variable} sets nothing; did you mean {_variable(prefix, close[0], *rest)}?"
    return None


def _variable(prefix: str, *names: str) -> str:
    return f"{prefix}{'_'.join(names)}".upper()


def header_fault(variable: str, text: str) -> str | None:
    """Return the line about a variable that is no list of headers, which are secrets and not shown; None for one.

    >>> header_fault("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20secret, x-tenant=fab")
    """
    parts = [part for part in text.split(",") if part.strip()]
    read = [HEADER.fullmatch(part) for part in parts]
    if all(found and unquote(found["value"]).strip().isprintable() for found in read):
        return None
    return (
        f"{variable}: write name=value, with commas between several; encode what is no plain letter in a value as %xx"
    )
