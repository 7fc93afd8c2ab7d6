"""A simulated instrument that scans most fields twice."""

from collections.abc import Callable
from functools import cached_property

from tests.agents import tiff
from tests.instrument import Instrument, Job


class PairInstrument(Instrument):
    """Scans most fields twice: the second frame comes soon, late, never, before the first, or once more.

    Pairs that are ``due`` must be published; what is whole on the way to one of them may be.
    """

    SUFFIX = "_f2"

    @property
    def _ways(self) -> tuple[Callable[[str], Job], ...]:
        return (self._soon, self._late, self._never, self._first_after_second, self._scanned_again, self._orphan)

    @cached_property
    def due(self) -> dict[str, list[tuple[str, str | None]]]:
        """Return the pairs that were waited for at each name, or stood there in the end, in their order."""
        return {}

    def _frame(self, name: str, pages: int = 1) -> Job:
        self._seed += 1
        data = tiff(self._seed, pages=pages, side=24)
        way = self._chance.choice([self._written, self._overwritten])
        yield from way(name, data)
        self._is_whole(name, data)

    def _overwritten(self, name: str, data: bytes) -> Job:
        self._write(name, bytes(len(data)), "wb")
        for start, end in self._pieces(data):
            yield self._pause()
            self._write(name, data[start:end], "r+b", at=start)

    def _second_of(self, name: str) -> str:
        return name.replace(".tif", f"{self.SUFFIX}.tif")

    def _must_be(self, name: str, *, alone: bool = False) -> None:
        second = None if alone else self.whole[self._second_of(name)][-1]
        self.due.setdefault(name, []).append((self.whole[name][-1], second))

    def _until_due(self, name: str) -> Job:
        first, second = self.due[name][-1]
        while not self._is_published(name, first, second):
            yield 1.0
        yield self._chance.choice([0.1, 5.0, 30.0])

    def _soon(self, name: str, pages: int = 1) -> Job:
        yield from self._frame(name, pages)
        yield self._chance.choice([0.1, 1.0, 10.0])
        yield from self._frame(self._second_of(name), pages)
        self._must_be(name)

    def _late(self, name: str) -> Job:
        yield from self._never(name)
        yield from self._until_due(name)
        yield from self._frame(self._second_of(name))
        self._must_be(name)

    def _never(self, name: str) -> Job:
        yield from self._frame(name)
        self._must_be(name, alone=True)

    def _first_after_second(self, name: str) -> Job:
        yield from self._frame(self._second_of(name))
        yield self._chance.choice([0.1, 1.0, 10.0])
        yield from self._frame(name)
        self._must_be(name)

    def _scanned_again(self, name: str) -> Job:
        pages = self._chance.choice([1, 2])
        yield from self._soon(name, pages)
        for again in self._chance.choice([(False,), (True,), (True, False)]):
            yield from self._until_due(name)
            if again:
                yield from self._frame(name, pages)
                yield self._chance.choice([0.1, 10.0])
            yield from self._frame(self._second_of(name), pages)
            self._must_be(name)

    def _orphan(self, name: str) -> Job:
        yield from self._never(self._second_of(name))
