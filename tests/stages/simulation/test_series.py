"""Rows of simulated images."""

import numpy as np

from stages.simulation.scenes import KINDS
from stages.simulation.series import simulated_images


def test_kinds_take_turns_and_names_count() -> None:
    names = [image.name for image in simulated_images(images=7, seed=1, size_px=16)]
    assert names == [f"{kind}_{number:04d}" for number, kind in enumerate([*KINDS, KINDS[0]], start=1)]


def test_an_image_does_not_depend_on_how_many_are_asked_for() -> None:
    short = list(simulated_images(images=2, seed=3, size_px=24))
    long = list(simulated_images(images=4, seed=3, size_px=24))
    for one, other in zip(short, long, strict=False):
        np.testing.assert_array_equal(one.noisy, other.noisy)


def test_the_noisy_image_is_the_clean_one_within_its_noise() -> None:
    for image in simulated_images(images=6, seed=2, size_px=64):
        assert image.noisy.dtype == np.uint8
        difference = image.noisy / 255 - image.clean
        assert difference.std() < 2 * float(np.sqrt(image.scan.noise.variance(image.clean).mean())) + 0.02
        assert abs(difference.mean()) < 0.05
