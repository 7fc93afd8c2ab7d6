import hashlib
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from schemas.headers import Headers
from schemas.image import ObjectRef, acquisition_id_of, image_id_of
from streams.agent.assembly import FeedOptions
from streams.agent.once import PublishSummary, publish_once
from streams.errors import InvalidImage, TransientError, UsageError
from tests.agents import OPTIONS, TOPIC, Site, tiff
from tests.hostile import blocks
from tests.priors import PRIOR


def publish(site: Site, *paths: Path) -> PublishSummary:
    return publish_once(paths or [site.folder], OPTIONS, site.world())


def test_every_page_of_every_file_is_uploaded_and_published_under_its_identity(site: Site) -> None:
    site.put("lot/a.tif", tiff(1, pages=2))
    site.put("b.tif", tiff(2))
    summary = publish(site)
    assert (summary.files, summary.published, summary.images, summary.failed) == (2, 2, 3, 0)
    assert site.brokers.names == ["b.tif", "lot/a.tif", "lot/a.tif"]
    for message, event in zip(site.brokers.messages, site.brokers.events, strict=True):
        assert message.topic == TOPIC
        image_id = image_id_of(event.image.object.sha256, event.image.page)
        assert event.acquisition.acquisition_id == acquisition_id_of("/test", event.acquisition.source_name, image_id)
        assert Headers.from_wire(message.headers).id == event.acquisition.acquisition_id
        assert event.image.object.key.startswith("raw/sim-1/")
        assert event.image.acquired_at is None
        assert event.acquisition.supersedes is None
    assert site.store.get(site.brokers.events[0].image.object) == tiff(2)


def test_what_was_published_is_not_read_again(site: Site) -> None:
    path = site.put("a.tif", tiff(1))
    publish(site)
    stat = path.stat()
    path.write_bytes(bytes(stat.st_size))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    summary = publish(site)
    assert (summary.known, summary.published, summary.images) == (1, 0, 0)
    assert len(site.brokers.messages) == 1


def test_a_copy_is_another_acquisition_of_the_same_image(site: Site) -> None:
    site.put("a.tif", tiff(1))
    site.put("b.tif", tiff(1))
    publish(site)
    first, second = site.brokers.events
    assert first.image.image_id == second.image.image_id
    assert first.acquisition.acquisition_id != second.acquisition.acquisition_id


def test_new_content_at_a_path_supersedes_the_old_page_by_page(site: Site) -> None:
    site.put("a.tif", tiff(1, pages=2))
    publish(site)
    site.put("a.tif", tiff(2, pages=3))
    publish(site)
    old, new = site.brokers.events[:2], site.brokers.events[2:]
    assert [event.acquisition.supersedes for event in new] == [*(e.acquisition.acquisition_id for e in old), None]


def test_old_content_that_comes_back_is_the_old_acquisition_and_not_announced_again(site: Site) -> None:
    for seed in (1, 2, 1, 3):
        site.put("a.tif", tiff(seed))
        publish(site)
    first, second, third = site.brokers.events
    assert second.acquisition.supersedes == first.acquisition.acquisition_id
    assert third.acquisition.supersedes == first.acquisition.acquisition_id


def test_a_touched_file_is_known_by_its_content(site: Site) -> None:
    path = site.put("a.tif", tiff(1))
    publish(site)
    path.touch()
    summary = publish(site)
    assert (summary.known, summary.published, summary.images) == (1, 0, 0)


def test_files_may_be_named_one_by_one(site: Site) -> None:
    first, second = site.put("lot/a.tif", tiff(1)), site.put("b.tif", tiff(2))
    summary = publish(site, first, second, first)
    assert summary.published == 2
    assert set(site.brokers.names) == {"a.tif", "b.tif"}
    assert publish(site, first.parent).known == 1


def test_a_file_within_a_folder_that_is_named_too_is_published_once(site: Site) -> None:
    path = site.put("a.tif", tiff(1))
    assert publish(site, path, site.folder).published == 1


def test_files_of_the_same_name_in_two_folders_do_not_supersede_each_other(site: Site) -> None:
    first, second = site.put("day1/a.tif", tiff(1)), site.put("day2/a.tif", tiff(2))
    publish(site, first.parent)
    publish(site, second.parent)
    assert [event.acquisition.supersedes for event in site.brokers.events] == [None, None]


def test_what_is_no_image_is_skipped_and_what_is_a_broken_one_has_failed(site: Site) -> None:
    whole = tiff(1)
    site.put("a.tif", whole)
    site.put("a.txt", b"[Image]")
    site.put("notes.txt", b"Hello")
    site.put("c.tif.part", whole)
    site.put(".hidden.tif", whole)
    site.put("cut.tif", whole[:-10])
    site.put("half.tif", whole[:-100] + bytes(100))
    (site.folder / "link.tif").symlink_to(site.folder / "a.tif")
    summary = publish(site)
    assert {skip.path: skip.reason for skip in summary.skips} == {
        ".hidden.tif": "a hidden file, or a macOS resource fork",
        "a.txt": "sidecar of a.tif",
        "c.tif.part": "a file that is still being written (.part)",
        "link.tif": "a symbolic link",
        "notes.txt": "a text file",
    }
    reasons = {failure.path: failure.reason for failure in summary.failures}
    assert "truncated" in reasons["cut.tif"]
    assert "its last 64 bytes are zeros" in reasons["half.tif"]
    assert site.brokers.names == ["a.tif"]
    again = publish(site)
    assert (again.known, again.skipped, again.failed) == (1, 5, 2)


