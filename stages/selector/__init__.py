"""Which candidate is the best, by which rule, by what margin, and why."""

from stages.selector.stage import Selector

__all__ = ["Selector"]
