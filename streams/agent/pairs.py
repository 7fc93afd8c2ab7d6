"""Two frames of one field on their way: a file and its second frame are taken together, whoever was written first."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from streams.agent.journal import FileNote, FileState
from streams.agent.scan import Sighting
from streams.pairing import family_of, is_named_second, possible_firsts, possible_seconds, seconds_of

OUT = {FileState.UPLOADED, FileState.PUBLISHED, FileState.SKIPPED}
"""States of a first frame with which its second needs nothing more."""


def paired(files: Sequence[Sighting], suffix: str | None) -> list[Sighting]:
    """Return the files, each with its second frame where that is among them, and that by itself no more."""
    if not suffix:
        return list(files)
    known = {file.name: file for file in files}
    seconds = seconds_of(known, suffix)
    belong = set(seconds.values())
    firsts = [file for file in files if file.name not in belong]
    return [replace(file, second=known[seconds[file.name]]) if file.name in seconds else file for file in firsts]


def is_answered(file: Sighting, notes: Mapping[str, FileNote], answers: Collection[FileState]) -> bool:
    """Whether nothing is to be done for a file: it and its second frame are as they were when they were answered."""
    second = file.second
    return _stands(file, notes, answers) and (second is None or _stands(second, notes, {FileState.SECOND}))


def was_answered_with_another(file: Sighting, notes: Mapping[str, FileNote], suffix: str | None) -> bool:
    """Whether the answer of a file that is alone now was that of a pair that failed: it is none for one of the two."""
    note = notes.get(file.name)
    if not suffix or file.second is not None or note is None:
        return False
    if note.state is FileState.FAILED:
        return bool(noted_seconds(file.name, notes, suffix))
    firsts = [notes[name].state for name in possible_firsts(file.name, suffix) if name in notes]
    return note.state is FileState.SECOND and not any(state in OUT for state in firsts)


def noted_seconds(name: str, notes: Mapping[str, FileNote], suffix: str) -> list[str]:
    """Return the second frames with which a file was answered."""
    names = sorted(possible_seconds(name, suffix))
    return [other for other in names if other in notes and notes[other].state is FileState.SECOND]


def partners_of(file: Sighting, suffix: str | None) -> set[str]:
    """Return the names whose notes say what the answer of a file that is alone was about."""
    if not suffix or file.second is not None:
        return set()
    return possible_seconds(file.name, suffix) | possible_firsts(file.name, suffix)


def answers_of_pairs(suffix: str | None) -> set[FileState]:
    """Return the states of a file that are an answer where files are paired, although its first frame may have gone."""
    return {FileState.SECOND} if suffix else set()


def notes_of(file: Sighting, state: FileState, reason: str | None = None) -> list[FileNote]:
    """Return what is to be noted of a file that was answered, and of its second frame."""
    note = FileNote(file.name, file.stamp, state, reason)
    return [note] if file.second is None else [note, second_note(file.second)]


def second_note(file: Sighting) -> FileNote:
    """Return what is to be noted of a second frame whose first was answered with it."""
    return FileNote(file.name, file.stamp, FileState.SECOND)


def _stands(file: Sighting, notes: Mapping[str, FileNote], states: Collection[FileState]) -> bool:
    note = notes.get(file.name)
    return note is not None and note.stamp == file.stamp and note.state in states


class Pairs:
    """The files that are in a watched folder, by families that may belong together.

    Parameters
    ----------
    suffix
        What the name of a second frame has more than that of its first; without one nobody belongs to anybody.
    wait_s
        How long a second frame is waited for.
    """

    def __init__(self, suffix: str | None, *, wait_s: float) -> None:
        self._suffix = suffix
        self._wait_s = wait_s
        self._families: dict[str, dict[str, Sighting]] = {}

    def found(self, files: Sequence[Sighting]) -> list[Sighting]:
        """Take in files that are new or changed; return their families, each file with its second frame."""
        if not self._suffix:
            return list(files)
        for file in files:
            self._families.setdefault(family_of(file.name, self._suffix), {})[file.name] = file
        return self._members(file.name for file in files)

    def gone(self, names: Sequence[str]) -> list[Sighting]:
        """Let files go; return what is left of their families."""
        if not self._suffix:
            return []
        for name in names:
            self._families.get(family_of(name, self._suffix), {}).pop(name, None)
        return self._members(names)

    def second(self, name: str) -> Sighting | None:
        """Return a file that is there, where it is the second frame of another one."""
        if not self._suffix:
            return None
        family = self._families.get(family_of(name, self._suffix), {})
        return family[name] if name in seconds_of(family, self._suffix).values() else None

    def held_s(self, file: Sighting, notes: Mapping[str, FileNote]) -> float:
        """Return how long a file, which is to be answered, waits for a second frame before its rest begins.

        It waits where there is none, and where that is the one of what stood there before.
        """
        if not self._suffix:
            return 0.0
        return self._wait_s if file.second is None or _stands(file.second, notes, {FileState.SECOND}) else 0.0

    def is_orphan(self, file: Sighting) -> bool:
        """Whether a file is named as the second frame of one that is not there."""
        return bool(self._suffix) and self.second(file.name) is None and is_named_second(file.name, self._suffix or "")

    def _members(self, names: Iterable[str]) -> list[Sighting]:
        suffix = self._suffix or ""
        families = dict.fromkeys(family_of(name, suffix) for name in names)
        left = [self._families.get(family, {}) for family in families]
        for family, members in zip(families, left, strict=True):
            if not members:
                self._families.pop(family, None)
        return [file for members in left for file in paired([members[name] for name in sorted(members)], suffix)]
