"""What judging candidates costs, how much of a frame it takes, and whether other noise draws would choose otherwise."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from schemas.events import ImageEvent
from schemas.frame import Pixels
from schemas.model import Record
from schemas.scores import RAW, Risk
from stages.denoise.recent import remembering
from stages.filter.stage import Untouched
from stages.metrics.reference import psnr_db
from stages.noise import Noise, measure
from stages.restoration import Restoration
from stages.risk import assess_all
from stages.selector import Selector
from stages.stage import Method, Stage
from stages.windows import windows_of
from streams.bench.fields import Specimen
from streams.bench.rehearsal import rehearse
from streams.bench.results import Regret
from streams.errors import UsageError
from streams.redecision import decided

SHARES = (1 / 16, 1 / 8, 1 / 4, 1.0)
"""Shares of a frame that are scored, the product's among them."""
ALIKE_DB = 0.1
"""A choice this close to the first one's counts as the same."""


class Stability(Record):
    """Choices of one image with other draws."""

    images: int
    draws: int
    same: float
    """Share of the draws that choose the same candidate."""
    alike: float
    """Or one within `ALIKE_DB`."""
    least_alike: float
    """The lowest share of any image."""


class Cost(Record):
    """What judging with a share of the frame takes, and what it loses."""

    scored: float
    """Share of the frames' pixels in the windows, mean."""
    of_compute: float
    """Seconds over those of restoring the frames."""
    regret: Regret


class Judging(Record):
    """The benchmark's figures; ``shares`` by the nominal share of the frame."""

    images: int
    left_out: int
    """Images whose noise follows no law."""
    stability: Stability
    shares: dict[str, Cost]


@dataclass(frozen=True)
class _Subject:
    """One image, restored once by every method."""

    event: ImageEvent
    frame: Pixels
    law: Noise
    methods: Mapping[str, Method]
    restored: Mapping[str, Pixels]
    psnr: Mapping[str, float]
    restore_s: float

    def choice(self, rule: Selector, seed: str, share: float) -> tuple[str, float]:
        """Return what is chosen with these draws, and the seconds that judging took."""
        start_s = time.perf_counter()
        with remembering():
            risks = {name: self._risk(name, seed, share) for name in self.methods}
        seconds = time.perf_counter() - start_s
        candidates = tuple(c.but(risk=risks.get(c.name)) for c in self.event.candidates)
        return decided(self.event.but(candidates=candidates), rule).chosen, seconds

    def scored(self, share: float) -> float:
        """Return the share of the frame's pixels that the windows of a nominal share hold."""
        windows = windows_of(self.frame.shape, np.random.default_rng(0), share=share)
        return sum(self.frame[window].size for window in windows) / self.frame.size

    def regret_db(self, name: str) -> float:
        """Decibels lost by choosing this candidate."""
        return max(self.psnr.values()) - self.psnr[name]

    def _risk(self, name: str, seed: str, share: float) -> Risk:
        known = [self.restored[name]]
        return assess_all(self.methods[name], [self.frame], [self.law], [seed], restored=known, share=share)[0]


def measure_judging(
    stages: Sequence[Stage], fields: Sequence[Specimen], *, draws: int, note: Callable[[], None] = lambda: None
) -> Judging:
    """Judge each image with so many draws, and with every share of it; ``note`` is called after each image.

    Raises
    ------
    UsageError
        If the pipeline does not select, or no image's noise follows a law.
    """
    rule = next((stage for stage in stages if isinstance(stage, Selector)), None)
    if rule is None:
        raise UsageError("the pipeline has no stage that selects; add stages.selector:Selector to its path")
    choices: list[list[tuple[str, float]]] = []
    costs: dict[float, list[tuple[float, float, float]]] = {share: [] for share in SHARES}
    for subject in _subjects(stages, fields, note):
        drawn = [subject.choice(rule, f"{subject.event.image.image_id}/{n}", 1 / 4)[0] for n in range(draws)]
        choices.append([(name, subject.psnr[name]) for name in drawn])
        for share, found in costs.items():
            chosen, seconds = subject.choice(rule, subject.event.image.image_id, share)
            found.append((subject.scored(share), seconds / subject.restore_s, subject.regret_db(chosen)))
    if not choices:
        raise UsageError("the noise of none of these images follows a law")
    return Judging(
        images=len(choices),
        left_out=len(fields) - len(choices),
        stability=_stability(choices),
        shares={f"{share:g}": _cost(found) for share, found in costs.items()},
    )


def _subjects(stages: Sequence[Stage], fields: Sequence[Specimen], note: Callable[[], None]) -> Iterator[_Subject]:
    methods: dict[str, Method] = {RAW: Untouched()}
    for stage in stages:
        if isinstance(stage, Restoration):
            methods |= stage.candidates
    for field in fields:
        pair = field.pair()
        rehearsed = rehearse(stages, pair.noisy, field.label)
        law = measure(pair.noisy.frame.pixels)
        restored = {name: frame.pixels for name, frame in rehearsed.frames.items() if name in methods}
        if law.holds:
            yield _Subject(
                event=rehearsed.event,
                frame=pair.noisy.frame.pixels,
                law=law,
                methods={name: methods[name] for name in restored},
                restored=restored,
                psnr={name: psnr_db(pair.clean, pair.inner(pixels)) for name, pixels in restored.items()},
                restore_s=sum(candidate.seconds for candidate in rehearsed.event.candidates),
            )
        note()


def _stability(choices: Sequence[Sequence[tuple[str, float]]]) -> Stability:
    same = [[name == of_image[0][0] for name, _ in of_image] for of_image in choices]
    alike = [[abs(psnr - of_image[0][1]) <= ALIKE_DB for _, psnr in of_image] for of_image in choices]
    return Stability(
        images=len(choices),
        draws=len(choices[0]),
        same=round(float(np.mean(same)), 4),
        alike=round(float(np.mean(alike)), 4),
        least_alike=round(min(float(np.mean(one)) for one in alike), 4),
    )


def _cost(found: Sequence[tuple[float, float, float]]) -> Cost:
    scored, of_compute, regrets = np.transpose(found)
    return Cost(
        scored=round(float(np.mean(scored)), 3),
        of_compute=round(float(np.mean(of_compute)), 3),
        regret=Regret(mean=round(float(np.mean(regrets)), 4), p95=round(float(np.percentile(regrets, 95)), 4)),
    )
