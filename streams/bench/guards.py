"""How well the guards tell: what they catch of features planted and wiped out, and what they say of honest results."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from schemas.frame import Pixels
from schemas.model import Record
from stages.evidence import Evidence, EvidenceMap, Finding
from stages.noise import measure
from stages.restoration import Restoration
from stages.selector.rule import Rule
from stages.simulation.series import simulated_image
from stages.stage import Method, Stage
from streams.bench.features import Feature, drawn_features
from streams.bench.fields import find_fields, read_sight
from streams.errors import UsageError

SNRS = (3, 5, 8)
FEATURES = 8
"""Features of each detectability in every candidate, planted and wiped out in turn, one at a time."""
TRUTH = "the truth"
NEAR_PX = 3
"""How far beyond a feature's edge a finding may lie that is of it."""


class MapFigures(Record):
    """What the evidence maps of one method's honest restorations are like."""

    share: float
    """Mean share of the pixels beyond `stages.evidence.SEEN_FROM`."""
    with_any: float
    """Share of the images with any such pixel."""
    largest: float
    """Mean of the largest disagreement of each image, in standard deviations."""


class Caught(Record):
    """What the evidence guard does on one kind of images."""

    images: int
    """Candidates of images that were looked at untouched."""
    false_alarms: float
    """Share of them that it vetoes; of simulated ones without those where the truth agrees with the raw frame."""
    confirmed: float
    """Share of them that it vetoes, and the truth is at least half as far from the restoration as the raw frame."""
    false_alarms_of: dict[str, float]
    """The same by candidate."""
    maps: dict[str, MapFigures]
    """Maps of untouched candidates by name; on simulated images also that of the truth, under `TRUTH`."""
    caught: dict[str, float]
    """Share of the features that it finds at their place, by detectability."""
    features: int
    """Of each detectability."""


class EvidenceFigures(Record):
    """On real images and on simulated ones."""

    real: Caught | None
    simulated: Caught


@dataclass(frozen=True)
class Specimen:
    """A noisy frame, and the truth where it is known."""

    name: str
    raw: Pixels
    clean: Pixels | None = None


@dataclass
class Count:
    """What is counted while the candidates pass."""

    alarms: dict[str, list[bool]] = field(default_factory=dict)
    confirmed: list[bool] = field(default_factory=list)
    maps: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    """Share beyond `stages.evidence.SEEN_FROM` and the largest disagreement of every map."""
    found: dict[int, list[bool]] = field(default_factory=lambda: {snr: [] for snr in SNRS})

    def note(self, name: str, seen: EvidenceMap) -> None:
        """Count an untouched candidate's map."""
        self.maps.setdefault(name, []).append((seen.share, seen.largest))

    def summary(self) -> Caught:
        """Return the shares."""
        every = [alarm for alarms in self.alarms.values() for alarm in alarms]
        return Caught(
            images=len(every),
            false_alarms=_share(every),
            confirmed=_share(self.confirmed),
            false_alarms_of={name: _share(alarms) for name, alarms in self.alarms.items()},
            maps={name: _of_maps(maps) for name, maps in self.maps.items()},
            caught={str(snr): _share(found) for snr, found in self.found.items()},
            features=len(self.found[SNRS[0]]),
        )


def real_specimens(pairs: Path, numbers: frozenset[int] | None) -> list[Specimen]:
    """Read the noisy frames of pairs: their clean ones are other exposures and no truth to a few electrons."""
    return [Specimen(found.label, read_sight(found.noisy).frame.pixels) for found in find_fields(pairs, numbers)]


def simulated_specimens(images: int, *, seed: int, size_px: int) -> Iterator[Specimen]:
    """Make frames whose truth is known."""
    for number in range(images):
        made = simulated_image(number, seed=seed, size_px=size_px)
        yield Specimen(made.name, np.asarray(made.noisy / np.float32(255), np.float32), made.clean)


def methods_of(stages: Sequence[Stage], names: Sequence[str]) -> dict[str, Method]:
    """Return the methods of candidates by name.

    Raises
    ------
    UsageError
        If the pipeline has no such candidate.
    """
    known = {
        name: method for stage in stages if isinstance(stage, Restoration) for name, method in stage.candidates.items()
    }
    missing = [name for name in names if name not in known]
    if missing:
        raise UsageError(f"the pipeline has no candidate {', '.join(missing)}; it has {', '.join(known)}")
    return {name: known[name] for name in names}


def measure_evidence(specimens: Iterable[Specimen], methods: Mapping[str, Method], *, seed: int) -> Caught:
    """Restore every specimen by every method, look at it untouched, then with features planted and wiped out."""
    count = Count()
    for number, specimen in enumerate(specimens):
        noise = measure(specimen.raw)
        evidence = Evidence.of(specimen.raw, noise)
        if evidence is None:
            continue
        if specimen.clean is not None:
            count.note(TRUTH, evidence(specimen.clean))
        for name, method in methods.items():
            (restored,) = method([specimen.raw], [noise])
            _look(count, name, specimen, evidence, restored)
            _touch(count, evidence, restored, np.random.default_rng([seed, number]))
    return count.summary()


def _look(count: Count, name: str, specimen: Specimen, evidence: Evidence, restored: Pixels) -> None:
    """Count what the guard says of an honest candidate."""
    seen = evidence(restored)
    findings = seen.findings(Rule.evidence_z)
    count.note(name, seen)
    right = (
        bool(findings) and specimen.clean is not None and _confirmed(findings[0], specimen.clean, evidence, restored)
    )
    count.confirmed.append(right)
    count.alarms.setdefault(name, []).append(bool(findings) and not right)


def _confirmed(finding: Finding, clean: Pixels, evidence: Evidence, restored: Pixels) -> bool:
    truth = replace(evidence, raw=clean)(restored).z[finding.y, finding.x]
    return float(truth) / finding.z >= 0.5


def _touch(count: Count, evidence: Evidence, restored: Pixels, rng: np.random.Generator) -> None:
    for snr in SNRS:
        features = drawn_features(restored, evidence.noise, evidence.trusted, [snr] * FEATURES, rng)
        for number, feature in enumerate(features):
            drawn = feature.drawn(restored.shape)
            if number % 2:
                changed = replace(evidence, raw=np.clip(evidence.raw + drawn, 0, 1))(restored)
            else:
                changed = evidence(np.clip(restored + drawn, 0, 1))
            count.found[snr].append(any(_is_of(f, feature) for f in changed.findings(Rule.evidence_z)))


def _is_of(finding: Finding, feature: Feature) -> bool:
    apart = float(np.hypot(finding.x - feature.x, finding.y - feature.y))
    return apart <= feature.radius_px + NEAR_PX


def _of_maps(maps: Sequence[tuple[float, float]]) -> MapFigures:
    share, largest = np.array(maps).T
    return MapFigures(
        share=float(f"{share.mean():.3g}"),
        with_any=round(float(np.mean(share > 0)), 4),
        largest=round(float(largest.mean()), 2),
    )


def _share(values: Sequence[bool]) -> float:
    return round(float(np.mean(values)), 4) if values else 0.0
