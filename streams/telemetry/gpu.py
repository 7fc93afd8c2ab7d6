"""GPUs of a process that uses them, asked of the driver's own library: it costs no package, and no context on any."""

import ctypes
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from streams.telemetry.catalogue import GPU_ALLOCATED, GPU_MEMORY, GPU_MEMORY_USED, GPU_UTILISATION
from streams.telemetry.metric import Metric

LIBRARY = "libnvidia-ml.so.1"
Library = Callable[[str], Any]
SHOWN = (GPU_UTILISATION, GPU_MEMORY_USED, GPU_MEMORY, GPU_ALLOCATED)


@dataclass(frozen=True)
class GpuState:
    """One GPU at a moment; what the driver does not tell is None."""

    device: str
    """Its number in the process, which sees those of CUDA_VISIBLE_DEVICES: others number the same one otherwise."""
    uuid: str
    utilisation: float | None
    memory_used_bytes: float | None
    memory_bytes: float
    allocated_bytes: float


class GpuCollector(Collector):
    """Looks when it is asked, and only where torch has begun to use a GPU: beginning takes seconds and memory.

    Parameters
    ----------
    modules
        What the process has imported, by name.
    library
        Opens a library by its name; raises `OSError` where there is none.
    """

    def __init__(self, modules: Mapping[str, object] = sys.modules, library: Library = ctypes.CDLL) -> None:
        self._modules, self._library = modules, library

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Name the metrics."""
        return [_family(metric) for metric in SHOWN]

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Return what the GPUs are at now."""
        torch: Any = self._modules.get("torch")
        if torch is None or not torch.cuda.is_initialized():
            return []
        return _families([_state(torch, index, self._library) for index in range(torch.cuda.device_count())])


def _families(states: Iterable[GpuState]) -> list[GaugeMetricFamily]:
    families = {metric.name: _family(metric) for metric in SHOWN}
    for state in states:
        values = (state.utilisation, state.memory_used_bytes, state.memory_bytes, state.allocated_bytes)
        for metric, value in zip(SHOWN, values, strict=True):
            if value is not None:
                families[metric.name].add_metric([state.device, state.uuid], value)
    return list(families.values())


def _family(metric: Metric) -> GaugeMetricFamily:
    return GaugeMetricFamily(metric.name, metric.meaning, labels=metric.labels)


def _state(torch: Any, index: int, library: Library) -> GpuState:  # noqa: ANN401 - a module that need not be there
    properties = torch.cuda.get_device_properties(index)
    uuid, allocated_bytes = f"GPU-{properties.uuid}", torch.cuda.memory_reserved(index)
    utilisation, memory = _told(uuid, library)
    return GpuState(
        device=str(index),
        uuid=uuid,
        utilisation=utilisation,
        memory_used_bytes=memory.used if memory else _used_bytes(torch, index, allocated_bytes),
        memory_bytes=memory.total if memory else properties.total_memory,
        allocated_bytes=allocated_bytes,
    )


def _used_bytes(torch: Any, index: int, allocated_bytes: float) -> float | None:  # noqa: ANN401 - as above
    """Ask torch, where the process uses the GPU already: the question opens a context, and that takes memory."""
    if not allocated_bytes:
        return None
    free_bytes, all_bytes = torch.cuda.mem_get_info(index)
    return float(all_bytes - free_bytes)


class _Utilisation(ctypes.Structure):
    _fields_ = (("gpu", ctypes.c_uint), ("memory", ctypes.c_uint))


class _Memory(ctypes.Structure):
    _fields_ = (("total", ctypes.c_ulonglong), ("free", ctypes.c_ulonglong), ("used", ctypes.c_ulonglong))


def _told(uuid: str, library: Library) -> tuple[float | None, _Memory | None]:
    """Return the share of the last moment in which a GPU was at work, and its memory; None is what nobody tells.

    A status of 0 is well, and beginning again changes nothing.
    """
    try:
        driver = library(LIBRARY)
    except OSError:
        return None, None
    device, busy, memory = ctypes.c_void_p(), _Utilisation(), _Memory()
    if driver.nvmlInit_v2() or driver.nvmlDeviceGetHandleByUUID(uuid.encode(), ctypes.byref(device)):
        return None, None
    is_busy_told = driver.nvmlDeviceGetUtilizationRates(device, ctypes.byref(busy)) == 0
    is_memory_told = driver.nvmlDeviceGetMemoryInfo(device, ctypes.byref(memory)) == 0
    return busy.gpu / 100 if is_busy_told else None, memory if is_memory_told else None
