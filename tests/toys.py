"""Small stages and stand-ins on which the runtime is tested."""

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from schemas.events import ImageEvent
from schemas.frame import Frame
from schemas.image import Roi
from schemas.model import Record, digest
from schemas.scores import RAW, Candidate, Result, Selection
from stages.stage import Done, Outcome, Part, Rejected, Stage, Task
from streams.errors import InvalidImage

SIDE = 8


def toy_file(seed: int) -> bytes:
    """Return the "file" of a toy instrument: 8 x 8 grey levels and nothing else."""
    return np.random.default_rng(seed).integers(0, 256, SIDE * SIDE, dtype=np.uint8).tobytes()


class ToyDecoder:
    """Decodes `toy_file`; anything of another length is an invalid image."""

    def specimen(self, data: bytes, *, page: int, roi: Roi, bits: int | None = None) -> Frame:
        if len(data) != SIDE * SIDE:
            raise InvalidImage(f"a toy file has {SIDE * SIDE} bytes, not {len(data)}")
        return Frame(np.frombuffer(data, np.uint8).reshape(SIDE, SIDE).astype(np.float32) / np.float32(255))


@dataclass(frozen=True)
class Shade(Stage):
    """Restores every frame by shading it, once a level; rejects frames whose first pixel is black."""

    name: ClassVar[str] = "shade"
    emits: ClassVar[str] = "shaded"
    record: ClassVar[type[Record]] = Candidate
    levels: Mapping[str, float] = field(default_factory=lambda: {"half": 0.5, "quarter": 0.25})

    def parts(self, event: ImageEvent) -> Mapping[str, str]:
        return {name: digest({"shade": level}) for name, level in self.levels.items()}

    def __call__(self, batch: Sequence[Task]) -> list[Outcome]:
        return [self._shaded(task) for task in batch]

    def _shaded(self, task: Task) -> Outcome:
        if task.raw.pixels[0, 0] == 0:
            return Rejected("the first pixel is black")
        return Done({name: self._part(task, name) for name in task.wanted})

    def _part(self, task: Task, name: str) -> Part:
        candidate = Candidate(name=name, stage=self.name, method="Shade", config_hash=self.parts(task.event)[name])
        return Part(candidate, Frame(task.raw.pixels * np.float32(self.levels[name])))

    def extend(self, event: ImageEvent, records: Mapping[str, Record]) -> ImageEvent:
        return event.but(candidates=(*event.candidates, *records.values()))


@dataclass(frozen=True)
class Pick(Stage):
    """Selects the last candidate without looking at a pixel."""

    name: ClassVar[str] = "pick"
    emits: ClassVar[str] = "picked"
    record: ClassVar[type[Record]] = Selection

    def needs(self, event: ImageEvent) -> tuple[str, ...]:
        return ()

    def __call__(self, batch: Sequence[Task]) -> list[Outcome]:
        return [Done({"result": Part(self._selection(task.event))}) for task in batch]

    def extend(self, event: ImageEvent, records: Mapping[str, Record]) -> ImageEvent:
        return event.but(selection=records["result"])

    def _selection(self, event: ImageEvent) -> Selection:
        last = event.candidates[-1] if event.candidates else None
        hashed = last.config_hash if last else None
        return Selection(chosen=last.name if last else RAW, chosen_hash=hashed, rule="last", reason="it came last")


@dataclass(frozen=True)
class Focus(Stage):
    """A fifth stage as a user would write it: one file, three definitions."""

    name: ClassVar[str] = "focus"
    gain: float = 1.0

    def __call__(self, batch: Sequence[Task]) -> list[Outcome]:
        return [Done({"result": Part(Result(values={"focus": self._focus(task.raw)}))}) for task in batch]

    def _focus(self, frame: Frame) -> float:
        return round(self.gain * float(np.abs(np.diff(frame.pixels, axis=1)).mean()), 6)


@dataclass(frozen=True)
class Slow(Shade):
    """Takes its time."""

    def __call__(self, batch: Sequence[Task]) -> list[Outcome]:
        time.sleep(0.1 * len(batch))
        return super().__call__(batch)


@dataclass(frozen=True)
class Broken(Stage):
    """A stage with a bug."""

    name: ClassVar[str] = "broken"

    def __call__(self, batch: Sequence[Task]) -> list[Outcome]:
        raise ZeroDivisionError("a bug")


@dataclass(frozen=True)
class Garbling(Focus):
    """Adds to the event what is no part of one."""

    def extend(self, event: ImageEvent, records: Mapping[str, Record]) -> ImageEvent:
        return event.but(candidates=(Result(values={}),))


@dataclass(frozen=True)
class Fatal(Shade):
    """Ends its process, as a segfault would, where the first pixel is black."""

    def __call__(self, batch: Sequence[Task]) -> list[Outcome]:
        if any(task.raw.pixels[0, 0] == 0 for task in batch):
            os._exit(139)
        return super().__call__(batch)
