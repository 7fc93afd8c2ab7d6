"""A folder watched until somebody ends it."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath

import structlog

from streams.agent.absences import Absences
from streams.agent.agent import BATCH_FILES
from streams.agent.assembly import Assembly, FeedOptions, World, assembled
from streams.agent.journal import FileNote, FileState, Pending, Stamp
from streams.agent.meter import AgentMeter
from streams.agent.pairs import (
    Pairs,
    answers_of_pairs,
    is_answered,
    noted_seconds,
    notes_of,
    partners_of,
    was_answered_with_another,
)
from streams.agent.scan import Changes, FolderScan, Sighting
from streams.agent.settling import Settling
from streams.agent.uploading import Restless, Unreadable, Uploaded, Verdict
from streams.errors import UsageError
from streams.formats.sniff import IMAGE_SUFFIXES
from streams.patience import Stopped

ANSWERED = {FileState.UPLOADED, FileState.PUBLISHED, FileState.SKIPPED, FileState.FAILED}
"""States in which a file that did not change needs nothing more."""
SCANNING_SHARE = 0.1
"""Of the time may go into looking, however many files there are."""

NO_STAMP = Stamp(0, 0)

log = structlog.get_logger()


@dataclass(frozen=True)
class Timing:
    """How long a file rests before it is read, how long it may stay unreadable, how often the folder is looked at.

    ``second_wait_s`` is how long a file waits for its second frame, where a feed has such: 12.6 million pixels of 5 us
    take 63 s. One that comes later costs that the first is computed twice.
    """

    settle_s: float = 2.0
    give_up_s: float = 60.0
    look_s: float = 0.5
    report_s: float = 30.0
    second_wait_s: float = 90.0


def watch_folder(folder: Path, options: FeedOptions, world: World, timing: Timing, meter: AgentMeter) -> None:
    """Publish what appears in a folder, until somebody ends it; services that do not answer are waited for.

    Raises
    ------
    UsageError
        If the folder is none.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder; give the folder that the instrument writes to")

    def heard(pending: Pending) -> None:
        meter.published(pending)
        _hear(pending)

    with assembled(folder, options, world, patience_s=math.inf, heard=heard, away=meter.away) as it:
        log.info("agent_watches", folder=str(folder), topic=options.topic, source=options.provenance.source)
        scan = FolderScan(folder.resolve(), clock=world.clock)
        Watch(scan, it, timing, meter, second_suffix=options.second_suffix).run()
        log.info("agent_ends", folder=str(folder))


