"""A dead letter in words: its failure, its message, and whether that was sent again."""

import base64
from collections.abc import Iterator

import orjson

from schemas.events import OriginalMessage
from streams.deadletters import Letter
from streams.report.markup import visible

SHOWN = 120
"""Characters shown of a key, a header, or a value that is no JSON."""


def letter_fields(letter: Letter) -> dict[str, object]:
    """Return everything but the message, for JSON."""
    content = letter.content.model_dump(mode="json", exclude={"original"})
    original = letter.content.original
    place = f"{original.topic}/{original.partition}/{original.offset}" if original else None
    return {"id": letter.id, "lane": letter.lane, **content, "original": place}


def letter_story(letter: Letter, retried: str | None) -> Iterator[str]:
    """Yield the lines about a letter; ``retried`` is what became of it since. Nothing in them can spoil a terminal."""
    content = letter.content
    facts = {
        "letter": letter.id,
        "reason": content.reason,
        "kind": content.error_class,
        "stage": f"{content.stage} in the {letter.lane} lane, attempt {content.attempt}",
        "failed": f"{content.failed_at.isoformat()} on {content.host or 'an unnamed host'}",
        "source": content.source_name,
        "image": content.image_id,
        "acquisition": content.acquisition_id,
        "retried": retried or "no",
    }
    yield from (f"{name:<12} {visible(text)}" for name, text in facts.items() if text)
    if content.original is not None:
        yield from _message(content.original)


def _message(original: OriginalMessage) -> Iterator[str]:
    place = f"{original.topic}/{original.partition}/{original.offset}"
    yield f"{'message':<12} {visible(place)}, key {_shown(original.key_base64)}"
    for name, value in original.headers:
        yield f"  {visible(name)}: {_shown(value)}"
    if original.by_reference:
        yield f"  its value, {original.size_bytes} bytes with sha256 {original.sha256}, stands there only"
        return
    try:
        event = orjson.loads(base64.b64decode(original.value_base64 or ""))
    except orjson.JSONDecodeError:
        yield f"  {_shown(original.value_base64)}"
    else:
        yield from map(visible, orjson.dumps(event, option=orjson.OPT_INDENT_2).decode().split("\n"))


def _shown(text: str | None) -> str:
    data = base64.b64decode(text) if text is not None else None
    if data is None:
        return "none"
    shown = visible(data[:SHOWN].decode(errors="backslashreplace"))
    return shown if len(data) <= SHOWN else f"{shown}... ({len(data)} bytes)"
