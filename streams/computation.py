"""Steps 4 and 5 of a batch: fetch what the stage needs and call it, so that no image takes others down with it."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from itertools import groupby, islice

import structlog

from schemas.events import ImageEvent
from schemas.image import outcome_key
from stages.stage import Done, Outcome, Task
from streams.errors import InvalidImage, ObjectLost
from streams.execution import Compute
from streams.job import Desk, Job
from streams.ports import SettlementId
from streams.surroundings import Surroundings
from streams.suspects import Precautions, why_not_again
from streams.telemetry import Activity
from streams.telemetry.catalogue import CALL_IMAGES

NO_RECORD = b""
"""In the place of an outcome's body: a cache that holds it counts as one that holds nothing."""

log = structlog.get_logger()


@dataclass(frozen=True)
class Computation:
    """Computes the missing parts of jobs by a stage's call, wherever that runs."""

    _desk: Desk
    _around: Surroundings
    _stage_call: Compute

    def of(self, jobs: Sequence[Job]) -> list[Job]:
        """Return the jobs, in order; those that were open with what was computed, or the reason why it cannot be."""
        care = self._around.precautions
        if care is None:
            return self._worked(jobs)
        ids = [job.settlement_id(self._desk) for job in jobs]
        deaths = care.deaths([identity for job, identity in zip(jobs, ids, strict=True) if job.open])
        usual = [n for n, identity in enumerate(ids) if identity not in deaths]
        with care.in_hand.holding([ids[n] for n in usual if jobs[n].open]):
            done = dict(zip(usual, self._worked([jobs[n] for n in usual]), strict=True))
        return [done.get(n) or self._alone(jobs[n], ids[n], deaths[ids[n]], care) for n in range(len(jobs))]

    def _alone(self, job: Job, identity: SettlementId, deaths: int, care: Precautions) -> Job:
        """Compute a suspect while nothing else is in hand, so that it is alone to blame."""
        reason = why_not_again(deaths)
        if reason is not None:
            return replace(job, rejection=reason)
        log.warning("suspect_runs_alone", stage=self._desk.stage.name, image_id=identity.acquisition_id, deaths=deaths)
        with care.in_hand.holding_alone(identity):
            return self._worked([job])[0]

    def _worked(self, jobs: Sequence[Job]) -> list[Job]:
        return self._compute([self._fetch(job) if job.open else job for job in jobs])

    def _fetch(self, job: Job) -> Job:
        """4. Fetch the frames that the stage needs."""
        needs = self._desk.stage.needs(job.event)
        if not needs:
            return replace(job, task=Task(job.event, job.missing, {}))
        with self._spending(Activity.FETCH):
            try:
                frames = self._around.frames.of(job.event, needs)
            except InvalidImage as error:
                if isinstance(error, ObjectLost):
                    self._forget(job.event, error.key)
                return replace(job, rejection=str(error))
        return replace(job, task=Task(job.event, job.missing, frames))

    def _forget(self, event: ImageEvent, object_key: str) -> None:
        """Let no candidate answer whose object is lost: a replay of the image computes it again."""
        lost = [c for c in event.candidates if c.object and c.object.key == object_key]
        keys = [outcome_key(event.image, candidate.stage, candidate.config_hash) for candidate in lost]
        self._around.ledger.forget(keys)
        self._around.cache.put(dict.fromkeys(keys, NO_RECORD))

    def _compute(self, jobs: list[Job]) -> list[Job]:
        """5. Call the stage, with as many frames of one shape as it wants at once."""
        tasks = [job.task for job in jobs if job.task is not None]
        outcomes: dict[int, Outcome] = {}
        for batch in self._batches(tasks):
            with self._slot():
                computed = self._called(batch)
            outcomes.update({id(task): outcome for task, outcome in zip(batch, computed, strict=True)})
        return [self._with_outcome(job, outcomes[id(job.task)]) if job.task else job for job in jobs]

    def _slot(self) -> AbstractContextManager[None]:
        if self._desk.stage.light:
            return nullcontext()
        return self._around.slots.taken(self._desk.lane, waiting=self._spending(Activity.SLOT))

    def _called(self, batch: Sequence[Task]) -> list[Outcome]:
        if self._desk.stage.at_once > 1:
            self._around.telemetry.observe(CALL_IMAGES, len(batch), self._desk.stage.name, self._desk.lane)
        try:
            with self._spending(Activity.COMPUTE):
                return self._stage_call(batch)
        except Exception as error:
            error.add_note(f"stage {self._desk.stage.name}, images {[t.event.image.image_id for t in batch]}")
            raise

    def _batches(self, tasks: Sequence[Task]) -> Iterator[list[Task]]:
        for _, group in groupby(sorted(tasks, key=_shape), key=_shape):
            rest = iter(group)
            while batch := list(islice(rest, self._desk.stage.at_once)):
                yield batch

    def _with_outcome(self, job: Job, outcome: Outcome) -> Job:
        if not isinstance(outcome, Done):
            return replace(job, task=None, rejection=outcome.reason)
        if set(outcome.parts) != set(job.missing):
            wrong = f"stage {self._desk.stage.name} gave {sorted(outcome.parts)}, asked for {sorted(job.missing)}"
            raise RuntimeError(wrong)
        self._around.notice(job.event.acquisition.acquisition_id, outcome.parts)
        return replace(job, task=None, computed=outcome.parts)

    def _spending(self, activity: Activity) -> AbstractContextManager[None]:
        return self._around.telemetry.spending(self._desk.stage.name, self._desk.lane, activity)


def _shape(task: Task) -> tuple[int, int]:
    return next(iter(task.frames.values())).shape if task.frames else (0, 0)
