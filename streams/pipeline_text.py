"""One line of one table of a pipeline file changed, and every other character left as it is."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

BARE = re.compile(r"[A-Za-z0-9_-]+")
FOLLOWING = re.compile(r"^[ \t]*\[", re.MULTILINE)

Keys = Sequence[str]
"""A table's name, in parts: ``("denoise", "candidates", "unet")``."""


def with_line(text: str, table: Keys, key: str, value: str) -> str:
    r"""Set a text option of a table; the table is put at the end where there is none.

    >>> print(with_line("[a.b]\nw = 1 # old\n[c]\n", ("a", "b"), "w", "x"), end="")
    [a.b]
    w = "x"
    [c]
    >>> print(with_line("[c]\n", ("a", "b.c"), "w", "x"), end="")
    [c]
    <BLANKLINE>
    [a."b.c"]
    w = "x"
    """
    end = "\r\n" if "\r\n" in text else "\n"
    line, found = f"{key} = {_quoted(value)}{end}", place_of(text, table)
    if found is None:
        return f"{text.rstrip()}{end}{end}[{'.'.join(map(_key, table))}]{end}{line}"
    changed, count = _line(key).subn(lambda _: line, found.lines, count=1)
    return found.before + found.header + (changed if count else line + found.lines) + found.after


def without_line(text: str, table: Keys, key: str) -> str:
    r"""Take an option out of a table, and the table out of the file if nothing but comments is left in it.

    >>> without_line("[c]\n\n[a.b]\nw = 1\n", ("a", "b"), "w")
    '[c]\n'
    """
    found = place_of(text, table)
    if found is None:
        return text
    rest = _line(key).sub("", found.lines, count=1)
    kept = [line for line in rest.splitlines() if line.strip()]
    if any(not line.lstrip().startswith("#") for line in kept):
        return found.before + found.header + rest + found.after
    if kept:
        return found.before + rest.lstrip("\r\n") + found.after
    return found.before + found.after if found.after else found.before.rstrip() + ("\r\n" if "\r\n" in text else "\n")


@dataclass(frozen=True)
class Place:
    """A text, cut around a table."""

    before: str
    header: str
    lines: str
    after: str


def place_of(text: str, table: Keys) -> Place | None:
    """Find a table that has a header of its own."""
    name = r"\s*\.\s*".join(rf"(?:{re.escape(_quoted(key))}|{re.escape(key)})" for key in table)
    header = re.search(rf"^[ \t]*\[\s*{name}\s*\][^\n]*(?:\n|\Z)", text, re.MULTILINE)
    if header is None:
        return None
    following = FOLLOWING.search(text, header.end())
    end = following.start() if following else len(text)
    return Place(text[: header.start()], header[0], text[header.end() : end], text[end:])


def _line(key: str) -> re.Pattern[str]:
    return re.compile(rf"^[ \t]*{re.escape(key)}\s*=[^\n]*(?:\n|\Z)", re.MULTILINE)


def _key(key: str) -> str:
    return key if BARE.fullmatch(key) else _quoted(key)


def _quoted(text: str) -> str:
    r"""Return a text as TOML writes it: as JSON, but for its two escapes of a character beyond U+FFFF, and for DEL.

    >>> _quoted("\U0001f600/a\\b") == '"\U0001f600/a\\\\b"'
    True
    """
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
