"""A folder watched until somebody ends it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath

import structlog

from streams.agent.absences import Absences
from streams.agent.agent import BATCH_FILES, Agent
from streams.agent.assembly import FeedOptions, World, assembled
from streams.agent.journal import FileNote, FileState, Journal, Pending, Stamp
from streams.agent.outages import Outlast
from streams.agent.scan import Changes, FolderScan, Sighting
from streams.agent.settling import Settling
from streams.agent.uploading import Restless, Unreadable, Verdict
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
    """How long a file rests before it is read, how long it may stay unreadable, how often the folder is looked at."""

    settle_s: float = 2.0
    give_up_s: float = 60.0
    look_s: float = 0.5
    report_s: float = 30.0


def watch_folder(folder: Path, options: FeedOptions, world: World, timing: Timing) -> None:
    """Publish what appears in a folder, until somebody ends it; services that do not answer are waited for.

    Raises
    ------
    UsageError
        If the folder is none.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder; give the folder that the instrument writes to")
    with assembled(folder, options, world, patience_s=math.inf, heard=_hear) as it:
        log.info("agent_watches", folder=str(folder), topic=options.topic, source=options.source)
        Watch(FolderScan(folder.resolve(), clock=world.clock), it.agent, it.journal, it.outlast, timing).run()
        log.info("agent_ends", folder=str(folder))


class Watch:
    """Watches a folder: what is new or changed and rests is taken by the agent."""

    def __init__(self, scan: FolderScan, agent: Agent, journal: Journal, outlast: Outlast, timing: Timing) -> None:
        self._scan = scan
        self._agent = agent
        self._journal = journal
        self._outlast = outlast
        self._timing = timing
        self._settling = Settling(settle_s=timing.settle_s, give_up_s=timing.give_up_s)
        self._absences = Absences(give_up_s=timing.give_up_s)
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
            now, took_s = self._outlast.clock(), self._outlast.clock() - now
            self._next_look = now + max(self._timing.look_s, took_s / SCANNING_SHARE - took_s)
        due = self._settling.due(now, BATCH_FILES)
        for verdict in self._agent.take(due):
            self._answer(verdict)
        if not due:
            self._outlast.stop.wait(max(0.0, min(self._next_look, self._settling.next_due()) - now))

    def _heed(self, changes: Changes) -> None:
        now = self._outlast.clock()
        self._tell_closed(changes, now)
        self._heed_gone(changes.gone, now)
        self._heed_found(changes.found, now)
        self._agent.note([FileNote(s.name, NO_STAMP, FileState.SKIPPED, s.reason) for s in changes.left_alone])
        if not self._inherited and not changes.closed:
            self._inherited = True
            self._inherit(now)
        self._forget(self._absences.back(changes.found))
        self._give_up_absent(now)

    def _heed_found(self, found: Sequence[Sighting], now: float) -> None:
        if not found:
            return
        notes = self._outlast(partial(self._journal.notes, [file.name for file in found]))
        fresh = [file for file in found if not _is_answered(notes.get(file.name), file)]
        self._agent.note([FileNote(file.name, file.stamp, FileState.SEEN) for file in fresh])
        for file in fresh:
            self._settling.watch(file, now)

    def _heed_gone(self, names: Sequence[str], now: float) -> None:
        for name in names:
            if file := self._settling.done(name):
                self._absences.gone(file, now)
        self._forget([name for name in names if name not in self._absences])

    def _inherit(self, now: float) -> None:
        """Miss the files that an earlier life saw and did not upload, and that are not there any more."""
        for name in self._outlast(partial(self._journal.names, FileState.SEEN)):
            if name not in self._settling:
                self._absences.gone(Sighting(name, Path(name), NO_STAMP, inode=-1), now)

    def _give_up_absent(self, now: float) -> None:
        for file in self._absences.lost(now):
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
                self._settling.watch(replace(file, stamp=verdict.stamp), now)
            case Unreadable(vanished=True):
                self._settling.done(file.name)
                self._absences.gone(file, now)
            case Unreadable() if self._settling.postpone(file.name, now):
                pass
            case Unreadable():
                self._settling.done(file.name)
                self._fail(file, FileState.FAILED, verdict.reason)
            case _:
                self._settling.done(file.name)

    def _fail(self, file: Sighting, state: FileState, reason: str) -> None:
        self._agent.note([FileNote(file.name, file.stamp, state, reason)])
        log.warning("file_failed", name=file.name, state=state.value, reason=reason)


def _hear(pending: Pending) -> None:
    acquisition = pending.event.acquisition
    log.info("image_published", name=acquisition.source_name, acquisition_id=acquisition.acquisition_id)


def _is_answered(note: FileNote | None, file: Sighting) -> bool:
    return note is not None and note.stamp == file.stamp and note.state in ANSWERED
