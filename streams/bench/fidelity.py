"""How close results come to the truth: every candidate, the selected one and the best possible, on pairs of images."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

from schemas.frame import Pixels
from schemas.scores import RAW, Candidate
from stages.denoise import Denoise
from stages.metrics.reference import psnr_db, ssim
from stages.noise import measure
from stages.restoration import Restoration
from stages.selector import Selector
from stages.stage import Method, Stage
from streams.bench.criteria import Examined, favourites
from streams.bench.failures import RIVAL
from streams.bench.fields import Pair, Specimen
from streams.bench.rehearsal import Rehearsed, rehearse
from streams.bench.results import Choice, Fidelity, FieldResult
from streams.errors import UsageError
from streams.redecision import decided
from streams.wiring.process import use_one_thread_a_slot


def score_field(stages: Sequence[Stage], field: Specimen, *, criteria: bool = False) -> FieldResult:
    """Take a field's noisy frame through the stages and compare every candidate with the truth.

    ``criteria`` asks the popular criteria as well: two more runs of every method on the whole frame.

    Raises
    ------
    UsageError
        If its images are no pair, or no stage selects.
    """
    pair = field.pair()
    rehearsed = rehearse(stages, pair.noisy, field.label, pair.second)
    selection = rehearsed.event.selection
    if selection is None:
        raise UsageError("the pipeline has no stage that selects; add stages.selector:Selector to its path")
    return FieldResult(
        kind=field.kind,
        number=field.number,
        candidates=_fidelities(rehearsed, pair),
        chosen=selection.chosen,
        flags=selection.flags,
        risks={c.name: c.risk.value for c in rehearsed.event.candidates if c.risk is not None},
        favourites=_favourites(stages, rehearsed, pair) if criteria else {},
        conditions=field.conditions,
        networks=tuple(c.name for c in rehearsed.event.candidates if _is_network(c)),
        smaller_pools=dict(_smaller_pools(stages, rehearsed)),
    )


def score_fields(
    stages: Sequence[Stage], fields: Sequence[Specimen], *, jobs: int = 1, criteria: bool = False
) -> Iterator[FieldResult]:
    """Score fields in order, in so many processes of one thread each."""
    score = partial(score_field, tuple(stages), criteria=criteria)
    if jobs == 1:
        yield from map(score, fields)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=use_one_thread_a_slot) as pool:
        yield from pool.map(score, fields)


def _fidelities(rehearsed: Rehearsed, pair: Pair) -> dict[str, Fidelity]:
    seconds = {candidate.name: candidate.seconds for candidate in rehearsed.event.candidates}
    return {name: _fidelity(pair, frame.pixels, seconds.get(name, 0.0)) for name, frame in rehearsed.frames.items()}


def _fidelity(pair: Pair, pixels: Pixels, seconds: float) -> Fidelity:
    inner = pair.inner(pixels)
    return Fidelity(psnr=psnr_db(pair.clean, inner), ssim=ssim(pair.clean, inner), seconds=seconds)


def _is_network(candidate: Candidate) -> bool:
    return candidate.stage == Denoise.name


def _smaller_pools(stages: Sequence[Stage], rehearsed: Rehearsed) -> Iterator[tuple[str, Choice]]:
    """Yield what the same rule chooses from the same scores where fewer candidates are in the pool."""
    rule = next(stage for stage in stages if isinstance(stage, Selector))
    pools: Mapping[str, Callable[[Candidate], bool]] = {
        "without networks": lambda candidate: not _is_network(candidate),
        f"{RIVAL} alone": lambda candidate: candidate.name in (RAW, RIVAL),
    }
    for name, keeps in pools.items():
        kept = tuple(filter(keeps, rehearsed.event.candidates))
        chosen = decided(rehearsed.event.but(candidates=kept), rule).chosen
        yield name, Choice(chosen, tuple(c.name for c in kept if c.name in rehearsed.frames))


def _favourites(stages: Sequence[Stage], rehearsed: Rehearsed, pair: Pair) -> Mapping[str, str]:
    methods: dict[str, Method] = {}
    for stage in stages:
        if isinstance(stage, Restoration):
            methods |= stage.candidates
    frame, seed = pair.noisy.frame.pixels, pair.noisy.image_id
    law = measure(frame)
    known = {name: frame for name, frame in rehearsed.frames.items() if name in methods}
    return favourites({n: Examined(methods[n], frame, law, made.pixels, seed) for n, made in known.items()})
