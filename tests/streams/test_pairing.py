from itertools import permutations

import pytest

from streams.errors import InvalidImage
from streams.formats.reading import Description
from streams.pairing import check_fit, family_of, is_named_second, seconds_of, told_of_second
from tests.agents import Describer, tiff


def described(*, pages: int = 1, side: int = 16) -> Description:
    return Describer().describe(tiff(1, pages=pages, side=side))


NAMES = ("a.tif", "a_f2.tif", "a_F2.tif", "a_f2_f2.tif", "A.TIF", "b_f2.tif", "lot/a.tif", "lot/a_f2.tif")


def test_who_belongs_to_whom_does_not_depend_on_the_order_of_the_names() -> None:
    expected = {"a.tif": "a_f2.tif", "A.TIF": "a_F2.tif", "lot/a.tif": "lot/a_f2.tif"}
    assert all(seconds_of(names, "_f2") == expected for names in permutations(NAMES))


def test_who_is_named_exactly_comes_before_who_differs_in_case() -> None:
    assert seconds_of(["A.tif", "a.tif", "A_f2.tif"], "_f2") == {"A.tif": "A_f2.tif"}
    assert seconds_of(["A.tif", "a.tif", "a_f2.tif"], "_f2") == {"a.tif": "a_f2.tif"}


def test_whoever_belongs_together_is_of_one_family_and_a_family_is_paired_as_all_are() -> None:
    families: dict[str, list[str]] = {}
    for name in NAMES:
        families.setdefault(family_of(name, "_f2"), []).append(name)
    assert set(families) == {"a.tif", "b.tif", "lot/a.tif"}
    one_by_one = {first: second for names in families.values() for first, second in seconds_of(names, "_f2").items()}
    assert one_by_one == seconds_of(NAMES, "_f2")


def test_a_name_that_is_the_suffix_alone_is_no_second_frame() -> None:
    assert [is_named_second(name, "_f2") for name in ("_f2.tif", "a_f2.tif", "a_F2.TIF", "a.tif")] == [
        False,
        True,
        True,
        False,
    ]
    assert family_of("_f2.tif", "_f2") == "_f2.tif"


def test_pages_of_another_size_or_number_do_not_fit() -> None:
    check_fit("a_f2.tif", described(pages=2), described(pages=2))
    for other in (described(pages=1), described(pages=2, side=8)):
        with pytest.raises(InvalidImage, match=r"its second frame a_f2\.tif has pages of .* put a frame of the same"):
            check_fit("a_f2.tif", other, described(pages=2))


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (InvalidImage("no pages"), "its second frame a_f2.tif: no pages"),
        (PermissionError(13, "Permission denied"), "its second frame a_f2.tif cannot be read: Permission denied"),
    ],
)
def test_what_is_wrong_with_a_second_frame_names_it(error: Exception, said: str) -> None:
    with pytest.raises(InvalidImage, match=said), told_of_second("a_f2.tif"):
        raise error
