"""A run of the embedded mode: feed, crews and results in one process, until every image is settled."""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import structlog

from schemas.events import DEAD_LETTER_TYPE, DeadLetter, ImageEvent
from schemas.headers import Headers
from schemas.image import acquisition_id_of
from streams.errors import InvalidImage
from streams.feed import Feed, Window
from streams.results import Results
from streams.source import Skipped, SourceFile
from streams.transport import Message
from streams.wiring.embedded import Embedded

POLL_S = 0.2
LOST_AFTER_POLLS = 600
"""Polls without a result while no stage has anything in hand and images are on their way: some two minutes. Counted,
not timed, so that a process that was stopped for a while does not mistake that for a loss."""

log = structlog.get_logger()


@dataclass
class Progress:
    """What has happened so far; written by the run, read by whoever shows it."""

    published: int = 0
    selected: int = 0
    failures: list[tuple[str, str]] = field(default_factory=list)
    skips: list[tuple[str, str]] = field(default_factory=list)
    rejected: int = 0
    """Failures that a stage decided, so that the ledger keeps them."""
    unwritten: int = 0
    """Failures of images that were selected and whose result could not be written."""
    all_published: bool = False

    @property
    def settled(self) -> int:
        """Images with a result or a reason."""
        return self.selected + len(self.failures)

    @property
    def known(self) -> int:
        """Images found so far: published, or failed before that."""
        return self.published + len(self.failures) - self.rejected - self.unwritten


class EmbeddedRun:
    """One run; call it once. Ends when every published image is selected or failed."""

    def __init__(
        self, parts: Embedded, feed: Callable[[Window], Feed], results: Results, *, show: Callable[[Progress], None]
    ) -> None:
        self._parts = parts
        self._window = Window()
        self._feed = feed(self._window)
        self._results = results
        self._show = show
        self._failure: BaseException | None = None
        self._idle_polls = 0
        self.progress = Progress()

    def __call__(self, files: Iterable[SourceFile | Skipped]) -> None:
        """Run to the end; raises what went wrong in any thread."""
        threads = [self._thread(crew.run, f"{crew.name}-poller") for crew in self._parts.crews]
        threads.append(self._thread(lambda: self._publish(files), "feed"))
        try:
            while not self._finished():
                self._take_results()
                self._check_lost()
                self._show(self.progress)
        finally:
            self._window.close()
            for crew in self._parts.crews:
                crew.stop()
        for thread in threads:
            thread.join()
        if self._failure is not None:
            raise self._failure

    def published(self, event: ImageEvent) -> None:
        """Count an image on its way, and give its result a name: in the order of the feed, so the same in every run."""
        self._results.output_name(event)
        self.progress.published += 1

    def failed(self, name: str, reason: str) -> None:
        """Write the dead letter of a file that never became an image."""
        self._fail(self._letter(name, reason, stage="feed"))

    def skipped(self, name: str, reason: str) -> None:
        """Note a file that is no image."""
        self.progress.skips.append((name, reason))

    def _publish(self, files: Iterable[SourceFile | Skipped]) -> None:
        self._feed.run(files, self)
        self.progress.all_published = True

    def _finished(self) -> bool:
        return self._failure is not None or (self.progress.all_published and self._window.open_images == 0)

    def _check_lost(self) -> None:
        """End a run that would wait for ever: what the transport has forgotten is published again by the next."""
        waiting = self._window.open_images > 0 and not any(crew.in_flight for crew in self._parts.crews)
        self._idle_polls = self._idle_polls + 1 if waiting else 0
        if self._idle_polls > LOST_AFTER_POLLS:
            raise RuntimeError(f"{self._window.open_images} images are on their way and no stage has them")

    def _take_results(self) -> None:
        for message in self._parts.results.poll(limit=100, timeout_s=POLL_S):
            self._idle_polls = 0
            headers = Headers.from_wire(message.headers)
            if headers.type == DEAD_LETTER_TYPE:
                self._take_letter(DeadLetter.from_json(message.value or b""), message.size_bytes)
            else:
                self._take_selected(message)

    def _take_selected(self, message: Message) -> None:
        event = ImageEvent.from_json(message.value or b"")
        if not self._window.leave(event.acquisition.acquisition_id, message.size_bytes):
            return
        try:
            self._results.selected(event)
        except InvalidImage as error:
            self.progress.unwritten += 1
            self._fail(self._letter(event.acquisition.source_name, str(error), stage="results", event=event))
        else:
            self.progress.selected += 1

    def _take_letter(self, letter: DeadLetter, size_bytes: int) -> None:
        if letter.acquisition_id is None:
            raise RuntimeError(f"stage {letter.stage} cannot read an event of the stage before it: {letter.reason}")
        if self._window.leave(letter.acquisition_id, size_bytes):
            self.progress.rejected += 1
            self._fail(letter)

    def _letter(self, name: str, reason: str, *, stage: str, event: ImageEvent | None = None) -> DeadLetter:
        return DeadLetter(
            stage=stage,
            reason=reason,
            error_class="invalid_image",
            acquisition_id=event.acquisition.acquisition_id
            if event
            else acquisition_id_of(self._feed.provenance.source, name, ""),
            image_id=event.image.image_id if event else None,
            source_name=name,
            attempt=1,
            failed_at=self._feed.now(),
            host="",
            original=None,
        )

    def _fail(self, letter: DeadLetter) -> None:
        self._results.failed(letter)
        self.progress.failures.append((letter.source_name or "", letter.reason))

    def _thread(self, target: Callable[[], None], name: str) -> threading.Thread:
        def guarded() -> None:
            try:
                target()
            except BaseException as error:  # raised again by the run
                self._failure = self._failure or error

        thread = threading.Thread(target=guarded, name=name, daemon=True)
        thread.start()
        return thread
