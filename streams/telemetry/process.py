"""What a process tells of itself: what runs in it, its memory, its time on a core, and its GPUs where it uses any."""

import platform
from importlib.metadata import version

from prometheus_client import ProcessCollector

from streams.telemetry.catalogue import BUILD_INFO
from streams.telemetry.children import ChildrenCollector
from streams.telemetry.gpu import GpuCollector
from streams.telemetry.registry import Telemetry


def describe_process(telemetry: Telemetry, *, pipeline: str, pipeline_hash: str) -> None:
    """Let the process be seen: once for each registry."""
    ProcessCollector(registry=telemetry.registry)
    telemetry.registry.register(ChildrenCollector())
    telemetry.registry.register(GpuCollector())
    telemetry.set(BUILD_INFO, 1, version("semstream"), platform.python_version(), pipeline, pipeline_hash)
