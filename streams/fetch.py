"""Fetch: what a lane selected, written as files on this machine; and how each image stands that has no selection."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from schemas.events import ImageEvent
from schemas.headers import Headers
from schemas.image import event_id_of
from streams.certificates import is_result
from streams.errors import InvalidImage
from streams.pipeline import Pipeline
from streams.ports import JobLedger, Settlement, State
from streams.replay import Selection, selected_messages
from streams.result_files import ResultFiles
from streams.scrutiny import read_event
from streams.topic_log import CLOCK_SKEW, TopicLog
from streams.transport import Message

PROMOTED = "promoted"
LAG = "semstream topics lag says how far the workers are"


@dataclass(frozen=True)
class Route:
    """A lane's way: the topic of its images, its stages in order, and the topic of what they select."""

    lane: str
    images: str
    stages: tuple[str, ...]
    selected: str
    pipeline: str
    """Hash of the pipeline that is asked for first; the ledger knows which others have worked there."""

    @classmethod
    def of(cls, pipeline: Pipeline, lane: str) -> "Route":
        """Return the way of a pipeline's lane."""
        steps = pipeline.steps(lane)
        stages = tuple(step.stage.name for step in steps)
        return cls(lane, steps[0].consumes, stages, steps[-1].produces, pipeline.hash)


@dataclass(frozen=True)
class Fetched:
    """What became of an image: the file with its result, or why there is none and what to do."""

    name: str
    image_id: str | None
    path: Path | None = None
    why: str | None = None


@dataclass(frozen=True)
class _Place:
    """Where the newest selection of an acquisition stands; ``event`` is without what the stages have added."""

    stamped_ms: int
    partition: int
    offset: int
    event: ImageEvent

    @property
    def age(self) -> tuple[int, int]:
        """Whatever is greater is newer."""
        return self.stamped_ms, self.offset


