from pathlib import Path

import numpy as np
import pytest

from schemas.events import ImageEvent
from schemas.frame import Frame
from schemas.image import ObjectRef, Roi
from schemas.scores import RAW, Candidate
from stages.second_frame import SECOND
from streams.adapters.folder_store import FolderStore
from streams.errors import InvalidImage
from streams.frames import REFERENCE, Frames
from tests.events import image_event
from tests.toys import SIDE, ToyDecoder, toy_file

FRAME_BYTES = 4 * SIDE * SIDE


class Counting(ToyDecoder):
    """Counts what it decodes; marks the page in the first pixel."""

    def __init__(self) -> None:
        self.calls: list[tuple[int, Roi]] = []
        self.bits: list[int | None] = []

    def specimen(self, data: bytes, *, page: int, roi: Roi, bits: int | None = None) -> Frame:
        self.calls.append((page, roi))
        self.bits.append(bits)
        return super().specimen(data, page=page, roi=roi)


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path)


def event_of(store: FolderStore, seed: int = 1, *, page: int = 0, roi: Roi | None = None) -> ImageEvent:
    ref = store.put(toy_file(seed), folder="raw/x", suffix="", media_type="x")
    event = image_event(ref, width=SIDE, height=SIDE)
    return event.but(image=event.image.but(page=page, valid_roi=roi or event.image.valid_roi))


def with_candidate(event: ImageEvent, ref: ObjectRef | None) -> ImageEvent:
    made = Candidate(name="made", stage="s", method="M", config_hash="h", object=ref)
    return event.but(candidates=(made,))


def test_only_the_frames_asked_for_are_fetched(store: FolderStore) -> None:
    decoder = Counting()
    assert Frames(store, decoder).of(event_of(store), []) == {}
    assert decoder.calls == []


def test_a_frame_is_decoded_once_for_all_stages(store: FolderStore) -> None:
    decoder = Counting()
    frames = Frames(store, decoder)
    first, again = (frames.of(event_of(store), [RAW])[RAW] for _ in range(2))
    assert first is again
    assert len(decoder.calls) == 1


def test_pages_and_regions_of_one_file_are_different_frames(store: FolderStore) -> None:
    decoder = Counting()
    frames = Frames(store, decoder)
    roi = Roi(x=0, y=0, width=8, height=6)
    for event in (event_of(store), event_of(store, page=1), event_of(store, roi=roi)):
        frames.of(event, [RAW])
    assert len({(page, roi.height) for page, roi in decoder.calls}) == 3


def test_the_memory_forgets_what_was_used_longest_ago(store: FolderStore) -> None:
    decoder = Counting()
    frames = Frames(store, decoder, max_bytes=2 * FRAME_BYTES)
    for seed in (1, 2, 1, 3, 1, 2):
        frames.of(event_of(store, seed), [RAW])
    assert len(decoder.calls) == 4


def test_a_frame_larger_than_the_memory_is_still_given(store: FolderStore) -> None:
    frames = Frames(store, Counting(), max_bytes=1)
    assert frames.of(event_of(store), [RAW])[RAW].shape == (SIDE, SIDE)


def test_a_candidate_is_the_same_from_memory_and_from_the_store(store: FolderStore) -> None:
    frames = Frames(store, Counting())
    ref = frames.keep(Frame(np.random.default_rng(1).random((5, 7), dtype=np.float32)))
    event = with_candidate(event_of(store), ref)
    remembered = frames.of(event, ["made"])["made"]
    read = Frames(store, Counting()).of(event, ["made"])["made"]
    assert np.array_equal(remembered.pixels, read.pixels)


def test_a_reference_is_read_whole_and_only_where_there_is_one(store: FolderStore) -> None:
    decoder = Counting()
    frames, event = Frames(store, decoder), event_of(store, page=1)
    ref = store.put(toy_file(9), folder="raw/x", suffix="", media_type="x")
    referenced = event.but(image=event.image.but(reference=ref))
    assert frames.of(referenced, [REFERENCE])[REFERENCE].shape == (SIDE, SIDE)
    assert decoder.calls[0][0] == 0
    with pytest.raises(KeyError, match="reference"):
        frames.of(event, [REFERENCE])


def test_a_second_frame_is_read_from_its_file_where_the_first_stands_in_its_own(store: FolderStore) -> None:
    decoder = Counting()
    roi = Roi(x=0, y=0, width=8, height=6)
    frames, event = Frames(store, decoder), event_of(store, page=1, roi=roi)
    ref = store.put(toy_file(9), folder="raw/x", suffix="", media_type="x")
    paired = event.but(image=event.image.but(second=ref, effective_bits=12))
    found = frames.of(paired, [RAW, SECOND])
    assert not np.array_equal(found[RAW].pixels, found[SECOND].pixels)
    assert decoder.calls == [(1, roi), (1, roi)]
    assert decoder.bits == [12, 12]
    with pytest.raises(KeyError, match="second"):
        frames.of(event, [SECOND])


def test_a_frame_is_read_by_the_bits_of_its_event_and_remembered_by_them(store: FolderStore) -> None:
    decoder = Counting()
    frames, event = Frames(store, decoder), event_of(store)
    twice = event.image.but(second=event.image.object)
    for bits in (16, 12, 16, 12):
        frames.of(event.but(image=twice.but(effective_bits=bits)), [RAW, SECOND])
    assert decoder.bits == [16, 12]


def test_frames_that_cannot_be_had_are_told_apart(store: FolderStore, tmp_path: Path) -> None:
    frames = Frames(store, Counting())
    with pytest.raises(KeyError, match="no candidate 'other'"):
        frames.of(event_of(store), ["other"])
    with pytest.raises(KeyError, match=r"'made' of image .* has no pixels of its own"):
        frames.of(with_candidate(event_of(store), None), ["made"])
    event = event_of(store, 5)
    (tmp_path / event.image.object.key).unlink()
    with pytest.raises(InvalidImage, match="gone from the store"):
        frames.of(event, [RAW])
