"""Where a restoration disagrees with the raw frame by more than noise explains."""

from dataclasses import dataclass

from schemas.frame import Pixels
from stages.evidence import Evidence
from stages.metrics.names import Score, Scores, nothing
from stages.noise import Noise


@dataclass(frozen=True, eq=False)
class Disagreement:
    """The evidence map in three numbers; there are none where the noise follows no law."""

    evidence: Evidence | None

    @classmethod
    def of(cls, raw: Pixels, noise: Noise) -> "Disagreement":
        """Prepare for the restorations of a raw frame."""
        return cls(Evidence.of(raw, noise))

    def __call__(self, frame: Pixels) -> Scores:
        """Score one frame of the same shape; the raw frame itself disagrees nowhere."""
        if self.evidence is None:
            return nothing(Score.EVIDENCE_Z, Score.EVIDENCE_SHARE, Score.EVIDENCE_COVERED)
        found = self.evidence(frame)
        return {
            Score.EVIDENCE_Z: found.largest,
            Score.EVIDENCE_SHARE: found.share,
            Score.EVIDENCE_COVERED: self.evidence.covered,
        }
