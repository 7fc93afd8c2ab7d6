"""The one contract of every object store, alone and behind the node cache."""

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from schemas.image import ObjectRef
from streams.adapters.folder_store import FolderStore
from streams.adapters.node_cache import NodeCache
from streams.adapters.s3_store import S3Store
from streams.errors import InvalidImage
from streams.ports import Inventory, ObjectStore
from streams.settings import S3Settings
from tests.buckets import OwnBucket, minio, s3

OBJECT = b"pixels" * 1000
CACHE_BYTES = 1 << 20


@dataclass(frozen=True)
class Place:
    """A store, what lists it, and a way to spoil one of its objects behind its back."""

    store: ObjectStore
    inventory: Inventory
    write: Callable[[str, bytes], object]

    def put(self, data: bytes = OBJECT) -> ObjectRef:
        return self.store.put(data, folder="candidates", suffix=".tif", media_type="image/tiff")

    def keys(self) -> list[str]:
        return [one.key for one in self.inventory.objects("candidates")]


def _folder(tmp_path: Path) -> Iterator[Place]:
    store = FolderStore(tmp_path / "objects")
    yield Place(store, store, lambda key, data: (tmp_path / "objects" / key).write_bytes(data))


def _bucket(found: S3Settings) -> Iterator[Place]:
    bucket = OwnBucket(found)
    store = S3Store(bucket.settings, connections=4)
    yield Place(store, store, lambda key, data: bucket.client.put_object(Bucket=bucket.name, Key=key, Body=data))
    store.close()
    bucket.remove()


PLACES: dict[str, Callable[[Path], Iterator[Place]]] = {
    "folder": _folder,
    "versitygw": lambda _: _bucket(s3()),
    "minio": lambda _: _bucket(minio()),
}


@pytest.fixture(params=PLACES)
def bare(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    yield from PLACES[request.param](tmp_path)


@pytest.fixture(params=["alone", "behind the node cache"])
def place(bare: Place, request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "alone":
        return bare
    return Place(NodeCache(bare.store, tmp_path / "cache", max_bytes=CACHE_BYTES), bare.inventory, bare.write)


def test_what_is_put_is_read_back(place: Place) -> None:
    ref = place.put()
    assert place.store.get(ref) == OBJECT
    assert (ref.size_bytes, ref.sha256) == (len(OBJECT), hashlib.sha256(OBJECT).hexdigest())


def test_an_empty_object_is_an_object(place: Place) -> None:
    ref = place.put(b"")
    assert (ref.size_bytes, place.store.get(ref)) == (0, b"")


def test_the_key_comes_from_the_content_so_putting_again_changes_nothing(place: Place) -> None:
    assert place.put() == place.put()
    assert place.put() != place.put(b"other")
    assert place.keys() == sorted([place.put().key, place.put(b"other").key])


def test_a_reference_survives_the_wire(place: Place) -> None:
    ref = place.store.put(OBJECT, folder="raw/sim-1", suffix=".tif", media_type="image/tiff")
    assert place.store.get(ObjectRef.from_json(ref.to_json())) == OBJECT


def test_an_object_that_was_never_put_is_an_invalid_image_that_says_what_to_do(place: Place) -> None:
    ref = place.put()
    with pytest.raises(InvalidImage, match=r"candidates/00/none\.tif is gone from the store; replay its image"):
        place.store.get(ref.but(key="candidates/00/none.tif"))
    with pytest.raises(
        InvalidImage, match=r"gone from the store; (publish its file again .*dlq retry|run again, with --retry-failed)"
    ):
        place.store.get(ref.but(key="raw/00/none.tif"))


def test_what_it_says_has_vanished_is_gone(place: Place) -> None:
    ref = place.put()
    gone = ref.but(key="candidates/00/none.tif")
    assert place.store.vanished([ref, gone]) in ([], [gone])


@pytest.mark.parametrize("foreign", [{"store": "elsewhere"}, {"bucket": "private"}], ids=["store", "bucket"])
def test_a_reference_to_another_store_or_bucket_is_refused(place: Place, foreign: dict[str, Any]) -> None:
    ref = place.put()
    with pytest.raises(InvalidImage, match="not configured") as refusal:
        place.store.get(ref.but(**foreign))
    assert "\n" not in str(refusal.value)


def test_an_altered_object_is_never_returned_and_mended_by_the_next_put(bare: Place) -> None:
    ref = bare.put()
    for altered in (b"P" + OBJECT[1:], OBJECT[:-1], OBJECT + b"more"):
        bare.write(ref.key, altered)
        with pytest.raises(InvalidImage, match="size and sha256 that its reference says; replay its image"):
            bare.store.get(ref)
    bare.write(ref.key, OBJECT[:-1])
    bare.put()
    assert bare.store.get(ref) == OBJECT


def test_a_reference_with_a_wrong_checksum_or_size_harms_nobody_elses_object(bare: Place) -> None:
    ref = bare.put()
    for wrong in (ref.but(sha256="0" * 64), ref.but(size_bytes=1), ref.but(size_bytes=1 << 40)):
        with pytest.raises(InvalidImage, match="size and sha256 that its reference says; replay its image"):
            bare.store.get(wrong)
    assert bare.store.get(ref) == OBJECT


def test_threads_share_it(place: Place) -> None:
    objects = [bytes([n]) * 5000 for n in range(24)] * 2
    with ThreadPoolExecutor(8) as threads:
        refs = list(threads.map(place.put, objects))
        assert list(threads.map(place.store.get, refs)) == objects
    assert len(place.keys()) == 24


def test_objects_are_listed_with_size_and_age_in_the_order_of_their_keys(bare: Place) -> None:
    refs = [bare.put(bytes(n)) for n in range(5)]
    bare.store.put(b"raw", folder="raw/sim-1", suffix=".tif", media_type="image/tiff")
    listed = list(bare.inventory.objects("candidates"))
    assert [one.key for one in listed] == sorted(ref.key for ref in refs)
    assert {one.key: one.size_bytes for one in listed} == {ref.key: ref.size_bytes for ref in refs}
    assert all(abs(datetime.now(UTC) - one.modified_at) < timedelta(minutes=5) for one in listed)


def test_an_empty_folder_lists_nothing(bare: Place) -> None:
    assert list(bare.inventory.objects("candidates")) == []


def test_what_is_deleted_is_gone_and_may_be_deleted_again(bare: Place) -> None:
    kept, dropped = bare.put(), bare.put(b"other")
    for _ in range(2):
        bare.inventory.delete([dropped.key])
    assert bare.keys() == [kept.key]
    with pytest.raises(InvalidImage, match="gone"):
        bare.store.get(dropped)
    assert bare.store.get(bare.put(b"other")) == b"other"
