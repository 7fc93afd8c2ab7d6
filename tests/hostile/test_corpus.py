"""The corpus against the reader: every file becomes what it has to become, and says why."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from schemas.image import Roi
from streams.errors import InvalidImage
from streams.formats.reading import Description, describe, specimen
from streams.formats.sandbox import Decoder
from streams.formats.sniff import HEAD_BYTES, NotAnImage, kind_of
from tests.hostile.corpus import CORPUS, PLACES, Hostile, Verdict


def with_verdict(verdict: Verdict) -> list[object]:
    return [pytest.param(entry, id=entry.name) for entry in CORPUS if entry.verdict is verdict]


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    with Decoder() as decoder:
        yield decoder


@pytest.mark.parametrize("entry", with_verdict(Verdict.ACCEPTED))
def test_an_odd_image_is_read(entry: Hostile) -> None:
    data = entry.build()
    assert not isinstance(kind_of(entry.file_name, data[:HEAD_BYTES]), NotAnImage)
    description = describe(data)
    assert description.page_count == entry.pages
    last = description.page_count - 1
    frame = specimen(data, last, description.pages[last].valid_roi)
    assert frame.shape == (description.pages[last].height, description.pages[last].width)


@pytest.mark.parametrize("entry", with_verdict(Verdict.FAILED))
def test_a_bad_image_is_refused_with_its_reason(entry: Hostile) -> None:
    data = entry.build()
    with pytest.raises(InvalidImage) as caught:
        kind_of(entry.file_name, data[:HEAD_BYTES])
        describe(data)
    assert entry.reason in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("entry", with_verdict(Verdict.SKIPPED))
def test_what_is_no_image_is_skipped_with_its_reason(entry: Hostile) -> None:
    kind = kind_of(entry.file_name, entry.build()[:HEAD_BYTES])
    assert isinstance(kind, NotAnImage)
    assert entry.reason in kind.reason


def outcome(entry: Hostile, describe_: object) -> Description | str:
    try:
        return describe_(entry.build())  # type: ignore[operator,no-any-return]
    except InvalidImage as error:
        return str(error)


def test_the_sandbox_says_of_every_file_what_the_reader_says(decoder: Decoder) -> None:
    images = [entry for entry in CORPUS if entry.verdict is not Verdict.SKIPPED]
    differing = [entry.name for entry in images if outcome(entry, decoder.describe) != outcome(entry, describe)]
    assert not differing


def test_names_are_unique_so_that_the_corpus_fits_in_one_folder() -> None:
    entries = (*CORPUS, *PLACES)
    assert len({entry.name for entry in entries}) == len(entries)
    assert len({entry.file_name for entry in entries}) == len(entries)


@pytest.mark.parametrize("entry", (*CORPUS, *PLACES), ids=lambda entry: entry.name)
def test_every_entry_can_be_put_into_a_folder(entry: Hostile, tmp_path: Path) -> None:
    folder = tmp_path / "watched"
    folder.mkdir()
    path = entry.put_into(folder)
    assert path.is_symlink() or path.exists()


@pytest.mark.parametrize("at", range(0, 100, 3))
def test_a_truncated_file_never_passes_for_a_whole_one(at: int) -> None:
    for name in ("strips", "lzw_with_predictor", "png_16_bit", "jpeg_grey", "bmp", "tiles"):
        content = next(entry for entry in CORPUS if entry.name == name).build()
        with pytest.raises(InvalidImage):
            describe(content[: len(content) * at // 100])


def test_flipped_bytes_give_an_image_or_a_reason_and_nothing_else() -> None:
    chance = np.random.default_rng(11)
    for name in ("tiles", "deflate", "palette_ramp", "12_bits_in_12", "jpeg_grey", "png_16_bit", "bmp", "bigtiff"):
        content = np.frombuffer(next(entry for entry in CORPUS if entry.name == name).build(), np.uint8)
        for _ in range(40):
            damaged = content.copy()
            places = chance.integers(0, min(damaged.size, 600), 4)
            damaged[places] = chance.integers(0, 256, 4)
            try:
                page = describe(damaged.tobytes()).pages[0]
                specimen(damaged.tobytes(), 0, Roi(x=0, y=0, width=page.width, height=page.height))
            except InvalidImage:
                continue
