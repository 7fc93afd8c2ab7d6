"""Files that vanished before they were uploaded: moved, hidden for a moment by a network share, or lost."""

from collections.abc import Collection

from streams.agent.scan import Sighting


class Absences:
    """Remembers who vanished and when; one that does not come back for ``give_up_s`` is lost."""

    def __init__(self, *, give_up_s: float) -> None:
        self._give_up_s = give_up_s
        self._absent: dict[str, tuple[Sighting, float]] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._absent

    def gone(self, file: Sighting, now: float) -> None:
        """Note that a file vanished."""
        self._absent.setdefault(file.name, (file, now))

    def back(self, files: Collection[Sighting]) -> list[str]:
        """Miss none of these any longer; return the names of those that came back under another one."""
        for file in files:
            self._absent.pop(file.name, None)
        inodes = {file.inode for file in files}
        moved = [name for name, (file, _) in self._absent.items() if file.inode in inodes]
        for name in moved:
            del self._absent[name]
        return moved

    def lost(self, now: float) -> list[Sighting]:
        """Return those that have been away for too long, once."""
        lost = [file for file, since in self._absent.values() if now - since >= self._give_up_s]
        for file in lost:
            del self._absent[file.name]
        return lost
