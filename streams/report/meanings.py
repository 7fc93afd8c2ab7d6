"""What each score is called on a page, and what it means."""

from collections.abc import Iterable
from dataclasses import dataclass

HEADLINE = ("psnr_db", "ssim")
"""Scores against a reference: they stand beside the estimate wherever an image has them."""


@dataclass(frozen=True)
class Meaning:
    """Name, unit and meaning of a score."""

    label: str
    tooltip: str = ""


def of(name: str) -> Meaning:
    """Return the meaning of a score; one that nobody described is called by its name."""
    return Meaning(name)


def in_order(names: Iterable[str]) -> list[str]:
    """Sort names as the closed list does; names that it does not hold come last, in the order given."""
    return list(names)


def headline(names: Iterable[str]) -> list[str]:
    """Return those of the names that stand in the short table."""
    return [name for name in names if name in HEADLINE]
