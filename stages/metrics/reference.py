"""How close a frame is to a clean reference of the same field, once that is brought onto it."""

from dataclasses import dataclass

import cv2
import numpy as np

from schemas.frame import Pixels
from stages.metrics.names import Score, Scores, nothing
from stages.registration import match_grey, register

BORDER_PX = 12
"""Cut from each side before comparing: registration fills what the reference does not show."""
MOST_DB = 100.0
"""PSNR of identical frames."""
SSIM_SIDE_PX = 11
"""Frames with a shorter side have no structure to compare."""
MS_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of the scales, finest first (Wang, Simoncelli, Bovik 2003, section 3.2)."""
SSIM_C1, SSIM_C2 = 0.01**2, 0.03**2
GMSD_C = 170 / 255**2
"""Xue, Zhang, Mou, Bovik 2014, IEEE Trans. Image Process. 23:684, for grey levels in ``[0, 1]``."""


@dataclass(frozen=True, eq=False)
class Reference:
    """A clean frame on the grid and grey scale of the raw one."""

    clean: Pixels
    border: int

    @classmethod
    def of(cls, clean: Pixels, raw: Pixels) -> "Reference | None":
        """Bring a clean frame onto the raw frame; there is no comparison with one of another shape."""
        if clean.shape != raw.shape:
            return None
        border = BORDER_PX if min(raw.shape) > 4 * BORDER_PX else 0
        aligned = register(clean, raw).warp(clean) if border else clean
        reference = cls(aligned, border)
        return cls(match_grey(reference.inner(aligned), reference.inner(raw)), border)

    def inner(self, frame: Pixels) -> Pixels:
        """Return a frame without its border."""
        height, width = frame.shape
        return frame[self.border : height - self.border, self.border : width - self.border]

    def __call__(self, frame: Pixels) -> Scores:
        """Score one frame of the raw frame's shape."""
        inner = np.ascontiguousarray(self.inner(frame))
        psnr: Scores = {Score.PSNR: psnr_db(self.clean, inner)}
        if min(inner.shape) < SSIM_SIDE_PX:
            return psnr | nothing(Score.SSIM, Score.MS_SSIM, Score.GMSD)
        return psnr | {
            Score.SSIM: ssim(self.clean, inner),
            Score.MS_SSIM: ms_ssim(self.clean, inner),
            Score.GMSD: gmsd(self.clean, inner),
        }


def psnr_db(clean: Pixels, frame: Pixels) -> float:
    """Peak signal-to-noise ratio in dB, full scale as the peak."""
    if np.array_equal(clean, frame):
        return MOST_DB
    from skimage.metrics import peak_signal_noise_ratio  # noqa: PLC0415 - a second, and few images have a reference

    return min(float(peak_signal_noise_ratio(clean, frame, data_range=1.0)), MOST_DB)  # type: ignore[no-untyped-call]


def ssim(clean: Pixels, frame: Pixels) -> float:
    """Structural similarity, mean over windows of 7 px, full scale as the range."""
    from skimage.metrics import structural_similarity  # noqa: PLC0415 - as above

    return float(structural_similarity(clean, frame, data_range=1.0))  # type: ignore[no-untyped-call]


def ms_ssim(clean: Pixels, frame: Pixels) -> float:
    """Structural similarity at up to five scales, each half of the one before; luminance at the coarsest only."""
    product, used = 1.0, 0.0
    for weight in MS_WEIGHTS:
        luminance, structure = _similarities(clean, frame)
        used += weight
        coarsest = weight == MS_WEIGHTS[-1] or min(clean.shape) < 2 * SSIM_SIDE_PX
        similarity = luminance * structure if coarsest else structure
        product *= max(float(similarity.mean()), 0.0) ** weight
        if coarsest:
            break
        clean, frame = _halved(clean), _halved(frame)
    return float(product ** (1 / used))


def gmsd(clean: Pixels, frame: Pixels) -> float:
    """Standard deviation of the similarity of gradient magnitudes, on halved frames."""
    first, second = _gradient(_halved(clean)), _gradient(_halved(frame))
    return float(np.std((2 * first * second + GMSD_C) / (first**2 + second**2 + GMSD_C)))


def _similarities(clean: Pixels, frame: Pixels) -> tuple[Pixels, Pixels]:
    """Maps of the luminance's and of the contrast's and structure's similarity (Gaussian windows of 1.5 px)."""
    mean, other = _local_mean(clean), _local_mean(frame)
    variance, other_variance = _local_mean(clean**2) - mean**2, _local_mean(frame**2) - other**2
    covariance = _local_mean(clean * frame) - mean * other
    luminance = (2 * mean * other + SSIM_C1) / (mean**2 + other**2 + SSIM_C1)
    structure = (2 * covariance + SSIM_C2) / (variance + other_variance + SSIM_C2)
    return np.asarray(luminance), np.asarray(structure)


def _local_mean(pixels: Pixels) -> Pixels:
    return np.asarray(cv2.GaussianBlur(pixels, (11, 11), 1.5), np.float32)


def _halved(pixels: Pixels) -> Pixels:
    return np.asarray(cv2.resize(pixels, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), np.float32)


def _gradient(pixels: Pixels) -> Pixels:
    """Gradient magnitude by Prewitt's operator."""
    prewitt = np.array([[1, 0, -1]] * 3, np.float32) / 3
    return np.hypot(cv2.filter2D(pixels, cv2.CV_32F, prewitt), cv2.filter2D(pixels, cv2.CV_32F, prewitt.T))
