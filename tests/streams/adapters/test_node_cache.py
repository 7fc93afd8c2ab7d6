import errno
import hashlib
import multiprocessing
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from schemas.image import ObjectRef
from streams.adapters import node_cache
from streams.adapters.folder_store import FolderStore
from streams.adapters.node_cache import PAUSE_S, NodeCache
from streams.errors import InvalidImage, TransientError

KIB = 1024


class FarStore(FolderStore):
    """Counts what is fetched from it; fails on demand."""

    fetched = 0
    failure: Exception | None = None

    def get(self, ref: ObjectRef) -> bytes:
        if self.failure:
            raise self.failure
        self.fetched += 1
        return super().get(ref)


class Clock:
    """Time that a test lets pass."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def far(tmp_path: Path) -> FarStore:
    return FarStore(tmp_path / "far")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def put(store: FolderStore | NodeCache, data: bytes = b"pixels") -> ObjectRef:
    return store.put(data, folder="candidates", suffix=".tif", media_type="image/tiff")


def copies(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in copies(folder))


def test_stages_beside_each_other_fetch_an_object_once(far: FarStore, folder: Path) -> None:
    ref = put(far)
    for _ in range(3):
        for stage in (NodeCache(far, folder, max_bytes=KIB), NodeCache(far, folder, max_bytes=KIB)):
            assert stage.get(ref) == b"pixels"
    assert far.fetched == 1


def test_what_one_stage_puts_the_next_on_this_node_need_not_fetch(far: FarStore, folder: Path) -> None:
    ref = put(NodeCache(far, folder, max_bytes=KIB))
    assert NodeCache(far, folder, max_bytes=KIB).get(ref) == b"pixels"
    assert far.fetched == 0
    assert far.get(ref) == b"pixels"


def test_a_copy_that_is_altered_is_fetched_again_and_replaced(far: FarStore, folder: Path) -> None:
    cache = NodeCache(far, folder, max_bytes=KIB)
    ref = put(cache)
    for altered in (b"pixelz", b"pix", b""):
        copies(folder)[0].write_bytes(altered)
        assert cache.get(ref) == b"pixels"
    assert far.fetched == 3
    assert cache.get(ref) == b"pixels"
    assert far.fetched == 3


def test_a_copy_does_not_answer_for_an_object_elsewhere_with_the_same_content(far: FarStore, folder: Path) -> None:
    cache = NodeCache(far, folder, max_bytes=KIB)
    ref = put(cache)
    for foreign in (ref.but(store="elsewhere"), ref.but(bucket="private"), ref.but(key="candidates/00/none.tif")):
        with pytest.raises(InvalidImage):
            cache.get(foreign)


@pytest.mark.parametrize("error", [InvalidImage("gone"), TransientError("away"), RuntimeError("a bug")], ids=repr)
def test_the_stores_own_errors_pass_unchanged(far: FarStore, folder: Path, error: Exception) -> None:
    ref = put(far)
    far.failure = error
    with pytest.raises(type(error)) as raised:
        NodeCache(far, folder, max_bytes=KIB).get(ref)
    assert raised.value is error
    assert copies(folder) == []


def test_it_never_holds_more_than_its_bound(far: FarStore, folder: Path) -> None:
    cache = NodeCache(far, folder, max_bytes=100 * KIB)
    held = []
    for n in range(300):
        put(cache, n.to_bytes(2, "big") * KIB)
        held.append(size(folder))
    assert max(held) <= 100 * KIB
    assert held[-1] >= 90 * KIB


def test_the_bound_holds_after_a_restart_over_a_full_folder(far: FarStore, folder: Path) -> None:
    for start in range(0, 60, 4):
        cache = NodeCache(far, folder, max_bytes=40 * KIB)
        for n in range(start, start + 4):
            put(cache, bytes([n]) * (2 * KIB))
            assert size(folder) <= 40 * KIB
    assert size(folder) >= 30 * KIB


def test_what_was_used_longest_ago_goes_first(far: FarStore, folder: Path) -> None:
    cache = NodeCache(far, folder, max_bytes=10 * KIB)
    often = put(cache, b"often" * 200)
    for n in range(40):
        put(cache, bytes([n]) * KIB)
        cache.get(often)
    assert far.fetched == 0


def test_an_object_larger_than_the_cache_passes_through(far: FarStore, folder: Path) -> None:
    cache = NodeCache(far, folder, max_bytes=KIB)
    small = put(cache)
    large = put(cache, bytes(2 * KIB))
    assert cache.get(large) == bytes(2 * KIB)
    assert cache.get(small) == b"pixels"
    assert far.fetched == 1


def test_looking_at_the_whole_folder_is_rare(far: FarStore, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = []
    scan = node_cache._scan

    def noting(place: Path | str) -> "list[os.DirEntry[str]]":
        looks.append(place)
        return scan(place)

    monkeypatch.setattr(node_cache, "_scan", noting)
    cache = NodeCache(far, folder, max_bytes=1000 * KIB)
    for n in range(500):
        put(cache, n.to_bytes(2, "big") * (KIB // 2))
    assert 1 <= looks.count(folder) <= 11


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EROFS, errno.EACCES], ids=errno.errorcode.get)
def test_a_disk_that_cannot_be_written_fails_no_image_and_is_told_once_a_period(
    far: FarStore, folder: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    clock, tries = Clock(), []

    def fail(path: Path, _: bytes) -> None:
        tries.append(path)
        raise OSError(number, os.strerror(number))

    cache = NodeCache(far, folder, max_bytes=KIB, clock=clock)
    monkeypatch.setattr(node_cache, "write_whole", fail)
    with capture_logs() as logs:
        ref = put(cache)
        for _ in range(5):
            assert cache.get(ref) == b"pixels"
        assert (len(tries), far.fetched) == (1, 5)
        clock.now += PAUSE_S
        assert cache.get(ref) == b"pixels"
    assert len(tries) == 2
    assert [(entry["event"], os.strerror(number) in entry["reason"]) for entry in logs] == [
        ("node_cache_left_out", True)
    ] * 2


def test_a_disk_that_cannot_be_read_is_left_alone_until_the_pause_is_over(
    far: FarStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    cache = NodeCache(far, folder, max_bytes=KIB, clock=clock)
    ref = put(cache)
    with monkeypatch.context() as broken, capture_logs() as logs:
        broken.setattr(Path, "read_bytes", _fails)
        broken.setattr(far, "get", lambda _: b"pixels")
        assert [cache.get(ref) for _ in range(3)] == [b"pixels"] * 3
    assert [entry["event"] for entry in logs] == ["node_cache_left_out"]
    clock.now += PAUSE_S
    assert cache.get(ref) == b"pixels"
    assert far.fetched == 0


def test_a_real_full_disk_fails_no_image(far: FarStore) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    cache = NodeCache(far, full / "below-a-file", max_bytes=KIB)
    with capture_logs() as logs:
        ref = put(cache)
        assert cache.get(ref) == b"pixels"
    assert len(logs) == 1


def test_copies_that_vanish_under_it_are_misses(far: FarStore, folder: Path) -> None:
    cache = NodeCache(far, folder, max_bytes=KIB)
    ref = put(cache)
    for path in copies(folder):
        path.unlink()
    with capture_logs() as logs:
        assert cache.get(ref) == b"pixels"
    assert (far.fetched, logs) == (1, [])


def test_threads_share_it(far: FarStore, folder: Path) -> None:
    cache = NodeCache(far, folder, max_bytes=20 * KIB)
    refs = [put(far, bytes([n]) * KIB) for n in range(40)]
    with ThreadPoolExecutor(8) as threads, capture_logs() as logs:
        read = list(threads.map(cache.get, refs * 10))
    assert [hashlib.sha256(data).hexdigest() for data in read] == [ref.sha256 for ref in refs] * 10
    assert logs == []
    assert size(folder) <= 21 * KIB


def test_processes_share_the_folder(far: FarStore, folder: Path, tmp_path: Path) -> None:
    refs = [put(far, bytes([n]) * KIB) for n in range(60)]
    context = multiprocessing.get_context("spawn")
    workers = [
        context.Process(target=_read_many, args=(tmp_path, [ref.to_json() for ref in refs], seed)) for seed in range(3)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    assert [worker.exitcode for worker in workers] == [0, 0, 0]
    assert size(folder) <= 20 * KIB * (1 + 2 / 20) + 3 * KIB
    assert [path for path in copies(folder) if path.name.endswith(".part")] == []


def _read_many(root: Path, wire: list[bytes], seed: int) -> None:
    cache = NodeCache(FolderStore(root / "far"), root / "cache", max_bytes=20 * KIB)
    refs = [ObjectRef.from_json(text) for text in wire]
    with capture_logs() as logs:
        for n in range(600):
            ref = refs[(n * (7 + 4 * seed)) % len(refs)]
            assert hashlib.sha256(cache.get(ref)).hexdigest() == ref.sha256
    assert logs == [], logs


def _fails(_: Path) -> bytes:
    raise OSError(errno.EIO, os.strerror(errno.EIO))
