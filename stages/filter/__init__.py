"""Classical candidates, each for noise that grows with the signal and is correlated along rows."""

from stages.filter.stage import Filter

__all__ = ["Filter"]
