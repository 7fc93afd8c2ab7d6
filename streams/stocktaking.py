"""Stocktaking: whether the store holds what selected events promise, the raw image and the chosen candidate."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import orjson

from streams.balance import Fault, Finding
from streams.ports import Inventory
from streams.transport import Message


class Promise(NamedTuple):
    """An object that an event speaks of, and the event's place."""

    topic: str
    partition: int
    offset: int
    acquisition_id: str
    what: str
    size_bytes: int


def missing_objects(messages: Iterable[Message], inventory: Inventory, *, stage: str, bucket: str) -> list[Finding]:
    """Return what is promised and not there, or there with another size; other buckets are not looked into.

    What other candidates left may have been evicted, so it is not looked for. Some 300 bytes an object are kept.
    """
    promised: dict[str, Promise] = {}
    for message in messages:
        for key, promise in promises(message, bucket):
            promised.setdefault(key, promise)
    folders: dict[str, set[str]] = defaultdict(set)
    for key in promised:
        folders[key.rpartition("/")[0]].add(key)
    findings = []
    for folder, keys in sorted(folders.items()):
        held = {found.key: found.size_bytes for found in inventory.objects(folder) if found.key in keys}
        for key in sorted(keys):
            promise = promised[key]
            if held.get(key) != promise.size_bytes:
                findings.append(_finding(promise, stage, _how_missing(key, promise, held.get(key))))
    return findings


def promises(message: Message, bucket: str) -> Iterator[tuple[str, Promise]]:
    """Yield the keys of an event's raw image and of its chosen candidate, where that has pixels of its own."""
    try:
        event: dict[str, Any] = orjson.loads(message.value or b"")
        acquisition = event["acquisition"]["acquisition_id"]
        chosen = (event.get("selection") or {}).get("chosen")
        found = [("raw image", event["image"]["object"])]
        found += [("selected result", c["object"]) for c in event.get("candidates", ()) if c["name"] == chosen]
    except (orjson.JSONDecodeError, TypeError, KeyError, AttributeError):
        return  # no event of ours; conservation tells of it
    place = message.partition
    for what, ref in found:
        if ref and ref["bucket"] == bucket:
            key, size = ref["key"], ref["size_bytes"]
            yield key, Promise(place.topic, place.number, message.offset, acquisition, what, size)


def _how_missing(key: str, promise: Promise, size: int | None) -> str:
    if size is None:
        return f"the {promise.what} is not in the store: {key}"
    return f"the {promise.what} has {size} bytes in the store, not {promise.size_bytes}: {key}"


def _finding(promise: Promise, stage: str, detail: str) -> Finding:
    topic, partition, offset, acquisition, *_ = promise
    return Finding(Fault.MISSING, stage, topic, partition, offset, acquisition, 1, detail)