@dataclass(frozen=True)
class Fetch:
    """Finds selections in the last topic of a lane, and asks the ledger about images that have none there."""

    log: TopicLog
    ledger: JobLedger
    files: ResultFiles
    route: Route
    now: Callable[[], datetime]

    def __call__(self, selection: Selection) -> Iterator[Fetched]:
        """Write what is selected of the images meant, the named ones or those since a time; yield each, and the others.

        A time means: selected since, or published since and not selected.
        """
        answers = {image: self._answers(image) for image in selection.images}
        since = selection.since or self._since(answers.values())
        places = self._places(replace(selection, since=since))
        for place in sorted(places.values(), key=lambda place: place.age, reverse=True):
            self.files.name_of(place.event)  # of those with one name the newest has it
        yield from self._written(places)
        others = self._named(selection, answers, places) if answers else self._published(selection)
        yield from (other for acquisition_id, other in others.items() if acquisition_id not in places)

    def _answers(self, image: str) -> list[Settlement]:
        """Return how the lane's stages have answered an image; oldest first."""
        return [answer for answer in self.ledger.history(image)[1] if answer.id.lane == self.route.lane]

    def _since(self, answers: Iterable[Sequence[Settlement]]) -> datetime | None:
        """Return from when on to look for named images, where the ledger knows of all of them when they were selected.

        A week of the topic need not be read then.
        """
        last = self.route.stages[-1]
        selected = [[answer.settled_at for answer in those if answer.id.stage == last] for those in answers]
        return min(map(min, selected)) - CLOCK_SKEW if selected and all(selected) else None

    def _places(self, selection: Selection) -> dict[str, _Place]:
        places: dict[str, _Place] = {}
        for message in selected_messages(self.log, self.route.selected, selection):
            for _, event in self._events(message, selection):
                core = event.but(noise=None, candidates=(), selection=None, results={})
                place = _Place(message.timestamp_ms, message.partition.number, message.offset, core)
                known = places.get(event.acquisition.acquisition_id, place)
                places[event.acquisition.acquisition_id] = max(place, known, key=lambda one: one.age)
        return places

    def _events(self, message: Message, selection: Selection) -> Iterator[tuple[Headers, ImageEvent]]:
        """Yield what a message holds, where it is an event that is meant."""
        try:
            headers, event = read_event(message, now=self.now())
        except InvalidImage:
            return
        if selection.meant(event) is not None:
            yield headers, event

    def _written(self, places: Mapping[str, _Place]) -> Iterator[Fetched]:
        wanted = {(place.partition, place.offset) for place in places.values()}
        offsets = {number: [offset for n, offset in wanted if n == number] for number, _ in wanted}
        extent = {number: range(min(those), max(those) + 1) for number, those in offsets.items()}
        for message in self.log.read(self.route.selected, extent):
            if (message.partition.number, message.offset) in wanted:
                yield from (self._write(*found) for found in self._events(message, Selection()))

    def _write(self, headers: Headers, event: ImageEvent) -> Fetched:
        name, image_id, path = event.acquisition.source_name, event.image.image_id, self.files.path_of(event)
        if path.exists() and not is_result(path):
            return Fetched(name, image_id, why=f"{path} is there and no result of semstream's: choose another --out")
        try:
            pipeline = self._pipeline(headers.id, event.acquisition.acquisition_id)
            return Fetched(name, image_id, self.files.write(event, pipeline=pipeline))
        except InvalidImage as error:
            return Fetched(name, image_id, why=str(error))

    def _pipeline(self, event_id: str, acquisition_id: str) -> str | None:
        """Return the hash of the pipeline that published an event, which its id is made of."""
        last, lane, hash_ = self.route.stages[-1], self.route.lane, self.route.pipeline
        if event_id == event_id_of(acquisition_id, last, lane, hash_):
            return hash_
        ids = {answer.id for answer in self.ledger.history(acquisition_id)[1]}
        made = {event_id_of(acquisition_id, by, one.lane, one.pipeline): one for one in ids for by in (last, PROMOTED)}
        return made[event_id].pipeline if event_id in made else None

    def _named(
        self, selection: Selection, answers: Mapping[str, Sequence[Settlement]], places: Mapping[str, _Place]
    ) -> dict[str, Fetched]:
        """Return how every acquisition of the named images stands, by its id; what is unknown is under its name."""
        found = {image for place in places.values() for image in selection.meant(place.event) or ()}
        others: dict[str, Fetched] = {}
        for image, those in answers.items():
            if those:
                others.update({answer.id.acquisition_id: self._stands(answer, those) for answer in those})
            elif image not in found:
                published = self._published(Selection(images=(image,)))
                others.update(published or {image: Fetched(image, None, why=self._why_unknown())})
        return others

    def _published(self, selection: Selection) -> dict[str, Fetched]:
        """Return how the acquisitions in the images' topic stand."""
        others: dict[str, Fetched] = {}
        for message in selected_messages(self.log, self.route.images, selection):
            for _, event in self._events(message, selection):
                acquisition = event.acquisition
                if acquisition.acquisition_id not in others:
                    why = self._standing(self._answers(acquisition.acquisition_id))
                    others[acquisition.acquisition_id] = Fetched(acquisition.source_name, event.image.image_id, why=why)
        return others

    def _stands(self, one: Settlement, answers: Sequence[Settlement]) -> Fetched:
        own = [answer for answer in answers if answer.id.acquisition_id == one.id.acquisition_id]
        return Fetched(one.source_name, one.image_id, why=self._standing(own))

    def _standing(self, answers: Sequence[Settlement]) -> str:
        """Say how far an acquisition without a selection is, and what to do."""
        latest = {answer.id.stage: answer for answer in sorted(answers, key=lambda answer: answer.id.attempt)}
        attempt = max((answer.id.attempt for answer in answers), default=1)
        for stage in self.route.stages:
            answer = latest.get(stage)
            if answer and answer.state is State.REJECTED and answer.id.attempt == attempt:
                return (
                    f"failed at {stage}: {answer.reason}; when the cause is mended,"
                    f" semstream dlq retry --image {answer.id.acquisition_id}"
                )
        waits = next((stage for stage in self.route.stages if not _done(latest.get(stage))), None)
        if waits is not None:
            return f"waits for {waits}; {LAG}"
        return (
            f"was selected, and its event has left {self.route.selected}: publish its file again with another --state"
            " (nothing is computed again), then fetch it"
        )

    def _why_unknown(self) -> str:
        return (
            f"neither the ledger nor {self.route.images} knows it;"
            " semstream publish --status --state DIR names files that were refused"
        )


def _done(answer: Settlement | None) -> bool:
    return answer is not None and answer.state is State.DONE
