"""Label values that come from outside, bounded: each is a series that Prometheus keeps for weeks."""

from collections.abc import Collection

MOST = 50
OTHER = "other"


class Names:
    """The first ``most`` names keep theirs; all others are one.

    >>> names = Names(most=1)
    >>> names.bounded("sem-1"), names.bounded("sem-2"), names.bounded("sem-1")
    ('sem-1', 'other', 'sem-1')
    """

    def __init__(self, *, most: int = MOST) -> None:
        self._most = most
        self._known: set[str] = set()

    def keep(self, names: Collection[str]) -> None:
        """Forget all but these: their places are free."""
        self._known &= set(names)

    def bounded(self, name: str) -> str:
        """Return the name, or ``other`` where there are too many."""
        if name in self._known:
            return name
        if len(self._known) >= self._most:
            return OTHER
        self._known.add(name)
        return name
