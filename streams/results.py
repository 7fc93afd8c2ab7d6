"""What a run leaves for people: result images, certificates, the list of events, the dead letters, the summary."""

import errno
import hashlib
import platform
from collections import Counter
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path, PurePosixPath

import orjson

from schemas.events import DeadLetter, ImageEvent
from schemas.scores import RAW
from streams.errors import InvalidImage
from streams.formats.sandbox import Decoder
from streams.frames import Frames
from streams.ports import ObjectStore
from streams.whole_file import write_whole

IMAGES = "images"
NAME_BYTES = 255 - len(".json")
NO_SUCH_PLACE = {errno.ENAMETOOLONG, errno.EISDIR, errno.ENOTDIR, errno.EEXIST}
"""The path is too long, or a file of the input has the name that another's folder has."""
PACKAGES = ("semstream", "numpy", "scipy", "opencv-python-headless", "scikit-image", "torch", "tifffile")


class Results:
    """Writes into ``out``: ``images/``, ``events.jsonl`` and ``deadletters.jsonl``; every file whole or not at all."""

    def __init__(self, out: Path, store: ObjectStore, frames: Frames, decoder: Decoder, *, pipeline: str) -> None:
        self._images = out / IMAGES
        self._store = store
        self._frames = frames
        self._decoder = decoder
        self._pipeline = pipeline
        self._events = out / "events.jsonl"
        self._letters = out / "deadletters.jsonl"
        self._places: list[tuple[str, int]] = []
        self._taken: dict[str, str] = {}
        self._versions = {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}
        self.by_method: Counter[str] = Counter()
        self.selected_ids: set[str] = set()
        self._images.mkdir(parents=True, exist_ok=True)
        self._events.write_bytes(b"")
        self._letters.write_bytes(b"")

    def selected(self, event: ImageEvent) -> None:
        """Write the selected result beside its certificate, and note the event.

        Raises
        ------
        InvalidImage
            If the result cannot be made or has no place; nothing is noted.
        """
        chosen = event.selection.chosen if event.selection else RAW
        frame = self._frames.of(event, [chosen])[chosen]
        image = event.image
        data = self._decoder.stitched(self._store.get(image.object), image.page, image.valid_roi, frame)
        path = self._images / self.output_name(event)
        _write(path, data)
        certificate = self._certificate(event, data)
        _write(path.with_name(path.name + ".json"), orjson.dumps(certificate, option=orjson.OPT_INDENT_2))
        self.by_method[chosen] += 1
        self.selected_ids.add(event.acquisition.acquisition_id)
        self._places.append((event.acquisition.source_name, self._events.stat().st_size))
        _append(self._events, event.to_json())

    def failed(self, letter: DeadLetter) -> None:
        """Note an image that could not be processed."""
        _append(self._letters, letter.to_json())

    def output_name(self, event: ImageEvent) -> str:
        """Path of the result below ``images/``: the source's name, as TIFF, one file a page.

        The first to ask for a name keeps it; whoever comes later, or differs in case only, gets one of its own.
        """
        source = PurePosixPath(event.acquisition.source_name)
        page = f".p{event.image.page + 1:04d}" if event.image.page_count > 1 else ""
        tiff = source.suffix.lower() in {".tif", ".tiff"}
        name = f"{source.stem}{page}{source.suffix}" if tiff else f"{source.name}{page}.tif"
        path = source.with_name(_shortened(name, event.image.image_id)).as_posix()
        owner = self._taken.setdefault(path.lower(), event.acquisition.acquisition_id)
        if owner == event.acquisition.acquisition_id:
            return path
        other = f"{event.acquisition.acquisition_id[:8]}-{name}"
        return source.with_name(_shortened(other, event.image.image_id)).as_posix()

    def events(self) -> Iterator[ImageEvent]:
        """Read the selected events back, in the order of their source names."""
        with self._events.open("rb") as lines:
            for _, place in sorted(self._places):
                lines.seek(place)
                yield ImageEvent.from_json(lines.readline())

    def path_of(self, event: ImageEvent) -> Path:
        """Where the result was written."""
        return self._images / self.output_name(event)

    def _certificate(self, event: ImageEvent, data: bytes) -> dict[str, object]:
        candidates = [candidate.model_dump(mode="json") for candidate in event.candidates]
        return {
            "certificate": "sem.certificate.v1",
            "source_name": event.acquisition.source_name,
            "page": event.image.page,
            "image_id": event.image.image_id,
            "input_sha256": event.image.object.sha256,
            "output_sha256": hashlib.sha256(data).hexdigest(),
            "valid_roi": event.image.valid_roi.model_dump(),
            "databar_mode": event.image.databar_mode,
            "pipeline": self._pipeline,
            "noise": event.noise.model_dump(mode="json") if event.noise else None,
            "selection": event.selection.model_dump(mode="json") if event.selection else None,
            "candidates": candidates,
            "results": event.results,
            "versions": self._versions,
        }


def _shortened(name: str, image_id: str) -> str:
    """Return a name that leaves room for the certificate's suffix; its end, where it was too long, tells the image."""
    if len(name.encode()) <= NAME_BYTES:
        return name
    end = f"-{image_id[:8]}{PurePosixPath(name).suffix[:5]}"
    return name.encode()[: NAME_BYTES - len(end.encode())].decode(errors="ignore") + end


def _write(path: Path, data: bytes) -> None:
    try:
        write_whole(path, data)
    except OSError as error:
        if error.errno in NO_SUCH_PLACE:
            raise InvalidImage(
                f"its result cannot be named images/{path.name}: {error.strerror}; rename the file"
            ) from error
        raise


def _append(path: Path, line: bytes) -> None:
    with path.open("ab") as lines:
        lines.write(line + b"\n")
