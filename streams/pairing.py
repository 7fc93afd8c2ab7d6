"""Two frames of one field: which files belong together by their names, and whether the second one fits the first."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import PurePosixPath

from streams.errors import InvalidImage
from streams.formats.reading import Description


def seconds_of(names: Collection[str], suffix: str) -> dict[str, str]:
    """Return the second frames by their firsts: ``NAME_f2.tif`` of ``NAME.tif``, for a suffix of ``_f2``.

    ``NAME_F2.TIF`` is one as well where there is none of exactly that name. A second frame has none itself.

    >>> seconds_of(["a.tif", "a_f2.tif", "a_f2_f2.tif", "b_f2.tif"], "_f2")
    {'a.tif': 'a_f2.tif'}
    """
    known = set(names)
    alike = {name.lower(): name for name in sorted(known, reverse=True)}
    firsts: dict[str, str] = {}
    exact = {name for name in known if _second_name(name, suffix) in known}
    for name in sorted(known, key=lambda name: (len(name), name not in exact, name)):
        exactly = _second_name(name, suffix)
        other = exactly if name in exact else alike.get(exactly.lower())
        if other is not None and name not in firsts:
            firsts.setdefault(other, name)
    return {first: other for other, first in firsts.items()}


def family_of(name: str, suffix: str) -> str:
    """Return what all files have in common that may belong together with this one.

    >>> family_of("lot/A_F2_f2.TIF", "_f2") == family_of("lot/a.tif", "_f2") == "lot/a.tif"
    True
    """
    path = PurePosixPath(name.lower())
    stem = path.stem
    while _is_named_second(stem, suffix):
        stem = stem[: -len(suffix)]
    return path.with_name(stem + path.suffix).as_posix()


def is_named_second(name: str, suffix: str) -> bool:
    """Whether a file would be the second frame of another one, were that there."""
    return _is_named_second(PurePosixPath(name.lower()).stem, suffix)


@contextmanager
def told_of_second(name: str) -> Iterator[None]:
    """Let `InvalidImage` name the second frame that it is about, and be raised also where that cannot be read."""
    try:
        yield
    except InvalidImage as error:
        raise InvalidImage(f"its second frame {name}: {error}") from error
    except OSError as error:
        raise InvalidImage(f"its second frame {name} cannot be read: {error.strerror}") from error


def possible_seconds(name: str, suffix: str) -> set[str]:
    """Return what the second frame of a file may be called, as far as its first part is written alike."""
    path = PurePosixPath(name)
    ends = {(s, e) for s in _cases(suffix) for e in _cases(path.suffix)}
    return {path.with_name(path.stem + s + e).as_posix() for s, e in ends}


def possible_firsts(name: str, suffix: str) -> set[str]:
    """Return what the file may be called whose second frame this would be."""
    if not is_named_second(name, suffix):
        return set()
    path = PurePosixPath(name)
    return {path.with_name(path.stem[: -len(suffix)] + end).as_posix() for end in _cases(path.suffix)}


def check_fit(name: str, second: Description, first: Description) -> None:
    """Raise `InvalidImage` where the pages of a second frame are not as large as those of the first."""
    sizes = _sizes(second)
    if sizes != _sizes(first):
        told = f"its second frame {name} has pages of {_told(sizes)}, the image of {_told(_sizes(first))}"
        raise InvalidImage(f"{told}; put a frame of the same size there, or remove it")


def _cases(text: str) -> set[str]:
    return {text, text.lower(), text.upper()}


def _is_named_second(stem: str, suffix: str) -> bool:
    return stem.endswith(suffix.lower()) and len(stem) > len(suffix)


def _second_name(name: str, suffix: str) -> str:
    path = PurePosixPath(name)
    return path.with_name(f"{path.stem}{suffix}{path.suffix}").as_posix()


def _sizes(description: Description) -> list[tuple[int, int]]:
    return [(page.width, page.height) for page in description.pages]


def _told(sizes: Sequence[tuple[int, int]]) -> str:
    return ", ".join(f"{width} x {height} px" for width, height in sizes[:3]) + (", ..." if len(sizes) > 3 else "")
