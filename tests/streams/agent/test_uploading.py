import os
from pathlib import Path

import pytest

from schemas.image import ObjectRef
from streams.agent import uploading
from streams.agent.scan import Sighting, sighting_of, stamp_of
from streams.agent.uploading import NoImage, Restless, Unreadable, Uploaded, Uploader
from streams.errors import InvalidImage, TransientError
from streams.formats.sniff import Format
from streams.intake import Intake, Provenance
from tests.agents import Describer, Site, tiff
from tests.instrument import sha256_of


@pytest.fixture
def uploader(site: Site) -> Uploader:
    return Uploader(Intake(site.store, "sem.images", Provenance("/test"), site.clock.now), Describer(), site.store.get)


def objects(site: Site) -> list[Path]:
    return [path for path in (site.root / "objects").rglob("*") if path.is_file()]


def test_an_image_is_in_the_store_with_all_that_its_events_need(site: Site, uploader: Uploader) -> None:
    file = sighting_of(site.put("a.tif", tiff(1, pages=2)))
    verdict = uploader(file, "before")
    assert isinstance(verdict, Uploaded)
    assert verdict.ref is not None
    assert verdict.description is not None
    assert (verdict.file, verdict.content, verdict.before) == (file, sha256_of(tiff(1, pages=2)), "before")
    assert verdict.description.page_count == 2
    assert site.store.get(verdict.ref) == tiff(1, pages=2)


def test_a_content_that_is_known_is_not_uploaded_again(site: Site, uploader: Uploader) -> None:
    file = sighting_of(site.put("a.tif", tiff(1)))
    sha256 = sha256_of(tiff(1))
    assert uploader(file, sha256) == Uploaded(file, sha256, sha256)
    assert objects(site) == []


def test_a_file_that_is_not_as_it_was_seen_is_restless(site: Site, uploader: Uploader) -> None:
    file = sighting_of(path := site.put("a.tif", tiff(1)))
    path.write_bytes(tiff(1) + b"more")
    assert uploader(file, None) == Restless(file, stamp_of(path.stat()))


def test_a_file_that_changes_while_it_is_read_is_restless(
    site: Site, uploader: Uploader, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = sighting_of(path := site.put("a.tif", tiff(1)))

    def written_meanwhile(*_: object, **__: object) -> Format:
        path.write_bytes(tiff(1) + b"more")
        return Format.TIFF

    monkeypatch.setattr(uploading, "kind_of", written_meanwhile)
    assert uploader(file, None) == Restless(file, stamp_of(path.stat()))
    assert objects(site) == []


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("a.tif", b"", "the file is empty"),
        ("a.tif", bytes(1000), "the file begins with zeros"),
        ("a.tif", tiff(1)[:-1], "the file is truncated"),
        ("a.tif", tiff(1, pages=2)[:-400], "truncated"),
        ("a.tif", tiff(1)[:-64] + bytes(64), "its last 64 bytes are zeros"),
        ("a.png", b"\x89PNG\r\n\x1a\n" + b"x" * 100, ""),
    ],
)
def test_what_is_no_whole_image_is_unreadable_and_not_uploaded(
    site: Site, uploader: Uploader, name: str, data: bytes, reason: str
) -> None:
    verdict = uploader(sighting_of(site.put(name, data)), None)
    assert isinstance(verdict, Unreadable)
    assert reason in verdict.reason
    assert objects(site) == []


def test_an_image_may_end_in_a_few_zeros(site: Site, uploader: Uploader) -> None:
    data = tiff(1)[:-63] + bytes(63)
    assert isinstance(uploader(sighting_of(site.put("a.tif", data)), None), Uploaded)


def test_a_file_that_is_gone_has_vanished(site: Site, uploader: Uploader) -> None:
    file = sighting_of(path := site.put("a.tif", tiff(1)))
    path.unlink()
    assert uploader(file, None) == Unreadable(file, "it vanished", vanished=True)


def seen(path: Path) -> Sighting:
    return Sighting(path.name, path, stamp_of(path.lstat()), 1)


def test_a_link_or_a_pipe_that_took_a_file_s_place_is_not_read(site: Site, uploader: Uploader) -> None:
    site.put("a.tif", tiff(1))
    (site.folder / "link.tif").symlink_to("a.tif")
    os.mkfifo(site.folder / "pipe.tif")
    linked = uploader(seen(site.folder / "link.tif"), None)
    assert isinstance(linked, Unreadable)
    assert "symbolic links" in linked.reason
    assert isinstance(uploader(seen(site.folder / "pipe.tif"), None), NoImage)


def test_a_text_is_no_image(site: Site, uploader: Uploader) -> None:
    file = sighting_of(site.put("a.txt", b"Hello"))
    assert uploader(file, None) == NoImage(file, "a text file")


@pytest.mark.parametrize("error", [InvalidImage("altered"), TransientError("no answer")])
def test_an_object_that_is_not_confirmed_is_a_reason_to_wait_not_the_image_s_fault(
    site: Site, uploader: Uploader, error: Exception
) -> None:
    def refuse(_: ObjectRef) -> None:
        raise error

    file = sighting_of(site.put("a.tif", tiff(1)))
    with pytest.raises(TransientError, match=str(error)):
        Uploader(uploader.intake, uploader.describer, refuse)(file, None)


def test_a_full_store_is_not_the_image_s_fault(site: Site, uploader: Uploader, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> ObjectRef:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(site.store, "put", full)
    with pytest.raises(OSError, match="No space left"):
        uploader(sighting_of(site.put("a.tif", tiff(1))), None)
