"""Where in a frame its noise is measured: where the specimen is smooth, and hardly a pixel clipped."""

import cv2
import numpy as np

from schemas.frame import Pixels
from stages.correlation import Mask

CLIPPED_SHARE = 0.05
"""Where more of the neighbours are clipped, the spread of the rest is no longer the noise's."""
FLAT_SHARE = 0.6
"""Share of the frame, the smoothest part, that the noise is measured in."""


def clipped_pixels(pixels: Pixels) -> Mask:
    """Return where a frame is at 0 or at full scale."""
    return np.asarray((pixels <= 0) | (pixels >= 1), np.bool_)


def rarely_clipped(clipped: Mask) -> Mask | None:
    """Return where few neighbours are clipped, clipped pixels there included: leaving out single ones would bias.

    On frames clipped everywhere it is the least clipped fifth; ``None`` where most of that is clipped too. As all masks
    here it lacks the first and the last row, like `vertical_difference`.
    """
    share = cv2.boxFilter(clipped.astype(np.float32), -1, (11, 11))[1:-1]
    bound = max(CLIPPED_SHARE, float(np.quantile(share[::2, ::2], 0.2)))
    return None if bound > 0.5 else share <= bound + 1e-6


def flat_parts(pixels: Pixels) -> Mask | None:
    """Return the smoothest of what is rarely clipped, if anything is."""
    trusted = rarely_clipped(clipped_pixels(pixels))
    if trusted is None:
        return None
    smooth = cv2.GaussianBlur(pixels, (0, 0), 2.0)
    slopes = [np.square(cv2.Sobel(smooth, cv2.CV_32F, *direction)[1:-1]) for direction in ((1, 0), (0, 1))]
    steepness = slopes[0] + slopes[1]
    return np.asarray(trusted & (steepness <= np.quantile(steepness[trusted][::4], FLAT_SHARE)))
