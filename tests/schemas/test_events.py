import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pydantic import ValidationError

from schemas.events import DeadLetter, ImageEvent
from schemas.health import HealthEvent
from schemas.json_schema import TYPES, schema_texts
from schemas.model import Record
from tests.events import image_event

RELEASED = sorted((Path(__file__).parent / "released").rglob("*.json"))
COMMITTED = Path(__file__).parents[2] / "schemas" / "json"


def _model(fixture: Path) -> type[Record]:
    return TYPES[fixture.stem.split("-")[0]]


def _what_was_known(sent_on: Any, original: Any) -> Any:
    """Leave out the fields that events have grown since, at every depth."""
    if isinstance(original, dict) and isinstance(sent_on, dict):
        return {key: _what_was_known(sent_on[key], value) for key, value in original.items() if key in sent_on}
    if isinstance(original, list) and isinstance(sent_on, list) and len(sent_on) == len(original):
        return [_what_was_known(*pair) for pair in zip(sent_on, original, strict=True)]
    return sent_on


@pytest.mark.parametrize("fixture", RELEASED, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_events_of_every_released_version_parse_for_ever(fixture: Path) -> None:
    parsed = _model(fixture).from_json(fixture.read_bytes())
    original = json.loads(fixture.read_bytes())
    assert _what_was_known(json.loads(parsed.to_json()), original) == original


@pytest.mark.parametrize("fixture", RELEASED, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_events_of_every_released_version_fit_the_schema_of_today(fixture: Path) -> None:
    schema = json.loads(schema_texts()[f"{fixture.stem.split('-')[0]}.json"])
    jsonschema.validate(json.loads(fixture.read_bytes()), schema)


def test_there_are_released_events_of_every_type() -> None:
    assert {_model(fixture) for fixture in RELEASED} == set(TYPES.values()) == {ImageEvent, DeadLetter, HealthEvent}


def test_the_committed_schemas_are_those_of_the_models() -> None:
    committed = {path.name: path.read_text(encoding="utf-8") for path in COMMITTED.glob("*.json")}
    assert committed == schema_texts(), "run `make schemas`"


def test_unknown_fields_are_kept_and_forwarded_at_every_depth() -> None:
    data = json.loads(image_event().to_json())
    data["of_tomorrow"] = {"x": [1]}
    data["image"]["of_tomorrow"] = "y"
    forwarded = json.loads(ImageEvent.from_json(json.dumps(data)).to_json())
    assert (forwarded["of_tomorrow"], forwarded["image"]["of_tomorrow"]) == ({"x": [1]}, "y")


def test_numbers_that_json_cannot_carry_are_refused() -> None:
    data = image_event().model_dump(mode="json")
    data["image"]["pixel_size_nm"] = float("nan")
    with pytest.raises(ValidationError, match="finite"):
        ImageEvent.model_validate(data)


def test_an_event_cannot_be_altered() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        image_event().schema_version = 7  # type: ignore[misc]
