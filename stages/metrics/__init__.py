"""Scores of a frame and its restorations, without a clean reference and with one."""

from stages.metrics.stage import Metrics

__all__ = ["Metrics"]
