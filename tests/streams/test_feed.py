from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from schemas.events import IMAGE_EVENT_TYPE, ImageEvent
from schemas.headers import Headers
from schemas.image import DatabarMode, ObjectRef, Palette, Roi
from streams.adapters.folder_store import FolderStore
from streams.errors import InvalidImage
from streams.feed import FIRST_IMAGES, Feed, Window
from streams.formats.reading import Description, PageDescription
from streams.formats.sniff import Format
from streams.intake import Provenance
from streams.source import Skipped, SourceFile, first
from streams.transport import Outgoing
from tests.events import NOON

TIFF = b"II*\0"


class Pages:
    """Describes a "file" by its fifth byte: as many pages."""

    def describe(self, data: bytes, *, bits: int | None = None) -> Description:
        if data[4] == 0:
            raise InvalidImage("no pages")
        return Description(format=Format.TIFF, reader="toy-1", pages=(page(),) * data[4])


def page() -> PageDescription:
    return PageDescription(
        width=8,
        height=8,
        dtype="uint8",
        samples=1,
        effective_bits=None,
        palette=Palette.NONE,
        valid_roi=Roi(x=0, y=0, width=8, height=8),
        databar_mode=DatabarMode.NONE,
        databar_source="none",
        pixel_size_nm=None,
    )


class Audience:
    """Hears everything; a publisher too."""

    def __init__(self) -> None:
        self.outgoing: list[Outgoing] = []
        self.images: list[ImageEvent] = []
        self.failures: list[tuple[str, str]] = []
        self.skips: list[tuple[str, str]] = []

    def publish(self, events: Iterable[Outgoing]) -> None:
        self.outgoing += events

    def close(self) -> None:
        pass

    def published(self, event: ImageEvent) -> None:
        self.images.append(event)

    def failed(self, name: str, reason: str) -> None:
        self.failures.append((name, reason))

    def skipped(self, name: str, reason: str) -> None:
        self.skips.append((name, reason))


@pytest.fixture
def audience() -> Audience:
    return Audience()


@pytest.fixture
def feed(tmp_path: Path, audience: Audience) -> Feed:
    store, window = FolderStore(tmp_path), Window()
    return Feed(store, Pages(), audience, window, "sem.images", Provenance("/test", "sim-1"), lambda: NOON)


def file(name: str, pages: int = 1, *, reference: bytes | None = None, text: bytes = b"") -> SourceFile:
    return SourceFile(name, partial(first, TIFF + bytes([pages]) + text), reference=reference)


def test_a_sidecar_tells_the_pixel_size_and_changes_nothing_else(feed: Feed, audience: Audience) -> None:
    alone = file("a.tif")
    told = replace(alone, sidecars=lambda: [b"[SemImageFile]\nUserName=Jane\nPixelSize=24.8\n"])
    feed.run([alone, told], audience)
    without, with_sidecar = audience.images
    assert with_sidecar.image.pixel_size_nm == 24.8
    assert with_sidecar.image.but(pixel_size_nm=None) == without.image
    assert with_sidecar.acquisition == without.acquisition
    assert b"Jane" not in audience.outgoing[1].value


def test_an_image_is_stored_then_published_under_its_identity(feed: Feed, audience: Audience) -> None:
    feed.run([file("lot/a.tif")], audience)
    (outgoing,) = audience.outgoing
    event = ImageEvent.from_json(outgoing.value)
    headers = Headers.from_wire(outgoing.headers)
    assert (outgoing.topic, outgoing.key) == ("sem.images", event.image.image_id.encode())
    assert (headers.id, headers.type, headers.subject) == (
        event.acquisition.acquisition_id,
        IMAGE_EVENT_TYPE,
        event.image.image_id,
    )
    assert feed.store.get(event.image.object) == TIFF + b"\x01"
    assert (event.image.instrument_id, event.acquisition.source_name) == ("sim-1", "lot/a.tif")
    assert audience.images == [event]


def test_publishing_a_file_again_is_the_same_acquisition_and_a_copy_is_another(feed: Feed, audience: Audience) -> None:
    feed.run([file("a.tif"), file("a.tif"), file("b.tif"), file("c.tif", text=b"other")], audience)
    acquisitions = [event.acquisition.acquisition_id for event in audience.images]
    images = [event.image.image_id for event in audience.images]
    assert acquisitions[0] == acquisitions[1]
    assert len(set(acquisitions)) == 3
    assert images[0] == images[1] == images[2] != images[3]


def test_every_page_is_an_image_of_its_own(feed: Feed, audience: Audience) -> None:
    feed.run([file("a.tif", pages=3)], audience)
    assert [(event.image.page, event.image.page_count) for event in audience.images] == [(0, 3), (1, 3), (2, 3)]
    assert len({event.image.image_id for event in audience.images}) == 3
    assert len({event.image.object.key for event in audience.images}) == 1


