"""A simulated instrument that writes as instruments do: in pieces, into reserved space, by renaming, over old files.

It knows which contents were ever whole, and at which names: those, and no others, are images.
"""

import hashlib
import heapq
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.agents import tiff

SETTLE_S = 2.0
Job = Iterator[float]
"""Something that takes time: it yields how long it pauses."""


def sha256_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


class Instrument:
    """Writes ``images`` files, as time passes; leaves a content in its place until it is published."""

    def __init__(
        self,
        folder: Path,
        chance: random.Random,
        *,
        start: float,
        images: int,
        is_published: Callable[[str, str, str | None], bool],
    ) -> None:
        self._folder = folder
        self._chance = chance
        self._is_published = is_published
        self._due: list[tuple[float, int, Job]] = []
        self._serial = 0
        self._seed = chance.randrange(1_000_000)
        self._now = start
        self.whole: dict[str, list[str]] = {}
        """The contents that were whole at each name, by sha256, in their order."""
        self._start(self._session(images))

    @property
    def idle(self) -> bool:
        """Whether nothing more will be written."""
        return not self._due

    def act(self, now: float) -> None:
        """Do what is to be done until now."""
        while self._due and self._due[0][0] <= now:
            self._now, _, job = heapq.heappop(self._due)
            pause = next(job, None)
            if pause is not None:
                self._start(job, pause)

    def _start(self, job: Job, after_s: float = 0) -> None:
        self._serial += 1
        heapq.heappush(self._due, (self._now + after_s, self._serial, job))

    @property
    def _ways(self) -> tuple[Callable[[str], Job], ...]:
        """Return the ways in which it writes an image."""
        return (
            self._in_pieces,
            self._into_reserved_space,
            self._by_renaming,
            self._renamed_meanwhile,
            self._rewritten,
            self._moved,
        )

    def _session(self, images: int) -> Job:
        ways = self._ways
        for number in range(images):
            place = self._chance.choice(["", "", "lot/", "lot/wafer-2/"])
            self._start(self._chance.choice(ways)(f"{place}{number:03}.tif"))
            yield self._chance.choice([0.1, 1.0, 3.0])

    def _content(self) -> bytes:
        self._seed += 1
        return tiff(self._seed, pages=self._chance.choice([1, 1, 2]), side=24)

    def _written(self, name: str, data: bytes) -> Job:
        for start, end in self._pieces(data):
            self._write(name, data[start:end], "wb" if start == 0 else "ab")
            yield self._pause()

    def _in_pieces(self, name: str) -> Job:
        data = self._content()
        yield from self._written(name, data)
        self._is_whole(name, data)
        self._write(name + ".txt", b"[Image]\r\n", "wb")

    def _into_reserved_space(self, name: str) -> Job:
        data = self._content()
        self._write(name, bytes(len(data)), "wb")
        for start, end in self._pieces(data):
            yield self._pause()
            self._write(name, data[start:end], "r+b", at=start)
        self._is_whole(name, data)

    def _in_place(self, name: str) -> Job:
        """Write over what stands there: until the end it is a mixture that no reader finds fault with."""
        size = (self._folder / name).stat().st_size
        data = next(data for data in iter(self._content, None) if len(data) == size)
        for start, end in self._pieces(data):
            self._write(name, data[start:end], "r+b", at=start)
            yield self._chance.choice([0.05, 0.5, 0.7 * SETTLE_S])
        self._is_whole(name, data)

    def _by_renaming(self, name: str) -> Job:
        data, temporary = self._content(), name + self._chance.choice([".tmp", ".part"])
        yield from self._written(temporary, data)
        self._rename(temporary, name)
        self._is_whole(name, data)

    def _renamed_meanwhile(self, name: str) -> Job:
        data = self._content()
        half = self._pieces(data)[0][1]
        self._write(name, data[:half], "wb")
        yield self._pause()
        self._rename(name, name := name.replace(".tif", "-b.tif"))
        yield self._pause()
        self._write(name, data[half:], "ab")
        self._is_whole(name, data)

    def _rewritten(self, name: str) -> Job:
        yield from self._in_pieces(name)
        for _ in range(self._chance.choice([1, 3])):
            yield from self._until_published(name)
            way = self._chance.choice([self._in_pieces, self._in_place, self._into_reserved_space, self._by_renaming])
            yield from way(name)

    def _moved(self, name: str) -> Job:
        data = self._content()
        yield from self._written(name, data)
        self._is_whole(name, data)
        yield from self._until_published(name)
        self._rename(name, name := name.replace(".tif", "-moved.tif"))
        self._is_whole(name, data)

    def _until_published(self, name: str) -> Job:
        while not self._is_published(name, self.whole[name][-1], None):
            yield 1.0
        yield self._chance.choice([0.1, 5.0, 20.0])

    def _write(self, name: str, piece: bytes, mode: str, at: int | None = None) -> None:
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open(mode) as file:
            if at is not None:
                file.seek(at)
            file.write(piece)
        self._stamp(path, *self._above(path))

    def _rename(self, old: str, new: str) -> None:
        (self._folder / old).rename(self._folder / new)
        self._stamp(*self._above(self._folder / new))

    def _above(self, path: Path) -> list[Path]:
        return [folder for folder in path.parents if folder.is_relative_to(self._folder)]

    def _stamp(self, *paths: Path) -> None:
        """Let the times be those of the test: the disk's own clock ticks too slowly for what happens in it."""
        for path in paths:
            os.utime(path, ns=(0, int(self._now * 1e9)))

    def _is_whole(self, name: str, data: bytes) -> None:
        self.whole.setdefault(name, []).append(sha256_of(data))

    def _pieces(self, data: bytes) -> list[tuple[int, int]]:
        """Cut so that the last piece is no shorter than a tail that can be seen to be missing."""
        cuts = sorted(self._chance.sample(range(8, len(data) - 100), self._chance.choice([1, 2, 4])))
        return list(zip([0, *cuts], [*cuts, len(data)], strict=True))

    def _pause(self) -> float:
        return self._chance.choice([0.05, 0.5, 1.5, SETTLE_S, 3.0, 8.0, 45.0 if self._chance.random() < 0.1 else 1.0])
