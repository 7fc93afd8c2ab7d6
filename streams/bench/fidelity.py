"""How close results come to the truth: every candidate, the selected one and the best possible, on pairs of images."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

import cv2

from schemas.frame import Pixels
from stages.metrics.reference import Reference, psnr_db, ssim
from stages.stage import Stage
from streams.bench.fields import Field, read_sight
from streams.bench.rehearsal import Rehearsed, rehearse
from streams.bench.results import Fidelity, FieldResult
from streams.errors import UsageError


def score_field(stages: Sequence[Stage], field: Field) -> FieldResult:
    """Take a field's noisy frame through the stages and compare every candidate with its clean frame.

    Raises
    ------
    UsageError
        If the two frames do not have one shape, or no stage selects.
    """
    noisy, clean = read_sight(field.noisy), read_sight(field.clean)
    reference = Reference.of(clean.frame.pixels, noisy.frame.pixels)
    if reference is None:
        raise UsageError(f"{field.label}: the clean frame is {clean.frame.shape} px, the noisy one {noisy.frame.shape}")
    rehearsed = rehearse(stages, noisy, field.label)
    selection = rehearsed.event.selection
    if selection is None:
        raise UsageError("the pipeline has no stage that selects; add stages.selector:Selector to its path")
    return FieldResult(
        kind=field.kind,
        number=field.number,
        candidates=_fidelities(rehearsed, reference),
        chosen=selection.chosen,
        flags=selection.flags,
        risks={c.name: c.risk.value for c in rehearsed.event.candidates if c.risk is not None},
    )


def score_fields(stages: Sequence[Stage], fields: Sequence[Field], *, jobs: int = 1) -> Iterator[FieldResult]:
    """Score fields in order, in so many processes of one thread each."""
    score = partial(score_field, tuple(stages))
    if jobs == 1:
        yield from map(score, fields)
        return
    with ProcessPoolExecutor(
        jobs, mp_context=get_context("spawn"), initializer=cv2.setNumThreads, initargs=(1,)
    ) as pool:
        yield from pool.map(score, fields)


def _fidelities(rehearsed: Rehearsed, reference: Reference) -> dict[str, Fidelity]:
    seconds = {candidate.name: candidate.seconds for candidate in rehearsed.event.candidates}
    return {
        name: _fidelity(reference, frame.pixels, seconds.get(name, 0.0)) for name, frame in rehearsed.frames.items()
    }


def _fidelity(reference: Reference, pixels: Pixels, seconds: float) -> Fidelity:
    inner = reference.inner(pixels)
    return Fidelity(psnr=psnr_db(reference.clean, inner), ssim=ssim(reference.clean, inner), seconds=seconds)
