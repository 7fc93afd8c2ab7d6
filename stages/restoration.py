"""What the stages that restore frames have in common: candidates by name, each restored and its risk assessed."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import ClassVar

from schemas.events import ImageEvent
from schemas.frame import Frame
from schemas.model import Record
from schemas.scores import RAW, Candidate
from stages.frame_law import law_of
from stages.noise import Noise
from stages.risk import assess_all
from stages.second_frame import SECOND, SecondFrame, Unusable, second_frame_of
from stages.stage import Done, Method, Outcome, Part, Restore, Stage, Task, config_hash_of, identity_of


@dataclass(frozen=True)
class Given:
    """An image with what is found out before any candidate of it is made."""

    task: Task
    law: Noise
    second: SecondFrame | Unusable | None
    """Another frame of the same field, if the image has one."""

    @classmethod
    def of(cls, task: Task) -> "Given":
        """Measure the noise law, and bring the second frame onto the first."""
        prior, second = task.event.image.prior_law, task.frames.get(SECOND)
        law = law_of(task.raw.pixels, prior)
        if second is None or not law.holds:
            return cls(task, law, None)
        return cls(task, law, second_frame_of(task.raw.pixels, second.pixels, law, prior))

    @property
    def judge(self) -> SecondFrame | None:
        """The second frame, where it can tell of the first."""
        return self.second if isinstance(self.second, SecondFrame) else None


@dataclass(frozen=True)
class Restoration(Stage):
    """Restores the raw frame by each of its candidates; a part is a candidate.

    ``version`` stands for the noise law and the risk, on which every candidate depends: it is part of their hashes.
    """

    candidates: Mapping[str, Method]
    """Methods by the name that their candidate shall have."""
    instruments: Mapping[str, Mapping[str, Method]] = field(default_factory=dict)
    """Methods that make these candidates of the images of one instrument, by its id; others' are made as ever."""

    record = Candidate
    version: ClassVar[int] = 5

    def parts(self, event: ImageEvent) -> Mapping[str, str]:
        """Return the config hash of each candidate."""
        return {name: self.hash_of(self.method_of(name, event)) for name in self.candidates}

    def method_of(self, name: str, event: ImageEvent) -> Method:
        """Return the method that makes a candidate of this image: its instrument's own, where it has one."""
        return self.instruments.get(event.image.instrument_id, {}).get(name, self.candidates[name])

    def hash_of(self, method: Method) -> str:
        """Return the config hash of a method that is given the raw frame and its noise law."""
        return config_hash_of(method, input_hash=f"{RAW}@{self.version}")

    def needs(self, event: ImageEvent) -> tuple[str, ...]:
        """The raw frame, and the second one where there is one: it judges what is made of the first."""
        return (RAW, SECOND) if event.image.second else (RAW,)

    def __call__(self, batch: Sequence[Task]) -> list[Outcome]:
        """Restore every frame by each candidate asked for; frames of one shape go to a method together."""
        given = [Given.of(task) for task in batch]
        found: list[dict[str, Part]] = [{} for _ in batch]
        for indices in _of_one_shape(batch):
            for name in self.names:
                chosen = [index for index in indices if name in batch[index].wanted]
                parts = self._restored(name, [given[index] for index in chosen])
                for index, part in zip(chosen, parts, strict=True):
                    found[index][name] = part
        return [Done({name: parts[name] for name in task.wanted}) for task, parts in zip(batch, found, strict=True)]

    def extend(self, event: ImageEvent, records: Mapping[str, Record]) -> ImageEvent:
        """Return the event with the candidates added in the configured order, in place of any of the same name.

        A record may come from a pipeline that called the same candidate by another name.
        """
        kept = tuple(candidate for candidate in event.candidates if candidate.name not in records)
        added = tuple(records[name].but(name=name) for name in self.names if name in records)
        return event.but(candidates=(*kept, *added))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the candidates, in order."""
        return tuple(self.candidates)

    def _restored(self, name: str, given: Sequence[Given]) -> list[Part]:
        """Restore frames of one shape by one candidate, those of an instrument by its method."""
        methods = [self.method_of(name, one.task.event) for one in given]
        found: dict[int, Part] = {}
        for method in {id(method): method for method in methods}.values():
            mine = [index for index, one in enumerate(methods) if one is method]
            found |= dict(zip(mine, self._restored_by(method, name, [given[index] for index in mine]), strict=True))
        return [found[index] for index in range(len(given))]

    def _restored_by(self, method: Method, name: str, given: Sequence[Given]) -> list[Part]:
        """Restore frames of one shape by one method; those whose noise law does not hold are skipped."""
        record = self._record(name, method)
        computed = iter(_computed(record, method, [one for one in given if one.law.holds]))
        return [next(computed) if one.law.holds else Part(record.but(skipped=one.law.why_not)) for one in given]

    def _record(self, name: str, method: Method) -> Candidate:
        """Return what is known of a candidate before it is computed."""
        identity = identity_of(method)
        fields = {"method": identity["method"], "parameters": identity["parameters"]}
        return Candidate.model_validate(
            {**fields, "name": name, "stage": self.name, "config_hash": self.hash_of(method)}
        )


def _of_one_shape(batch: Sequence[Task]) -> list[list[int]]:
    shapes = defaultdict(list)
    for index, task in enumerate(batch):
        shapes[task.raw.shape].append(index)
    return list(shapes.values())


def _computed(record: Candidate, restore: Restore, given: Sequence[Given]) -> list[Part]:
    if not given:
        return []
    pixels, laws = [one.task.raw.pixels for one in given], [one.law for one in given]
    start = perf_counter()
    frames = [Frame.clipped(restored) for restored in restore(pixels, laws)]
    seconds = (perf_counter() - start) / len(given)
    seeds = [one.task.event.image.image_id for one in given]
    judges = [one.judge for one in given]
    risks = assess_all(restore, pixels, laws, seeds, restored=[frame.pixels for frame in frames], judges=judges)
    return [
        Part(record.but(seconds=round(seconds, 6), risk=risk), frame) for frame, risk in zip(frames, risks, strict=True)
    ]