class Watch:
    """Watches a folder: what is new or changed and rests is taken by the agent."""

    def __init__(
        self,
        scan: FolderScan,
        it: Assembly,
        timing: Timing,
        meter: AgentMeter,
        *,
        second_suffix: str | None = None,
    ) -> None:
        self._scan = scan
        self._agent, self._journal, self._outlast = it.agent, it.journal, it.outlast
        self._timing = timing
        self._meter = meter
        self._settling = Settling(settle_s=timing.settle_s, give_up_s=timing.give_up_s)
        self._absences = Absences(give_up_s=timing.give_up_s)
        self._suffix = second_suffix
        self._pairs = Pairs(second_suffix, wait_s=timing.second_wait_s)
        self._answers = ANSWERED | answers_of_pairs(second_suffix)
        self._told: dict[str, float] = {}
        self._next_look = -math.inf
        self._inherited = False

    def run(self) -> None:
        """Watch until somebody ends it."""
        try:
            self.begin()
            while not self._outlast.stop.is_set():
                self.step()
        except Stopped:
            log.info("agent_stopped_while_it_waited")

    def begin(self) -> None:
        """Publish what an earlier life uploaded."""
        self._agent.deliver()

    def step(self) -> None:
        """Look when it is time, then take what has rested; sleep when there is nothing to do."""
        now = self._outlast.clock()
        if now >= self._next_look:
            self._heed(self._scan.look())
            self._meter.waiting(len(self._settling))
            now, took_s = self._outlast.clock(), self._outlast.clock() - now
            self._next_look = now + max(self._timing.look_s, took_s / SCANNING_SHARE - took_s)
        due = self._settling.due(now, BATCH_FILES)
        for verdict in self._agent.take(due):
            self._answer(verdict)
        self._meter.waiting(len(self._settling))
        if not due:
            self._outlast.stop.wait(max(0.0, min(self._next_look, self._settling.next_due()) - now))

    def _heed(self, changes: Changes) -> None:
        now = self._outlast.clock()
        self._tell_closed(changes, now)
        self._heed_found(self._heed_gone(changes.gone, now), now)
        self._heed_found(self._pairs.found(changes.found), now)
        self._agent.note([FileNote(s.name, NO_STAMP, FileState.SKIPPED, s.reason) for s in changes.left_alone])
        if not self._inherited and not changes.closed:
            self._inherited = True
            self._inherit(now)
        self._forget(self._absences.back(changes.found))
        self._give_up_absent(now)

    def _heed_found(self, found: Sequence[Sighting], now: float) -> None:
        if not found:
            return
        notes = self._notes(found)
        fresh = {file.name: file for file in found if not self._is_answered(file, notes)}
        self._agent.note(self._sights(fresh.values(), notes))
        for frame in (frame for file in found for frame in file.frames if frame.name not in fresh):
            self._settling.done(frame.name)
        for file in fresh.values():
            self._settling.watch(file, now, held_s=self._pairs.held_s(file, notes))

    def _notes(self, files: Iterable[Sighting]) -> dict[str, FileNote]:
        """Return what is known of files, their second frames, and of those that may have been answered with them."""
        names = {frame.name for file in files for frame in file.frames}
        names |= {name for file in files for name in partners_of(file, self._suffix) if not self._pairs.second(name)}
        return self._outlast(partial(self._journal.notes, sorted(names)))

    def _is_answered(self, file: Sighting, notes: Mapping[str, FileNote]) -> bool:
        answered = is_answered(file, notes, self._answers)
        return answered and not was_answered_with_another(file, notes, self._suffix)

    def _sights(self, fresh: Iterable[Sighting], notes: Mapping[str, FileNote]) -> list[FileNote]:
        """Return what is to be noted of files that wait; one that only waits for another's sake is answered still."""
        frames = [(file, frame) for file in fresh for frame in file.frames]
        return [
            FileNote(frame.name, frame.stamp, FileState.SEEN)
            for file, frame in frames
            if file.second is None or not is_answered(frame.alone, notes, self._answers)
        ]

    def _heed_gone(self, names: Sequence[str], now: float) -> list[Sighting]:
        """Miss what was waited for; return the files that stand otherwise now."""
        for name in names:
            if file := self._settling.done(name) or self._pairs.second(name):
                self._absences.gone(file.alone, now)
        self._forget([name for name in names if name not in self._absences])
        return self._pairs.gone(names)

    def _inherit(self, now: float) -> None:
        """Miss the files that an earlier life saw and did not upload, and that are not there any more."""
        for name in self._outlast(partial(self._journal.names, FileState.SEEN)):
            if name not in self._settling and not self._pairs.second(name):
                self._absences.gone(Sighting(name, Path(name), NO_STAMP, inode=-1), now)

    def _give_up_absent(self, now: float) -> None:
        lost = self._absences.lost(now)
        notes = self._outlast(partial(self._journal.notes, [file.name for file in lost])) if lost else {}
        for file in lost:
            if is_answered(file, notes, self._answers):
                continue  # it waited for the other frame's sake alone
            if PurePosixPath(file.name).suffix.lower() in IMAGE_SUFFIXES:
                self._fail(file, FileState.GONE, "it vanished before it was uploaded")
            else:
                self._forget([file.name])

    def _forget(self, names: Sequence[str]) -> None:
        if names:
            self._outlast(partial(self._journal.forget, names))

    def _tell_closed(self, changes: Changes, now: float) -> None:
        """Say now and then what cannot be looked at."""
        self._told = {name: at for name, at in self._told.items() if now - at < self._timing.report_s}
        for closed in changes.closed:
            if closed.name not in self._told:
                self._told[closed.name] = now
                log.warning("agent_waits", reason=f"{closed.name} {closed.reason}")

    def _answer(self, verdict: Verdict) -> None:
        """Let go of what is answered, and wait for the rest."""
        now, file = self._outlast.clock(), verdict.file
        match verdict:
            case Restless():
                changed = replace(file, stamp=verdict.stamp)
                self._settling.watch(changed, now, held_s=self._pairs.held_s(changed, self._notes([changed])))
            case Unreadable(vanished=True):
                self._settling.done(file.name)
                self._absences.gone(file.alone, now)
            case Unreadable() if self._settling.postpone(file.name, now):
                pass
            case Unreadable():
                self._settling.done(file.name)
                self._fail(file, FileState.FAILED, verdict.reason)
            case _:
                self._settling.done(file.name)
                if isinstance(verdict, Uploaded) and self._pairs.is_orphan(file):
                    log.warning("second_without_first", name=file.name, reason="published as an image of its own")

    def _fail(self, file: Sighting, state: FileState, reason: str) -> None:
        if self._suffix and file.second is None:
            # It failed by itself: that stands, whatever it failed with before.
            stale = noted_seconds(file.name, self._notes([file]), self._suffix)
            self._agent.note([FileNote(name, NO_STAMP, FileState.SEEN) for name in stale])
            self._forget(stale)
        self._agent.note(notes_of(file, state, reason))
        self._meter.failed()
        log.warning("file_failed", name=file.name, state=state.value, reason=reason)


def _hear(pending: Pending) -> None:
    acquisition, second = pending.event.acquisition, pending.event.image.second
    log.info(
        "image_published",
        name=acquisition.source_name,
        acquisition_id=acquisition.acquisition_id,
        **({"supersedes": acquisition.supersedes} if acquisition.supersedes else {}),
        **({"second": second.key} if second else {}),
    )
