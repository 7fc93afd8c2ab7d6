"""GPUs of a process that uses them, asked of the driver's own library: it costs no package and no context."""

import ctypes
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from streams.telemetry.catalogue import GPU_ALLOCATED, GPU_MEMORY, GPU_MEMORY_USED, GPU_UTILISATION, Metric

LIBRARY = "libnvidia-ml.so.1"
SHOWN = (GPU_UTILISATION, GPU_MEMORY_USED, GPU_MEMORY, GPU_ALLOCATED)


@dataclass(frozen=True)
class GpuState:
    """One GPU at a moment; what the driver does not tell is None."""

    device: str
    utilisation: float | None
    memory_used_bytes: float
    memory_bytes: float
    allocated_bytes: float


class GpuCollector(Collector):
    """Looks when it is asked, and only where torch has begun to use a GPU: beginning takes seconds and memory.

    Parameters
    ----------
    modules
        What the process has imported, by name.
    """

    def __init__(self, modules: Mapping[str, object] = sys.modules) -> None:
        self._modules = modules

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Name the metrics."""
        return [_family(metric) for metric in SHOWN]

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Return what the GPUs are at now."""
        torch: Any = self._modules.get("torch")
        if torch is None or not torch.cuda.is_initialized():
            return []
        return _families([_state(torch, index) for index in range(torch.cuda.device_count())])


def _families(states: Iterable[GpuState]) -> list[GaugeMetricFamily]:
    families = {metric.name: _family(metric) for metric in SHOWN}
    for state in states:
        values = (state.utilisation, state.memory_used_bytes, state.memory_bytes, state.allocated_bytes)
        for metric, value in zip(SHOWN, values, strict=True):
            if value is not None:
                families[metric.name].add_metric([state.device], value)
    return list(families.values())


def _family(metric: Metric) -> GaugeMetricFamily:
    return GaugeMetricFamily(metric.name, metric.meaning, labels=metric.labels)


def _state(torch: Any, index: int) -> GpuState:  # noqa: ANN401 - a module that need not be there
    free_bytes, all_bytes = torch.cuda.mem_get_info(index)
    uuid = str(getattr(torch.cuda.get_device_properties(index), "uuid", ""))
    return GpuState(
        device=str(index),
        utilisation=_utilisation(f"GPU-{uuid}"),
        memory_used_bytes=all_bytes - free_bytes,
        memory_bytes=all_bytes,
        allocated_bytes=torch.cuda.memory_reserved(index),
    )


class _Utilisation(ctypes.Structure):
    _fields_ = (("gpu", ctypes.c_uint), ("memory", ctypes.c_uint))


def _utilisation(uuid: str) -> float | None:
    """Return the share of the last moment in which a GPU was at work; None where the driver does not tell."""
    try:
        driver = ctypes.CDLL(LIBRARY)
    except OSError:
        return None
    device, found = ctypes.c_void_p(), _Utilisation()
    calls = _asking(driver, uuid, device, found)
    return found.gpu / 100 if all(status == 0 for status in calls) else None


def _asking(driver: ctypes.CDLL, uuid: str, device: ctypes.c_void_p, found: _Utilisation) -> Iterator[int]:
    """Yield the status of one call after the other; 0 is well, and beginning again changes nothing."""
    yield driver.nvmlInit_v2()
    yield driver.nvmlDeviceGetHandleByUUID(uuid.encode(), ctypes.byref(device))
    yield driver.nvmlDeviceGetUtilizationRates(device, ctypes.byref(found))
