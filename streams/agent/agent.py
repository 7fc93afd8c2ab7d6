"""Files into events: upload, note, publish, note. Each step may be repeated, so the end of a process costs nothing."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Protocol

from streams.agent.journal import FileNote, FileState, Journal, Pending, Upload
from streams.agent.outages import Outlast
from streams.agent.pairs import notes_of, second_note
from streams.agent.scan import Sighting
from streams.agent.uploading import NoImage, Uploaded, Uploader, Verdict
from streams.intake import message_of
from streams.transport import Publisher

BATCH_FILES, BATCH_S, BATCH_EVENTS = 100, 0.2, 1000
"""Files of one batch share two commits of the journal and one wait for the brokers' acknowledgements."""


class Run(Protocol):
    """Calls a function with each of the arguments, perhaps in threads: `map`, or an executor's."""

    def __call__(
        self,
        function: Callable[[Sighting, str | None], Verdict],
        files: Iterable[Sighting],
        known: Iterable[str | None],
        /,
    ) -> Iterator[Verdict]:
        """Yield the results in order."""


Announced = Callable[[Sequence[Pending]], Collection[str]]


class Agent:
    """Takes files to the topic.

    Parameters
    ----------
    uploader, journal, publisher, outlast
        What does the work, and how long a service that does not answer is waited for.
    run, at_once
        What calls the uploader, and with how many files at a time.
    heard
        Is told of every event that the brokers have.
    announced
        Of events that may stand in the topic already, returns the ids of the acquisitions that do.
    """

    def __init__(
        self,
        uploader: Uploader,
        journal: Journal,
        publisher: Publisher,
        outlast: Outlast,
        *,
        run: Run = map,
        at_once: int = 1,
        heard: Callable[[Pending], None] = lambda event: None,
        announced: Announced = lambda events: set(),
    ) -> None:
        self._uploader = uploader
        self._journal = journal
        self._publisher = publisher
        self._outlast = outlast
        self._run = run
        self._at_once = at_once
        self._heard = heard
        self._announced = announced
        self._in_doubt = bool(journal.pending(limit=1))

    def take(self, files: Iterable[Sighting]) -> Iterator[Verdict]:
        """Take files, and yield what became of each; those that are images are published by then.

        Ends early when somebody stops it.
        """
        for batch in self._batches(files):
            uploads = [self._upload(verdict) for verdict in batch if isinstance(verdict, Uploaded)]
            skips = [verdict for verdict in batch if isinstance(verdict, NoImage)]
            self.note([note for skip in skips for note in notes_of(skip.file, FileState.SKIPPED, skip.reason)])
            if uploads:
                self._outlast(partial(self._journal.uploaded, uploads))
                self.deliver()
            yield from batch

    def deliver(self) -> None:
        """Publish every event that the journal has not seen published, also those of an earlier life."""
        while events := self._outlast(self._published):
            self._outlast(partial(self._journal.published, events))
            for event in events:
                self._heard(event)

    def note(self, notes: Sequence[FileNote]) -> None:
        """Write down what became of files that were not uploaded."""
        if notes:
            self._outlast(partial(self._journal.write, notes))

    def _published(self) -> list[Pending]:
        """Publish what is pending, except what is there: an earlier life, or a try that failed, may have come so far.

        Whoever reads the topic would answer an event that came twice by two events.
        """
        events = self._journal.pending(limit=BATCH_EVENTS)
        there = self._announced(events) if events and self._in_doubt else set()
        left = [pending for pending in events if pending.event.acquisition.acquisition_id not in there]
        if left:
            self._in_doubt = True
            self._publisher.publish([message_of(pending.event, pending.topic) for pending in left])
            self._in_doubt = False
        return events

    def _batches(self, files: Iterable[Sighting]) -> Iterator[list[Verdict]]:
        """Upload files, and yield batches: so many, or what there is after so long."""
        rest = iter(files)
        batch: list[Verdict] = []
        clock = self._outlast.clock
        start = clock()
        while not self._outlast.stop.is_set() and (group := list(islice(rest, self._at_once))):
            batch += self._outlast(partial(self._uploaded, group))
            if len(batch) >= BATCH_FILES or clock() - start >= BATCH_S:
                yield batch
                batch, start = [], clock()
        if batch:
            yield batch

    def _uploaded(self, group: Sequence[Sighting]) -> list[Verdict]:
        notes = self._journal.notes([file.name for file in group])
        known = [notes[file.name].sha256 if file.name in notes else None for file in group]
        return list(self._run(self._uploader, group, known))

    def _upload(self, uploaded: Uploaded) -> Upload:
        """Return the entry of an upload; each of its pages supersedes that page of what stood there before."""
        file, ref, description = uploaded.file, uploaded.ref, uploaded.description
        note = second_note(file.second) if file.second else None
        if ref is None or description is None:
            return Upload(file.name, file.stamp, uploaded.content, (), note)
        before = self._journal.acquisitions(file.name, uploaded.before) if uploaded.before else {}
        event = self._uploader.intake.event
        pages = range(description.page_count)
        second = uploaded.second
        events = tuple(event(file.name, description, n, ref, second=second, supersedes=before.get(n)) for n in pages)
        return Upload(file.name, file.stamp, uploaded.content, events, note)
