"""Every score there is: its name on the wire, its unit, which way is better, and what it means."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Better(StrEnum):
    """Which way a score improves."""

    HIGHER = "higher is better"
    LOWER = "lower is better"
    NEAR_ONE = "1 is best"
    NEAR_ZERO = "0 is best"
    NEITHER = "neither way is better"


class Score(StrEnum):
    """Names of the scores, in the order in which people read them."""

    NOISE_LEFT = "noise_left"
    SNR = "snr_db"
    RESIDUAL_ENERGY = "residual_energy"
    RESIDUAL_STRUCTURE = "residual_structure"
    EVIDENCE_Z = "evidence_z"
    EVIDENCE_SHARE = "evidence_share"
    EVIDENCE_COVERED = "evidence_covered"
    EDGE_GRADIENT = "edge_gradient"
    TEXTURE_COARSE = "texture_coarse"
    TEXTURE_MEDIUM = "texture_medium"
    TEXTURE_FINE = "texture_fine"
    TEXTURE_FINEST = "texture_finest"
    PSNR = "psnr_db"
    SSIM = "ssim"
    MS_SSIM = "ms_ssim"
    GMSD = "gmsd"
    CD = "cd_px"
    CD_BIAS = "cd_bias_px"
    CD_BIAS_SE = "cd_bias_se"
    LWR = "lwr_biased_px"
    LWR_CHANGE = "lwr_change"
    LWR_CHANGE_SE = "lwr_change_se"
    HOLE_AREA = "hole_area_px"
    HOLE_AREA_CHANGE = "hole_area_change"
    HOLE_AREA_CHANGE_SE = "hole_area_change_se"
    ELLIPTICITY = "ellipticity"
    ELLIPTICITY_CHANGE = "ellipticity_change"
    ELLIPTICITY_CHANGE_SE = "ellipticity_change_se"


@dataclass(frozen=True)
class Meaning:
    """What a person should know of a score."""

    label: str
    unit: str
    better: Better
    text: str


MEANINGS: Mapping[Score, Meaning] = {
    Score.NOISE_LEFT: Meaning(
        "noise left",
        "of full scale",
        Better.LOWER,
        "Standard deviation of the differences between neighbouring rows in flat parts: the grain that is left.",
    ),
    Score.SNR: Meaning(
        "signal to noise",
        "dB",
        Better.HIGHER,
        "Variance of the specimen over that of the noise, from the autocorrelation along y. Compare images by it, not "
        "restorations: smoothing raises it at will.",
    ),
    Score.RESIDUAL_ENERGY: Meaning(
        "residual energy",
        "of the noise variance",
        Better.NEAR_ONE,
        "Variance of what was taken away over that of the noise: 1 if all noise went and nothing else; the gentler a "
        "method, the lower.",
    ),
    Score.RESIDUAL_STRUCTURE: Meaning(
        "residual structure",
        "correlation",
        Better.LOWER,
        "How far the correlations of what was taken away are from those of the noise: specimen in the residual shows.",
    ),
    Score.EVIDENCE_Z: Meaning(
        "largest disagreement",
        "standard deviations",
        Better.LOWER,
        "How far raw and restored disagree at the place where they do most, against what noise does there: beyond 6.1 "
        "something was erased or planted. Structure made up from the noise does not show.",
    ),
    Score.EVIDENCE_SHARE: Meaning(
        "disagreeing pixels",
        "of the frame",
        Better.LOWER,
        "Share of the frame where raw and restored disagree by more than 5.5 standard deviations.",
    ),
    Score.EVIDENCE_COVERED: Meaning(
        "pixels compared",
        "of the frame",
        Better.HIGHER,
        "Share of the frame where raw and restored could be compared: among many clipped pixels they cannot.",
    ),
    Score.EDGE_GRADIENT: Meaning(
        "edge steepness",
        "of the raw frame's",
        Better.NEAR_ONE,
        "Mean slope across the strongest edges: below 1 they were blurred, above 1 sharpened.",
    ),
    Score.TEXTURE_COARSE: Meaning(
        "coarse texture",
        "of the specimen's power",
        Better.NEAR_ONE,
        "Power at periods of 16 to 64 px over the raw frame's without its noise: below 1 structure was lost.",
    ),
    Score.TEXTURE_MEDIUM: Meaning(
        "medium texture", "of the specimen's power", Better.NEAR_ONE, "The same at periods of 8 to 16 px."
    ),
    Score.TEXTURE_FINE: Meaning(
        "fine texture", "of the specimen's power", Better.NEAR_ONE, "The same at periods of 4 to 8 px."
    ),
    Score.TEXTURE_FINEST: Meaning(
        "finest texture",
        "of the specimen's power",
        Better.NEAR_ONE,
        "The same at periods of 2 to 4 px; absent where the noise hides what the specimen has there.",
    ),
    Score.PSNR: Meaning(
        "PSNR", "dB", Better.HIGHER, "Peak signal to noise ratio against the registered reference, full scale as peak."
    ),
    Score.SSIM: Meaning("SSIM", "", Better.HIGHER, "Structural similarity to the registered reference (Wang 2004)."),
    Score.MS_SSIM: Meaning("MS-SSIM", "", Better.HIGHER, "The same at up to five scales (Wang 2003)."),
    Score.GMSD: Meaning(
        "GMSD", "", Better.LOWER, "Spread of the gradient similarity to the registered reference (Xue 2014)."
    ),
    Score.CD: Meaning(
        "CD",
        "px",
        Better.NEITHER,
        "Mean width of the lines, from the profile averaged along them: noise does not bias it.",
    ),
    Score.CD_BIAS: Meaning(
        "CD bias", "px", Better.NEAR_ZERO, "Mean width of the lines minus the raw frame's, both from averaged profiles."
    ),
    Score.CD_BIAS_SE: Meaning("CD bias, error", "px", Better.LOWER, "Standard error of the CD bias."),
    Score.LWR: Meaning(
        "LWR, biased",
        "px, 3 sigma",
        Better.NEITHER,
        "Line width roughness as measured, the noise's share included: the raw frame's is too high.",
    ),
    Score.LWR_CHANGE: Meaning(
        "LWR change",
        "of the raw frame's",
        Better.NEAR_ZERO,
        "Relative change of the roughness that cross-sections without common noise share: below 0 it was shaved off.",
    ),
    Score.LWR_CHANGE_SE: Meaning(
        "LWR change, error", "of the raw frame's", Better.LOWER, "Standard error of the LWR change."
    ),
    Score.HOLE_AREA: Meaning("hole area", "px²", Better.NEITHER, "Area of the mean of all holes."),
    Score.HOLE_AREA_CHANGE: Meaning(
        "hole area change", "of the raw frame's", Better.NEAR_ZERO, "Relative change of the area of the mean hole."
    ),
    Score.HOLE_AREA_CHANGE_SE: Meaning(
        "hole area, error", "of the raw frame's", Better.LOWER, "Standard error of the hole area change."
    ),
    Score.ELLIPTICITY: Meaning("ellipticity", "", Better.NEITHER, "Width of the mean hole over its height."),
    Score.ELLIPTICITY_CHANGE: Meaning(
        "ellipticity change", "of the raw frame's", Better.NEAR_ZERO, "Relative change of the ellipticity."
    ),
    Score.ELLIPTICITY_CHANGE_SE: Meaning(
        "ellipticity, error", "of the raw frame's", Better.LOWER, "Standard error of the ellipticity change."
    ),
}
"""A report's labels and tooltips."""

Scores = dict[Score, float | None]
"""Scores of one frame; ``None`` where a score does not exist for it."""


def nothing(*names: Score) -> Scores:
    """Return scores that do not exist for a frame."""
    return dict.fromkeys(names)
