"""The clean frames that images of a run came with: its events name them, and its ledger does not."""

from pathlib import Path

import orjson
from pydantic import ValidationError

from schemas.image import ObjectRef
from streams.recollection import References
from streams.source import EVENTS


def references_of_run(state: Path | None) -> References:
    """Return the references that the events of the last run in an output folder name; none without a folder."""
    path = state.parent / EVENTS if state is not None else None
    if path is None or not path.is_file():
        return {}
    found: dict[tuple[str, str], ObjectRef] = {}
    with path.open("rb") as lines:
        for line in lines:
            try:
                image = orjson.loads(line)["image"]
                if image.get("reference"):
                    found[image["image_id"], image["version"]] = ObjectRef.model_validate(image["reference"])
            except (ValueError, KeyError, TypeError, ValidationError):
                continue  # the last line of a run that was killed while it wrote it
    return found
