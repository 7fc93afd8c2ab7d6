"""How many bits grey levels of 16-bit files have: as somebody states, as a tag says, or as saturated pixels show."""

import numpy as np

from streams.formats.directory import Directory
from streams.formats.page import Stored

MAX_SAMPLE_VALUE = 281
PILE_UP, LEAST_PILE = 1e-4, 16
"""Share and number of the pixels on one level from which the detector saturates there."""


def saturated_bits(stored: Stored) -> int:
    """Give the bits of the grey levels: fewer than 16 where pixels pile up at the full scale of fewer, the frame's top.

    A 12-bit detector writes 16-bit files, seldom says so, and its white is 4095. Nothing else puts many pixels there.
    """
    bits = 8 * stored.dtype.itemsize
    highest = int(stored.max(initial=0))
    fewer = highest.bit_length()
    if bits != 16 or not 9 <= fewer < bits or highest != 2**fewer - 1:
        return bits
    return fewer if np.count_nonzero(stored == highest) >= max(LEAST_PILE, PILE_UP * stored.size) else bits


def tagged_bits(directory: Directory) -> int | None:
    """Bits of which ``MaxSampleValue`` is the full scale; None where that is absent, or the image's own maximum."""
    maximum = directory.number(MAX_SAMPLE_VALUE, 0)
    bits = maximum.bit_length()
    return bits if bits >= 9 and maximum == 2**bits - 1 else None


def fitting(stored: Stored, bits: int | None) -> int | None:
    """Return the bits that somebody states of 16-bit levels; None where nobody does, or where a level exceeds them."""
    if bits is None or stored.dtype != np.uint16 or not 9 <= bits <= 16:
        return None
    return bits if stored.max(initial=0) < 2**bits else None
