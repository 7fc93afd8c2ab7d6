"""A dedup cache in memory."""

import threading
from collections import OrderedDict
from collections.abc import Collection, Mapping


class DictCache:
    """Remembers the ``max_entries`` outcomes used last."""

    def __init__(self, max_entries: int = 10_000) -> None:
        self._max_entries = max_entries
        self._bodies: OrderedDict[str, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, keys: Collection[str]) -> dict[str, bytes]:
        """Return what is remembered, and remember it longer."""
        with self._lock:
            found = {key: self._bodies[key] for key in keys if key in self._bodies}
            for key in found:
                self._bodies.move_to_end(key)
            return found

    def put(self, bodies: Mapping[str, bytes]) -> None:
        """Remember, forgetting what was used longest ago."""
        with self._lock:
            self._bodies.update(bodies)
            while len(self._bodies) > self._max_entries:
                self._bodies.popitem(last=False)
