from collections import Counter

import numpy as np

from stages.noise import measure
from stages.second_frame import SecondFrame, second_frame_of
from stages.simulation.series import FURTHEST_DRIFT_PX
from streams.bench.simulated_fields import DOSES, SCANS, SIDE_PX, simulated_fields


def test_every_specimen_dose_and_scan_comes_once_in_72_and_goes_on_with_new_draws() -> None:
    fields = simulated_fields(144)
    combinations = Counter((field.kind, field.specimen, field.dose_e_per_px) for field in fields)
    assert len(combinations) == 72
    assert set(combinations.values()) == {2}
    assert len({field.label for field in fields}) == 144
    first, second = (field.pair() for field in (fields[0], fields[72]))
    assert not np.array_equal(first.clean, second.clean)


def test_a_field_is_the_same_whenever_it_is_drawn() -> None:
    field = simulated_fields(3)[2]
    one, other = field.pair(), field.pair()
    assert one.noisy.image_id == other.noisy.image_id
    assert one.clean.shape == one.noisy.frame.shape == (SIDE_PX, SIDE_PX)
    assert np.array_equal(one.clean, other.clean)


def test_the_noise_is_what_the_dose_makes_it() -> None:
    def error(dose: float) -> float:
        field = next(f for f in simulated_fields(72) if f.kind == "white" and f.dose_e_per_px == dose)
        pair = field.pair()
        return float(np.mean((pair.noisy.frame.pixels - pair.clean) ** 2) / (pair.clean.mean() / dose + 0.02**2))

    assert set(SCANS) == {"white", "white, jitter", "scan", "scan, jitter"}
    np.testing.assert_allclose([error(dose) for dose in DOSES], 1, rtol=0.15)


def test_a_field_that_is_scanned_twice_has_the_same_first_frame_and_a_second_with_other_noise() -> None:
    once, twice = (simulated_fields(1, twice=both)[0].pair() for both in (False, True))
    assert once.second is None
    assert twice.second is not None
    assert once.noisy.image_id == twice.noisy.image_id
    found = second_frame_of(twice.noisy.frame.pixels, twice.second.frame.pixels, measure(twice.noisy.frame.pixels))
    assert isinstance(found, SecondFrame)
    assert 0.5 < max(map(abs, found.drift)) < FURTHEST_DRIFT_PX + 1
