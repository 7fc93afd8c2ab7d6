import numpy as np

from schemas.frame import Pixels
from stages.filter.bilateral import Bilateral
from stages.filter.gaussian import Gaussian
from stages.noise import measure
from tests.stages.scan import psnr, scanned, scene


def steps() -> Pixels:
    rows, columns = np.indices((160, 160)) // 20
    return np.where((rows + columns) % 2, np.float32(0.65), np.float32(0.2))


def test_edges_stay_steeper_than_under_a_gaussian() -> None:
    clean = steps()
    frame = scanned(clean, electrons=80, lag1=0.4)
    noise = measure(frame)
    steepness = [
        float(np.abs(np.diff(method([frame], [noise])[0], axis=1))[:, 19::20].mean())
        for method in (Bilateral(), Gaussian())
    ]
    assert steepness[0] > 1.2 * steepness[1]


def test_it_restores_particles_better_than_a_gaussian() -> None:
    clean = scene()
    frame = scanned(clean, electrons=60)
    noise = measure(frame)
    assert psnr(Bilateral()([frame], [noise])[0], clean) > psnr(Gaussian()([frame], [noise])[0], clean)


def test_strength_is_the_range_of_greys_that_are_averaged() -> None:
    frame = scanned(scene(), electrons=60)
    noise = measure(frame)
    removed = [float(np.std(Bilateral(strength)([frame], [noise])[0] - frame)) for strength in (0.3, 1.0, 3.0)]
    assert removed == sorted(removed)
