"""What the fidelity benchmark found: of one frame, of one field, and on average."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from schemas.model import Record
from schemas.scores import RAW


class Fidelity(Record):
    """How close one frame, or the mean of some, comes to the registered clean one."""

    psnr: float
    """dB, full scale as the peak."""
    ssim: float
    seconds: float = 0.0
    """Time to restore it."""


@dataclass(frozen=True)
class Choice:
    """What was chosen from which candidates."""

    chosen: str
    pool: tuple[str, ...]


@dataclass(frozen=True)
class FieldResult:
    """What became of one field: every candidate's fidelity by name, and which was selected."""

    kind: str
    number: int
    candidates: Mapping[str, Fidelity]
    chosen: str
    flags: tuple[str, ...]
    risks: Mapping[str, float]
    """Estimated squared errors, by candidate."""
    favourites: Mapping[str, str] = field(default_factory=dict)
    """What other criteria would have chosen, by criterion."""
    conditions: Mapping[str, str] = field(default_factory=dict)
    """What it shows and how it was scanned, by the name of what can be told apart."""
    networks: tuple[str, ...] = ()
    """Candidates that networks made."""
    smaller_pools: Mapping[str, Choice] = field(default_factory=dict)
    """What the same rule chooses from fewer candidates, by what is in the pool."""

    @property
    def noisy(self) -> Fidelity:
        """The raw frame."""
        return self.candidates[RAW]

    @property
    def selected(self) -> Fidelity:
        """The selected candidate."""
        return self.candidates[self.chosen]

    @property
    def oracle(self) -> Fidelity:
        """The best candidate, the raw frame among them, as one would choose it who knew the truth."""
        return max(self.candidates.values(), key=lambda fidelity: fidelity.psnr)

    @property
    def regret(self) -> float:
        """Decibels lost for not knowing the truth."""
        return self.regret_of(self.chosen)

    def regret_of(self, name: str) -> float:
        """Decibels lost by taking this candidate."""
        return self.oracle.psnr - self.candidates[name].psnr


class Regret(Record):
    """Decibels lost against the best candidate of each image."""

    mean: float
    p95: float


class KindSummary(Record):
    """Means over the fields of one kind."""

    fields: int
    noisy: Fidelity
    methods: dict[str, Fidelity]
    selected: Fidelity
    oracle: Fidelity
    regret: Regret
    chosen: dict[str, int]
    """How often each candidate was selected."""
    best: dict[str, int]
    """How often each candidate was truly the best."""
    criteria: dict[str, Regret]
    """Regret of what other criteria would have chosen."""


class Summary(Record):
    """The benchmark's figures."""

    fields: int
    kinds: dict[str, KindSummary]
    methods_psnr: dict[str, float]
    """Mean PSNR over all fields of each method by itself, with the raw frame where it was skipped."""
    selected_psnr: float
    regret: Regret
    criteria: dict[str, Regret]
    below_raw: int
    """Fields whose selected candidate is worse than the raw frame."""
    flagged: int
    risk_correlation: float | None
    """Rank correlation, mean over the fields, of the candidates' risk with their true error; 1 is perfect."""


def summarise(results: Sequence[FieldResult]) -> Summary:
    """Average by kind, and the regret over all fields."""
    kinds = sorted({result.kind for result in results})
    correlations = [c for c in map(_correlation, results) if c is not None]
    return Summary(
        fields=len(results),
        kinds={kind: _of_kind([result for result in results if result.kind == kind]) for kind in kinds},
        methods_psnr=_of_every(results),
        selected_psnr=_short(float(np.mean([result.selected.psnr for result in results]))),
        regret=_regret(results),
        criteria=_criteria(results),
        below_raw=sum(result.selected.psnr < result.noisy.psnr for result in results),
        flagged=sum(bool(result.flags) for result in results),
        risk_correlation=_short(float(np.mean(correlations))) if correlations else None,
    )


def _of_kind(results: Sequence[FieldResult]) -> KindSummary:
    names = list(dict.fromkeys(name for result in results for name in result.candidates if name != RAW))
    return KindSummary(
        fields=len(results),
        noisy=_mean([r.noisy for r in results]),
        methods={name: _mean([r.candidates[name] for r in results if name in r.candidates]) for name in names},
        selected=_mean([r.selected for r in results]),
        oracle=_mean([r.oracle for r in results]),
        regret=_regret(results),
        chosen=dict(Counter(result.chosen for result in results)),
        best=dict(Counter(_best(result) for result in results)),
        criteria=_criteria(results),
    )


def _of_every(results: Sequence[FieldResult]) -> dict[str, float]:
    names = set[str].union(*(set(result.candidates) for result in results))
    means = {name: _short(float(np.mean([r.candidates.get(name, r.noisy).psnr for r in results]))) for name in names}
    return dict(sorted(means.items(), key=lambda item: -item[1]))


def _best(result: FieldResult) -> str:
    return max(result.candidates, key=lambda name: result.candidates[name].psnr)


def _criteria(results: Sequence[FieldResult]) -> dict[str, Regret]:
    names = list(dict.fromkeys(name for result in results for name in result.favourites))
    asked = {name: [result for result in results if name in result.favourites] for name in names}
    return {name: _spread([r.regret_of(r.favourites[name]) for r in some]) for name, some in asked.items()}


def _mean(frames: Sequence[Fidelity]) -> Fidelity:
    return Fidelity(
        psnr=_short(float(np.mean([frame.psnr for frame in frames]))),
        ssim=_short(float(np.mean([frame.ssim for frame in frames]))),
        seconds=_short(float(np.mean([frame.seconds for frame in frames]))),
    )


def _regret(results: Sequence[FieldResult]) -> Regret:
    return _spread([result.regret for result in results])


def _spread(regrets: Sequence[float]) -> Regret:
    return Regret(mean=_short(float(np.mean(regrets))), p95=_short(float(np.percentile(regrets, 95))))


def _correlation(result: FieldResult) -> float | None:
    names = [name for name in result.risks if name in result.candidates]
    if len(names) < 3:
        return None
    risks = np.argsort(np.argsort([result.risks[name] for name in names]))
    errors = np.argsort(np.argsort([-result.candidates[name].psnr for name in names]))
    return float(np.corrcoef(risks, errors)[0, 1])


def _short(value: float) -> float:
    return round(value, 4)
