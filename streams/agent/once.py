"""Files published once: those that are there now."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from schemas.model import Record
from streams.agent.assembly import Assembly, FeedOptions, World, assembled
from streams.agent.journal import FileNote, FileState, Pending
from streams.agent.pairs import answers_of_pairs, is_answered, notes_of, paired, partners_of, was_answered_with_another
from streams.agent.scan import Changes, FolderScan, Sighting, sighting_of
from streams.agent.uploading import NoImage, Restless, Unreadable, Uploaded, Verdict
from streams.errors import UsageError
from streams.pairing import seconds_of
from streams.source import Skipped, readable
from streams.summary import Failure

PATIENCE_S = 120.0
"""Somebody waits for the command: after so long it ends and says what it waited for."""
ANSWERS = {FileState.UPLOADED, FileState.PUBLISHED, FileState.SKIPPED}
"""States in which a file that did not change needs nothing: it was published, or found to be no image."""


class PublishSummary(Record):
    """The result of ``semstream publish``: its ``--json`` line."""

    files: int
    """Files found: published, known, failed and skipped. A file and its second frame are one."""
    published: int
    known: int
    """Files whose content was published before."""
    failed: int
    skipped: int
    """Files that are no images."""
    images: int
    """Events acknowledged by the brokers: one a page, those that an earlier call left included."""
    seconds: float
    failures: tuple[Failure, ...]
    skips: tuple[Failure, ...]


@dataclass
class Count:
    """What became of the files so far."""

    published: int = 0
    known: int = 0
    images: int = 0
    failures: list[Failure] = field(default_factory=list)
    skips: list[Failure] = field(default_factory=list)

    @property
    def files(self) -> int:
        """All of them."""
        return self.published + self.known + len(self.failures) + len(self.skips)

    def summary(self, seconds: float) -> PublishSummary:
        """Return the result."""
        return PublishSummary(
            files=self.files,
            published=self.published,
            known=self.known,
            failed=len(self.failures),
            skipped=len(self.skips),
            images=self.images,
            seconds=round(seconds, 3),
            failures=tuple(self.failures),
            skips=tuple(self.skips),
        )


def publish_once(
    paths: Sequence[Path], options: FeedOptions, world: World, *, show: Callable[[Count], None] = lambda count: None
) -> PublishSummary:
    """Publish the files of folders, and files; what the journal knows as published is not read again.

    Raises
    ------
    UsageError
        If a path does not exist, or a folder cannot be listed.
    TransientError
        If a service does not answer for two minutes; the same call goes on from there.
    """
    start = world.clock()
    suffix = options.second_suffix
    finds = [(folder, _found(folder, files, world, suffix)) for folder, files in _by_folder(paths).items()]
    count = Count()
    for folder, found in finds:
        with assembled(folder, options, world, patience_s=PATIENCE_S, heard=partial(_hear, count)) as assembly:
            _publish(found, assembly, count, show, suffix)
    return count.summary(world.clock() - start)


def _by_folder(paths: Iterable[Path]) -> dict[Path, list[Path]]:
    """Return folders, and the files to take of each; none means all that are in it."""
    folders: dict[Path, list[Path]] = {path.resolve(): [] for path in paths if path.is_dir()}
    whole = set(folders)
    for path in paths:
        if not path.is_dir() and not path.is_symlink() and not path.exists():
            raise UsageError(f"{path} does not exist; name folders or files to publish")
        folder = path.parent.resolve()
        if not path.is_dir() and folder not in whole:
            folders.setdefault(folder, []).append(folder / path.name)
    return folders


def _found(folder: Path, files: Sequence[Path], world: World, suffix: str | None) -> Changes:
    if files:
        return _named([*files, *_seconds_beside(folder, files, suffix)] if suffix else files, suffix)
    changes = FolderScan(folder, clock=world.clock).look()
    if any(closed.name == str(folder) for closed in changes.closed):
        raise UsageError(f"{folder} cannot be listed; check its permissions")
    changes.found = paired(changes.found, suffix)
    return changes


def _seconds_beside(folder: Path, files: Sequence[Path], suffix: str) -> list[Path]:
    """Return the second frames of files that were named: whoever names a first frame means both."""
    try:
        beside = {path.name: path for path in folder.iterdir() if path.is_file() and not path.is_symlink()}
    except OSError as error:
        raise UsageError(f"{folder} cannot be listed for second frames: {error.strerror}") from error
    seconds = seconds_of(beside, suffix)
    return [beside[seconds[path.name]] for path in files if path.name in seconds]


def _named(files: Sequence[Path], suffix: str | None) -> Changes:
    changes = Changes()
    for path in dict.fromkeys(files):
        if path.is_symlink():
            changes.left_alone.append(Skipped(readable(path.name), "a symbolic link"))
        else:
            changes.found.append(sighting_of(path))
    changes.found = paired(changes.found, suffix)
    return changes


def _publish(
    found: Changes, assembly: Assembly, count: Count, show: Callable[[Count], None], suffix: str | None
) -> None:
    count.skips += [Failure(path=skipped.name, reason=skipped.reason) for skipped in found.left_alone]
    count.failures += [Failure(path=closed.name, reason=closed.reason) for closed in found.closed]
    assembly.agent.deliver()
    names = {frame.name for file in found.found for frame in file.frames}
    names |= {name for file in found.found for name in partners_of(file, suffix)}
    notes = assembly.outlast(partial(assembly.journal.notes, sorted(names)))
    answered = {file.name for file in found.found if _is_answered(file, notes, suffix)}
    fresh = [file for file in found.found if file.name not in answered]
    _count_known([notes[file.name] for file in found.found if file.name in answered], count)
    assembly.agent.note([FileNote(frame.name, frame.stamp, FileState.SEEN) for file in fresh for frame in file.frames])
    for verdict in assembly.agent.take(fresh):
        _answer(verdict, assembly, count)
        show(count)


def _is_answered(file: Sighting, notes: Mapping[str, FileNote], suffix: str | None) -> bool:
    answered = is_answered(file, notes, ANSWERS | answers_of_pairs(suffix))
    return answered and not was_answered_with_another(file, notes, suffix)


def _count_known(notes: Iterable[FileNote], count: Count) -> None:
    for note in notes:
        if note.state is FileState.SKIPPED:
            count.skips.append(Failure(path=note.name, reason=note.reason or ""))
        else:
            count.known += 1


def _answer(verdict: Verdict, assembly: Assembly, count: Count) -> None:
    match verdict:
        case Uploaded(ref=None):
            count.known += 1
        case Uploaded():
            count.published += 1
        case NoImage():
            count.skips.append(Failure(path=verdict.file.name, reason=verdict.reason))
        case Restless():
            _fail(verdict.file, "it changes while it is read; publish it again when it rests", assembly, count)
        case Unreadable():
            _fail(verdict.file, verdict.reason, assembly, count)


def _fail(file: Sighting, reason: str, assembly: Assembly, count: Count) -> None:
    assembly.agent.note(notes_of(file, FileState.FAILED, reason))
    count.failures.append(Failure(path=file.name, reason=reason))


def _hear(count: Count, _: Pending) -> None:
    count.images += 1
