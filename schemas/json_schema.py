"""JSON Schema files of everything that travels, generated from the models: ``python -m schemas.json_schema FOLDER``."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from schemas.events import DEAD_LETTER_TYPE, IMAGE_EVENT_TYPE, DeadLetter, ImageEvent
from schemas.health import HEALTH_EVENT_TYPE, HealthEvent
from schemas.model import Record

TYPES: Mapping[str, type[Record]] = {
    IMAGE_EVENT_TYPE: ImageEvent,
    DEAD_LETTER_TYPE: DeadLetter,
    HEALTH_EVENT_TYPE: HealthEvent,
}


def schema_texts() -> dict[str, str]:
    """Return the file name and the text of every schema."""
    return {f"{name}.json": _text(name, model) for name, model in TYPES.items()}


def _text(name: str, model: type[Record]) -> str:
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": name, **model.model_json_schema()}
    return json.dumps(schema, indent=1, sort_keys=True) + "\n"


def main(folder: Path) -> None:
    """Write the schemas into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in schema_texts().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
