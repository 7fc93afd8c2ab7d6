"""Some of many at a time."""

from collections import deque
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)


class Turns(Generic[T]):
    """Hands out so many at a time, all in turn, and every time those that changed last.

    What changed a moment ago is likely to change again; what has rested for long is looked at when its turn comes.
    """

    def __init__(self, *, at_once: int, recent: int) -> None:
        self._at_once = at_once
        self._recent: deque[T] = deque(maxlen=recent)
        self._queue: deque[T] = deque()
        self._members: set[T] = set()

    def add(self, item: T) -> None:
        """Let it take part; it does so once."""
        if item not in self._members:
            self._members.add(item)
            self._queue.append(item)
        self.changed(item)

    def changed(self, item: T) -> None:
        """Hand it out every time, until enough others have changed."""
        self._recent.append(item)

    def some(self, there: Callable[[T], bool]) -> list[T]:
        """Return those whose turn it is; one that is not there any more leaves for good."""
        drawn = [self._queue.popleft() for _ in range(min(len(self._queue), self._at_once))]
        turn = [item for item in drawn if there(item)]
        self._members.difference_update(set(drawn) - set(turn))
        self._queue.extend(turn)
        return list(dict.fromkeys([*filter(there, self._recent), *turn]))
