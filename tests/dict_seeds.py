"""First offsets in memory."""

from collections.abc import Mapping
from datetime import datetime


class DictSeeds:
    """Keeps what is written first."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str, int], int] = {}

    def seeded(self, group: str, topic: str) -> dict[int, int]:
        return {number: offset for (g, t, number), offset in self.rows.items() if (g, t) == (group, topic)}

    def seed(self, group: str, topic: str, offsets: Mapping[int, int], *, at: datetime) -> None:
        for number, offset in offsets.items():
            self.rows.setdefault((group, topic, number), offset)
