"""Instruments that were never built: rows of observations with a known drift."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import numpy as np

from schemas.health import HealthEvent, Quantity
from streams.trends.observation import Observation
from streams.trends.watch import InstrumentWatch, observed
from tests.events import NOON

SIGMA, SNR_DB, SHARPNESS_DB, GAIN = 0.06, 7.0, -5.0, 0.01
SCATTER = {Quantity.SIGMA: 0.05, Quantity.SNR: 1.0, Quantity.SHARPNESS: 1.5, Quantity.GAIN: 0.08}
"""From image to image; of simulated scans of one kind of specimen it is 0.08 to 0.11 of sigma, 2 and 2.5 dB, 0.09."""

Drift = Callable[[int], float]
"""Factor of the noise at an image, counted from 0."""


def steady(_: int) -> float:
    return 1.0


def rising(*, start: int, images: int = 200, by: float = 0.3) -> Drift:
    return lambda number: 1 + by * min(max((number - start) / images, 0), 1)


def scored(number: int, *, values: dict[Quantity, float], at: datetime | None = None) -> Observation:
    return Observation(
        instrument_id="sem-1",
        recipe="lines",
        acquisition_id=f"acquisition-{number}",
        image_id=f"image-{number}",
        published_at=at or NOON + timedelta(seconds=20 * number),
        topic="sem.scored",
        partition=0,
        offset=number,
        values=values,
    )


def selected(number: int, *, raw: bool) -> Observation:
    return scored(number, values={}).but(topic="sem.selected", raw=raw)


def simulated(
    images: int, *, seed: int, drift: Drift = steady, raw_share: Drift = lambda _: 0.1, scatter: float = 1.0
) -> Iterator[Observation]:
    """Yield what is observed of so many images; ``scatter`` widens or narrows what they differ by."""
    rng = np.random.default_rng(seed)
    for number in range(images):
        factor, noise = drift(number), {q: scatter * s * rng.standard_normal() for q, s in SCATTER.items()}
        values = {
            Quantity.SIGMA: SIGMA * factor * float(np.exp(noise[Quantity.SIGMA])),
            Quantity.GAIN: GAIN * factor**2 * float(np.exp(noise[Quantity.GAIN])),
            Quantity.SNR: SNR_DB - 20 * float(np.log10(factor)) + noise[Quantity.SNR],
            Quantity.SHARPNESS: SHARPNESS_DB + noise[Quantity.SHARPNESS],
        }
        yield scored(number, values=values)
        yield selected(number, raw=bool(rng.random() < raw_share(number)))


def told_of(seen: Iterator[Observation]) -> list[HealthEvent]:
    """Return all that a new watch tells of them."""
    watch, told = InstrumentWatch(instrument_id="sem-1", recipe="lines"), list[HealthEvent]()
    for observation in seen:
        watch, events = observed(watch, observation)
        told += events
    return told
