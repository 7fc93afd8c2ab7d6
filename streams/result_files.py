"""Results as files: the selected frame in the file that it came from; beside it its certificate and evidence map."""

import errno
import hashlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

import orjson

from schemas.events import ImageEvent
from schemas.scores import RAW
from stages.evidence import EvidenceMap
from streams.certificates import CERTIFICATE, certificate_of
from streams.errors import InvalidImage
from streams.evidence_file import SUFFIX, encoded, evidence_file_of, evidence_of, told
from streams.formats.sandbox import Decoder
from streams.frames import Frames
from streams.ports import ObjectStore
from streams.versions import versions_here
from streams.whole_file import write_whole

NAME_BYTES = 255 - len(SUFFIX)
NO_SUCH_PLACE = {errno.ENAMETOOLONG, errno.EISDIR, errno.ENOTDIR, errno.EEXIST}
"""The path is too long, or a file of the input has the name that another's folder has."""


class ResultFiles:
    """Writes results into a folder, every file whole or not at all; ``taken`` are names of acquisitions known before.

    ``taken`` maps the lower-case path below the folder to an acquisition.
    """

    def __init__(
        self,
        folder: Path,
        store: ObjectStore,
        frames: Frames,
        decoder: Decoder,
        *,
        taken: Mapping[str, str] | None = None,
    ) -> None:
        self._folder = folder
        self._store = store
        self._frames = frames
        self._decoder = decoder
        self._taken = dict(taken or {})
        self._versions = versions_here()

    def write(self, event: ImageEvent, *, pipeline: str | None) -> Path:
        """Write the selected result, the raw frame where there is none, beside its certificate and its evidence map.

        Raises
        ------
        InvalidImage
            If the result cannot be made or has no place.
        """
        chosen = event.selection.chosen if event.selection else RAW
        frames = self._frames.of(event, [RAW, chosen])
        image = event.image
        place = (image.page, image.valid_roi)
        original = self._store.get(image.object)
        data = self._decoder.stitched(original, *place, frames[chosen], image.effective_bits)
        path = self.path_of(event)
        self._write(path, data)
        evidence = evidence_of(event, frames[RAW], frames[chosen])
        if evidence is None:
            evidence_file_of(path).unlink(missing_ok=True)
        else:
            self._write(evidence_file_of(path), encoded(evidence))
        certificate = orjson.dumps(self._certificate(event, data, pipeline, evidence), option=orjson.OPT_INDENT_2)
        self._write(certificate_of(path), certificate)
        return path

    def path_of(self, event: ImageEvent) -> Path:
        """Where the result is written."""
        return self._folder / self.name_of(event)

    def name_of(self, event: ImageEvent) -> str:
        """Path of the result below the folder: the source's name, as TIFF, one file a page.

        The first to ask for a name keeps it; whoever comes later, or differs in case only, gets one of its own.
        """
        source = _below(event)
        page = f".p{event.image.page + 1:04d}" if event.image.page_count > 1 else ""
        tiff = source.suffix.lower() in {".tif", ".tiff"}
        name = f"{source.stem}{page}{source.suffix}" if tiff else f"{source.name}{page}.tif"
        path = source.with_name(_shortened(name, event.image.image_id)).as_posix()
        owner = self._taken.setdefault(path.lower(), event.acquisition.acquisition_id)
        if owner == event.acquisition.acquisition_id:
            return path
        other = f"{event.acquisition.acquisition_id[:8]}-{name}"
        return source.with_name(_shortened(other, event.image.image_id)).as_posix()

    def _write(self, path: Path, data: bytes) -> None:
        try:
            write_whole(path, data)
        except OSError as error:
            if error.errno in NO_SUCH_PLACE:
                raise InvalidImage(
                    f"its result cannot be named {self._folder.name}/{path.name}: {error.strerror}; rename the file"
                ) from error
            raise

    def _certificate(
        self, event: ImageEvent, data: bytes, pipeline: str | None, evidence: EvidenceMap | None
    ) -> dict[str, object]:
        candidates = [candidate.model_dump(mode="json") for candidate in event.candidates]
        return {
            "certificate": CERTIFICATE,
            "source_name": event.acquisition.source_name,
            "acquisition_id": event.acquisition.acquisition_id,
            "page": event.image.page,
            "image_id": event.image.image_id,
            "input_sha256": event.image.object.sha256,
            **({"second_sha256": event.image.second.sha256} if event.image.second else {}),
            "output_sha256": hashlib.sha256(data).hexdigest(),
            "instrument_id": event.image.instrument_id,
            "recipe": event.image.recipe,
            "effective_bits": event.image.effective_bits,
            "pixel_size_nm": event.image.pixel_size_nm,
            "valid_roi": event.image.valid_roi.model_dump(),
            "databar_mode": event.image.databar_mode,
            "pipeline": pipeline,
            "noise": event.noise.model_dump(mode="json") if event.noise else None,
            "selection": event.selection.model_dump(mode="json") if event.selection else None,
            "findings": None if evidence is None else told(evidence),
            "candidates": candidates,
            "results": event.results,
            "versions": self._versions,
        }


def _below(event: ImageEvent) -> PurePosixPath:
    """Return the source's name as a path that stays below a folder: whoever publishes an event names its source."""
    parts = [part for part in PurePosixPath(event.acquisition.source_name).parts if part not in {"/", "//", ".."}]
    return PurePosixPath(*parts) if parts else PurePosixPath(event.image.image_id)


def _shortened(name: str, image_id: str) -> str:
    """Return a name that leaves room for the certificate's suffix; its end, where it was too long, tells the image."""
    if len(name.encode()) <= NAME_BYTES:
        return name
    end = f"-{image_id[:8]}{PurePosixPath(name).suffix[:5]}"
    return name.encode()[: NAME_BYTES - len(end.encode())].decode(errors="ignore") + end