def test_a_failed_file_is_tried_again(site: Site) -> None:
    path = site.put("a.tif", tiff(1)[:-10])
    assert publish(site).failed == 1
    path.write_bytes(tiff(1))
    assert publish(site).published == 1


def test_a_file_that_ends_in_black_can_be_taken_for_finished(site: Site) -> None:
    site.put("a.tif", tiff(1)[:-100] + bytes(100))
    options = replace(OPTIONS, zeros_ok=True)
    assert publish_once([site.folder], options, site.world()).published == 1


def test_a_path_that_does_not_exist_is_wrong_usage(site: Site) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        publish(site, site.folder / "absent.tif")


def test_brokers_that_are_away_are_waited_for_and_get_each_message_once(site: Site) -> None:
    for seed in range(5):
        site.put(f"{seed}.tif", tiff(seed))
    site.brokers.failures = [TransientError("no broker")] * 3
    site.brokers.half = True
    assert publish(site).images == 5
    assert site.brokers.calls > 3
    assert len(site.brokers.messages) == 5
    assert len({message.value for message in site.brokers.messages}) == 5


def test_when_patience_ends_nothing_is_lost(site: Site) -> None:
    site.put("a.tif", tiff(1))
    site.brokers.failures = [TransientError("no broker")] * 1000
    with pytest.raises(TransientError, match="no broker"):
        publish(site)
    site.brokers.failures = []
    (site.folder / "a.tif").unlink()
    assert publish(site).images == 1
    assert site.brokers.events[0].image.object.sha256 == hashlib.sha256(tiff(1)).hexdigest()


def test_an_object_that_is_not_there_after_the_write_is_written_again_before_anything_is_published(site: Site) -> None:
    refusals = [InvalidImage("gone"), InvalidImage("altered")]
    seen: list[int] = []

    def confirm(ref: ObjectRef) -> bytes:
        seen.append(len(site.brokers.messages))
        if refusals:
            raise refusals.pop()
        return site.store.get(ref)

    site.confirm = confirm
    site.put("a.tif", tiff(1))
    assert publish(site).published == 1
    assert seen == [0, 0, 0]


def test_files_share_the_wait_for_acknowledgements(site: Site) -> None:
    for seed in range(250):
        site.put(f"{seed:03}.tif", tiff(seed, side=8))
    assert publish(site).published == 250
    assert site.brokers.calls == 3


def test_a_sidecar_tells_the_size_of_a_pixel(site: Site) -> None:
    site.put("a.tif", tiff(1))
    site.put("a.TXT", b"$$SM_MICRON_BAR 100\r\n$$SM_MICRON_MARKER 10um\r\n")
    publish(site)
    assert site.brokers.events[0].image.pixel_size_nm == 100


def saying(**said: Any) -> FeedOptions:
    """Return options of a feed that says this of its images."""
    return replace(OPTIONS, provenance=replace(OPTIONS.provenance, **said))


def test_the_feeds_prior_is_part_of_what_an_image_is(site: Site) -> None:
    site.put("a.tif", tiff(1))
    publish(site)
    publish_once([site.folder], saying(source="/again", prior=PRIOR), site.world())
    without, image = (event.image for event in site.brokers.events)
    assert (without.prior, image.prior, image.prior_law) == (None, PRIOR.ref, PRIOR)
    assert (without.image_id, without.version != image.version) == (image.image_id, True)


def frame_of_12_bits(*, level: int = 4095) -> bytes:
    levels = np.random.default_rng(1).integers(1, 4096, (16, 16), dtype=np.uint16)
    levels[0, 0] = level
    return blocks.tiff(levels)


def test_a_feed_says_the_bits_of_its_detector_and_a_frame_with_more_has_failed(site: Site) -> None:
    site.put("a.tif", frame_of_12_bits())
    site.put("bright.tif", frame_of_12_bits(level=5000))
    summary = publish_once([site.folder], saying(bits=12), site.world())
    (failure,) = summary.failures
    assert failure.path == "bright.tif"
    assert failure.reason.startswith("a pixel of 5000 exceeds 4095, the full scale of --bits 12: ")
    (event,) = site.brokers.events
    assert event.image.effective_bits == 12


@pytest.mark.parametrize("other", [{"bits": 12}, {"recipe": "fast"}, {"prior": PRIOR}])
def test_what_is_published_is_not_announced_again_for_what_a_feed_says_of_it_later(
    site: Site, other: dict[str, Any]
) -> None:
    site.put("a.tif", frame_of_12_bits())
    publish(site)
    summary = publish_once([site.folder], saying(**other), site.world())
    assert (summary.known, summary.published) == (1, 0)
    anew = publish_once([site.folder], saying(source="/anew", **other), site.world())
    assert anew.published == 1
    before, after = (event.image for event in site.brokers.events)
    assert before.image_id == after.image_id
    assert before.version != after.version
