"""The one contract of every object store."""

import hashlib
from pathlib import Path

import pytest

from streams.adapters.folder_store import FolderStore
from streams.errors import InvalidImage
from streams.ports import ObjectStore

OBJECT = b"pixels" * 1000


@pytest.fixture
def store(tmp_path: Path) -> ObjectStore:
    return FolderStore(tmp_path)


def put(store: ObjectStore, data: bytes = OBJECT) -> object:
    return store.put(data, folder="candidates", suffix=".tif", media_type="image/tiff")


def test_what_is_put_is_read_back(store: ObjectStore) -> None:
    ref = store.put(OBJECT, folder="candidates", suffix=".tif", media_type="image/tiff")
    assert store.get(ref) == OBJECT
    assert (ref.size_bytes, ref.sha256) == (len(OBJECT), hashlib.sha256(OBJECT).hexdigest())


def test_the_key_comes_from_the_content_so_putting_again_changes_nothing(store: ObjectStore) -> None:
    assert put(store) == put(store)
    assert put(store) != put(store, b"other")


def test_a_reference_survives_the_wire(store: ObjectStore) -> None:
    ref = store.put(OBJECT, folder="raw/sim-1", suffix=".tif", media_type="image/tiff")
    assert store.get(type(ref).from_json(ref.to_json())) == OBJECT


def test_an_object_that_was_never_put_is_an_invalid_image_and_known_to_be_gone(store: ObjectStore) -> None:
    ref = store.put(OBJECT, folder="candidates", suffix=".tif", media_type="image/tiff")
    gone = ref.but(key="candidates/00/none.tif")
    with pytest.raises(InvalidImage, match="gone from the store"):
        store.get(gone)
    assert store.vanished([ref, gone]) == [gone]


def test_a_reference_to_another_store_or_bucket_is_refused(store: ObjectStore) -> None:
    ref = store.put(OBJECT, folder="candidates", suffix=".tif", media_type="image/tiff")
    for foreign in (ref.but(store="elsewhere"), ref.but(bucket="private")):
        with pytest.raises(InvalidImage, match="not configured"):
            store.get(foreign)


def test_an_altered_object_is_never_returned(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    ref = store.put(OBJECT, folder="candidates", suffix=".tif", media_type="image/tiff")
    path = tmp_path / ref.key
    path.write_bytes(b"P" + OBJECT[1:])
    with pytest.raises(InvalidImage, match="size and sha256"):
        store.get(ref)
    path.write_bytes(OBJECT[:-1])
    with pytest.raises(InvalidImage, match="size and sha256"):
        store.get(ref)
    assert store.vanished([ref]) == [ref]
    store.put(OBJECT, folder="candidates", suffix=".tif", media_type="image/tiff")
    assert store.get(ref) == OBJECT
