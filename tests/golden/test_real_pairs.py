"""Figures of real images may move only when somebody means them to; then write them anew with `measured`."""

import json
from pathlib import Path

import pytest

from tests.golden.measured import LABELS, STORED, figures_of

ABSOLUTE = {
    "true_psnr": 0.1,
    "true_ssim": 0.005,
    "snr_db": 0.1,
    "column_lag1": 0.01,
    "offset": 1e-4,
    "residual_structure": 0.005,
}
RELATIVE = {"risk": 0.05}
"""How far a figure may move, by the last word of its name; by 2 % where nothing is said."""


def may_be(name: str, stored: float) -> object:
    word = name.rpartition(".")[2]
    return pytest.approx(stored, abs=ABSOLUTE.get(word), rel=None if word in ABSOLUTE else RELATIVE.get(word, 0.02))


@pytest.mark.parametrize("label", LABELS)
def test_a_real_pair_measures_as_it_did(shared_data: Path, label: str) -> None:
    stored = json.loads(STORED.read_text())[label]
    measured = figures_of(shared_data / "pairs", label)
    assert measured.keys() == stored.keys()
    moved = {name: (stored[name], v) for name, v in measured.items() if v != may_be(name, stored[name])}
    assert not moved, f"{label}: stored and measured: {moved}"


@pytest.mark.parametrize("label", LABELS)
def test_the_stored_figures_are_those_of_a_fast_scan(label: str) -> None:
    figures = json.loads(STORED.read_text())[label]
    assert 0.05 < figures["noise.sigma"] < 0.1
    assert figures["noise.row_acf_1"] == pytest.approx(0.48, abs=0.04)
    assert figures["median.true_psnr"] > figures["raw.true_psnr"] + 6
    assert figures["raw.risk"] > 5 * figures["median.risk"]
