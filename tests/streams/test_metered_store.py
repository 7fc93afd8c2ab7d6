from pathlib import Path

import pytest

from streams.adapters.folder_store import FolderStore
from streams.errors import InvalidImage
from streams.metered_store import MeteredStore
from streams.telemetry import Telemetry


def test_bytes_and_objects_are_counted_when_they_have_arrived(tmp_path: Path) -> None:
    telemetry = Telemetry()
    store = MeteredStore(FolderStore(tmp_path), telemetry)
    ref = store.put(b"twelve bytes", folder="raw", suffix=".bin", media_type="text/plain")
    assert [store.get(ref) for _ in range(3)] == [b"twelve bytes"] * 3
    assert store.vanished([ref]) == []
    with pytest.raises(InvalidImage):
        store.get(ref.model_copy(update={"key": "raw/none"}))
    counted = [
        telemetry.registry.get_sample_value(f"semstream_store_object_bytes_{number}", {"call": call})
        for number in ("sum", "count")
        for call in ("put", "get")
    ]
    assert counted == [12, 36, 1, 3]
