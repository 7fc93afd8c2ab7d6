"""What a run leaves for people: result images, certificates, the list of events, the dead letters, the summary."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from schemas.events import DeadLetter, ImageEvent
from schemas.scores import RAW
from streams.formats.sandbox import Decoder
from streams.frames import Frames
from streams.ports import ObjectStore
from streams.result_files import ResultFiles
from streams.source import EVENTS

IMAGES = "images"


class Results:
    """Writes into ``out``: ``images/``, ``events.jsonl`` and ``deadletters.jsonl``; every file whole or not at all."""

    def __init__(self, out: Path, store: ObjectStore, frames: Frames, decoder: Decoder, *, pipeline: str) -> None:
        self._files = ResultFiles(out / IMAGES, store, frames, decoder)
        self._pipeline = pipeline
        self._events = out / EVENTS
        self._letters = out / "deadletters.jsonl"
        self._places: list[tuple[str, int]] = []
        self.by_method: Counter[str] = Counter()
        self.selected_ids: set[str] = set()
        (out / IMAGES).mkdir(parents=True, exist_ok=True)
        self._events.write_bytes(b"")
        self._letters.write_bytes(b"")

    def selected(self, event: ImageEvent) -> None:
        """Write the selected result beside its certificate, and note the event.

        Raises
        ------
        InvalidImage
            If the result cannot be made or has no place; nothing is noted.
        """
        self._files.write(event, pipeline=self._pipeline)
        self.by_method[event.selection.chosen if event.selection else RAW] += 1
        self.selected_ids.add(event.acquisition.acquisition_id)
        self._places.append((event.acquisition.source_name, self._events.stat().st_size))
        _append(self._events, event.to_json())

    def failed(self, letter: DeadLetter) -> None:
        """Note an image that could not be processed."""
        _append(self._letters, letter.to_json())

    def output_name(self, event: ImageEvent) -> str:
        """Path of the result below ``images/``."""
        return self._files.name_of(event)

    def events(self) -> Iterator[ImageEvent]:
        """Read the selected events back, in the order of their source names."""
        with self._events.open("rb") as lines:
            for _, place in sorted(self._places):
                lines.seek(place)
                yield ImageEvent.from_json(lines.readline())

    def path_of(self, event: ImageEvent) -> Path:
        """Where the result was written."""
        return self._files.path_of(event)


def _append(path: Path, line: bytes) -> None:
    with path.open("ab") as lines:
        lines.write(line + b"\n")
