from pathlib import Path

import pytest

from streams.bench.fields import find_fields, parse_numbers, read_sight
from streams.errors import UsageError
from tests.streams.bench.conftest import SHAPE, WritePair


@pytest.mark.parametrize(
    ("text", "numbers"), [("3", {3}), ("29-31", {29, 30, 31}), ("1, 4,7-8", {1, 4, 7, 8}), ("005", {5})]
)
def test_numbers_are_read_alone_and_in_ranges(text: str, numbers: set[int]) -> None:
    assert parse_numbers(text) == numbers


@pytest.mark.parametrize("text", ["", "a", "1-", "1;2", "-3"])
def test_what_is_no_list_of_numbers_is_wrong_usage(text: str) -> None:
    with pytest.raises(UsageError, match="no list of field numbers"):
        parse_numbers(text)


def test_pairs_are_found_by_kind_and_number_in_order(pairs: Path, write_pair: WritePair) -> None:
    for kind, number in (("time", 2), ("line", 30), ("line", 4)):
        write_pair(kind, number)
    (pairs / "line" / "notes.txt").write_text("not an image")
    assert [field.label for field in find_fields(pairs)] == ["line/004", "line/030", "time/002"]
    assert [field.label for field in find_fields(pairs, frozenset({2, 4}))] == ["line/004", "time/002"]


def test_a_folder_without_pairs_is_wrong_usage(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no pairs"):
        find_fields(tmp_path)


def test_a_noisy_image_without_its_clean_one_is_wrong_usage(pairs: Path, write_pair: WritePair) -> None:
    write_pair("line", 1)
    (pairs / "line" / "clean_001.tif").unlink()
    with pytest.raises(UsageError, match=r"noisy_001.tif has no clean image clean_001.tif"):
        find_fields(pairs)


def test_an_image_is_read_whole_and_named_by_its_content(pairs: Path, write_pair: WritePair) -> None:
    write_pair("line", 1)
    sight = read_sight(pairs / "line" / "noisy_001.tif")
    assert sight.frame.shape == SHAPE
    assert sight.image_id == f"{sight.sha256[:32]}-0"


def test_an_image_that_cannot_be_read_is_wrong_usage(tmp_path: Path) -> None:
    broken = tmp_path / "noisy_001.tif"
    broken.write_bytes(b"II*\x00 and nothing else")
    with pytest.raises(UsageError, match=r"noisy_001.tif cannot be read"):
        read_sight(broken)