def test_what_stages_read_besides_the_bytes_is_in_the_version(feed: Feed, audience: Audience) -> None:
    class Databar(Pages):
        def describe(self, data: bytes, *, bits: int | None = None) -> Description:
            cut = page().but(valid_roi=Roi(x=0, y=0, width=8, height=6), databar_source="rule")
            return super().describe(data).but(pages=(cut,))

    class Newer(Pages):
        def describe(self, data: bytes, *, bits: int | None = None) -> Description:
            return super().describe(data).but(reader="toy-2")

    for other in (
        feed,
        replace(feed, describer=Databar()),
        replace(feed, describer=Newer()),
        replace(feed, provenance=replace(feed.provenance, recipe="r")),
    ):
        other.run([file("a.tif")], audience)
    feed.run([file("a.tif", reference=b"truth")], audience)
    assert len({event.image.version for event in audience.images}) == 5
    assert len({event.image.image_id for event in audience.images}) == 1


def test_a_second_frame_is_stored_and_part_of_the_version_of_every_page(feed: Feed, audience: Audience) -> None:
    for second in (None, file("a_f2.tif", pages=2), file("a_f2.tif", pages=2, text=b"other")):
        feed.run([replace(file("a.tif", pages=2), second=second)], audience)
    images = [event.image for event in audience.images]
    assert len({image.version for image in images}) == 3
    assert len({image.image_id for image in images}) == 2
    refs = [image.second for image in images]
    assert refs[:2] == [None, None]
    assert [feed.store.get(ref) for ref in refs[2:] if ref] == [TIFF + b"\x02"] * 2 + [TIFF + b"\x02other"] * 2


def test_a_second_frame_that_does_not_fit_fails_its_image_and_says_what_to_do(feed: Feed, audience: Audience) -> None:
    unreadable = file("b_f2.tif", pages=0)
    feed.run(
        [replace(file("a.tif"), second=file("a_f2.tif", pages=2)), replace(file("b.tif"), second=unreadable)], audience
    )
    assert audience.images == []
    (_, sizes), (_, broken) = audience.failures
    assert sizes.startswith("its second frame a_f2.tif has pages of 8 x 8 px, 8 x 8 px, the image of 8 x 8 px; put")
    assert broken == "its second frame b_f2.tif: no pages"


def test_files_that_cannot_be_images_are_told_with_their_reason_and_the_next_goes_on(
    feed: Feed, audience: Audience
) -> None:
    def vanished(_: int) -> bytes:
        raise FileNotFoundError(2, "No such file or directory")

    def vanishing(size: int) -> bytes:
        return TIFF if size > 0 else vanished(size)

    files: list[SourceFile | Skipped] = [
        Skipped("link.tif", "a symbolic link"),
        SourceFile("notes.txt", partial(first, b"Hello")),
        SourceFile("zeros.tif", partial(first, bytes(100))),
        file("none.tif", pages=0),
        SourceFile("gone.tif", vanished),
        SourceFile("going.tif", vanishing),
        file("good.tif"),
    ]
    feed.run(files, audience)
    assert audience.skips == [("link.tif", "a symbolic link"), ("notes.txt", "a text file")]
    assert [name for name, _ in audience.failures] == ["zeros.tif", "none.tif", "gone.tif", "going.tif"]
    assert audience.failures[2][1] == "cannot be read: No such file or directory"
    assert [event.acquisition.source_name for event in audience.images] == ["good.tif"]


def test_a_full_disk_is_nobody_s_image_s_fault(feed: Feed, audience: Audience) -> None:
    class Full(FolderStore):
        def put(self, data: bytes, *, folder: str, suffix: str, media_type: str) -> ObjectRef:
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        replace(feed, store=Full(Path("/nowhere"))).run([file("a.tif")], audience)
    assert audience.failures == []


@pytest.mark.parametrize("name", ["a." + "x" * 200, "a.b c", "a.é", "a", "a.", ".tif"])
def test_an_object_s_key_holds_no_part_of_a_name_that_could_do_harm(feed: Feed, audience: Audience, name: str) -> None:
    feed.run([file(name)], audience)
    event = ImageEvent.from_json(audience.outgoing[0].value)
    assert event.image.object.key.endswith(event.image.object.sha256)


def test_a_closed_window_lets_nobody_wait_and_ends_the_feed(feed: Feed, audience: Audience) -> None:
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(feed.run, (file(f"{n}.tif") for n in range(1000)), audience)
        while feed.window.open_images < FIRST_IMAGES:
            assert not running.done()
        feed.window.close()
        running.result(timeout=30)
    assert len(audience.outgoing) == FIRST_IMAGES
