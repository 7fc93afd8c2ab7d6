"""The same images in the embedded mode and at real services: what they come to is compared, event by event."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from pydantic import JsonValue

from schemas.events import ImageEvent
from schemas.model import Record
from stages.simulation.series import simulated_images
from streams.bench.efficiency import tiff_of
from streams.bench.embedding import SOURCE, trial
from streams.bench.own_lane import OwnLane, Reader, read
from streams.source import folder_files

SIZE_PX = 128
SHOWN = 80
"""Characters of a value that differs."""
PASSING = frozenset({"seconds", "cache_hit", "published_at", "store", "bucket"})
"""When it was, how long it took, and where objects lie."""


class Modes(Record):
    """How many images came to the same in both modes, and for each other one a line that says where they differ."""

    images: int
    identical_pixels: int
    """Every candidate's file has the same sha256."""
    identical_selections: int
    identical_events: int
    """All that an event says, apart from `PASSING`."""
    differences: tuple[str, ...]


def measure_modes(lane: OwnLane, open_reader: Callable[[str], Reader], *, images: int, seed: int) -> Modes:
    """Run simulated images of every kind through the embedded mode, then through an agent and a worker at services.

    Images that nobody had before are computed in both modes: the services' dedup cache is shared.
    """
    folder = lane.folder / "in"
    folder.mkdir()
    for number, image in enumerate(simulated_images(images=images, seed=seed, size_px=SIZE_PX)):
        (folder / f"{number:05d}.tif").write_bytes(tiff_of(image.noisy))
    with trial(lane.pipeline) as under:
        under.run(folder_files(folder))
        embedded = list(under.results.events())
    reader = open_reader(lane.pipeline.steps(lane.name)[-1].produces)
    lane.publish(folder, source=SOURCE)
    with lane.worker([stage.name for stage in lane.pipeline.stages], threads=2):
        messages = read(reader, images)
        messages += reader.poll(limit=images, timeout_s=1)  # what should not come
    return compared(embedded, [ImageEvent.from_json(message.value or b"") for message in messages])


def compared(embedded: Sequence[ImageEvent], services: Sequence[ImageEvent]) -> Modes:
    """Compare the events of both modes by the images' names in their source."""
    here, there = _by_name(embedded), _by_name(services)
    names = sorted({*here, *there})
    pairs = {name: (here[name][0], there[name][0]) for name in names if len(here[name]) == len(there[name]) == 1}
    uneven = [f"{n}: {len(here[n])} events embedded, {len(there[n])} at services" for n in names if n not in pairs]
    unlike = {name: difference(told(a), told(b)) for name, (a, b) in pairs.items()}
    return Modes(
        images=len(names),
        identical_pixels=sum(_pixels(a) == _pixels(b) for a, b in pairs.values()),
        identical_selections=sum(a.selection == b.selection for a, b in pairs.values()),
        identical_events=sum(found is None for found in unlike.values()),
        differences=(*uneven, *(f"{name}{found}" for name, found in unlike.items() if found)),
    )


def told(event: ImageEvent) -> JsonValue:
    """Return what an event says, without what is `PASSING`."""
    return _lasting(event.model_dump(mode="json"))


def difference(one: JsonValue, other: JsonValue) -> str | None:
    """Return the first place where two JSON values differ, and how; None where they do not.

    >>> difference({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]})
    ' > a > 1 > b: 2 embedded, 3 at services'
    >>> difference([1], [1]) is None
    True
    """
    if one == other:
        return None
    items, others = _items(one), _items(other)
    for name, item, another in ((name, items.get(name), others.get(name)) for name in {**items, **others}):
        if found := difference(item, another):
            return f" > {name}{found}"
    return f": {repr(one)[:SHOWN]} embedded, {repr(other)[:SHOWN]} at services"


def _items(value: JsonValue) -> Mapping[str, JsonValue]:
    if isinstance(value, dict):
        return value
    return {str(n): item for n, item in enumerate(value)} if isinstance(value, list) else {}


def _lasting(value: JsonValue) -> JsonValue:
    if isinstance(value, dict):
        return {name: _lasting(item) for name, item in value.items() if name not in PASSING}
    return [_lasting(item) for item in value] if isinstance(value, list) else value


def _by_name(events: Sequence[ImageEvent]) -> Mapping[str, list[ImageEvent]]:
    found: dict[str, list[ImageEvent]] = defaultdict(list)
    for event in events:
        found[event.acquisition.source_name].append(event)
    return found


def _pixels(event: ImageEvent) -> Mapping[str, str | None]:
    return {c.name: c.object.sha256 if c.object else None for c in event.candidates}
