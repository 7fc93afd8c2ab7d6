"""Prometheus numbers of a process: the list of all metrics, the registry that holds them, and what serves them."""

from streams.telemetry.activity import Activity, Thread
from streams.telemetry.registry import Telemetry

__all__ = ["Activity", "Telemetry", "Thread"]
