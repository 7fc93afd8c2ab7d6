import ctypes
from types import SimpleNamespace
from typing import Any

from streams.telemetry.gpu import GpuCollector, Library

HELD = (0, 1 << 30)
"""What the process holds of each of two GPUs: it uses the second."""


def torch_with(*, begun: bool) -> SimpleNamespace:
    """Stand in for torch on a machine with two GPUs."""

    def mem_get_info(index: int) -> tuple[int, int]:
        assert HELD[index], "it would open a context on a GPU that the process does not use"
        return 60 << 30, 80 << 30

    cuda = SimpleNamespace(
        is_initialized=lambda: begun,
        device_count=lambda: 2,
        mem_get_info=mem_get_info,
        memory_reserved=lambda index: HELD[index],
        get_device_properties=lambda index: SimpleNamespace(uuid=f"no-{index}", total_memory=80 << 30),
    )
    return SimpleNamespace(cuda=cuda)


def absent(name: str) -> Any:
    raise OSError(f"{name}: cannot open shared object file")


class Driver:
    """Stands in for the driver's library, which may know a GPU or not, and how busy it is or not."""

    def __init__(self, *, known: tuple[bytes, ...] = (b"GPU-no-0", b"GPU-no-1"), busy_told: bool = True) -> None:
        self.known, self.busy_told = known, busy_told

    def __call__(self, _: str) -> "Driver":
        return self

    def nvmlInit_v2(self) -> int:  # noqa: N802 - NVIDIA's
        return 0

    def nvmlDeviceGetHandleByUUID(self, uuid: bytes, device: Any) -> int:  # noqa: N802 - NVIDIA's
        if uuid not in self.known:
            return 6
        device._obj.value = 1 + self.known.index(uuid)
        return 0

    def nvmlDeviceGetUtilizationRates(self, device: ctypes.c_void_p, found: Any) -> int:  # noqa: N802
        found._obj.gpu = 10 * (device.value or 0)
        return 0 if self.busy_told else 3

    def nvmlDeviceGetMemoryInfo(self, device: ctypes.c_void_p, found: Any) -> int:  # noqa: N802
        found._obj.total, found._obj.used = 81 << 30, (device.value or 0) << 30
        return 0


def told(library: Library, *, begun: bool = True) -> dict[tuple[str, str, str], float]:
    families = GpuCollector({"torch": torch_with(begun=begun)}, library).collect()
    samples = [sample for family in families for sample in family.samples]
    return {(s.name.removeprefix("semstream_gpu_"), s.labels["device"], s.labels["uuid"]): s.value for s in samples}


def test_the_driver_tells_of_every_gpu_under_the_name_that_all_processes_know_and_no_context_is_opened() -> None:
    assert told(Driver()) == {
        ("utilization_ratio", "0", "GPU-no-0"): 0.1,
        ("utilization_ratio", "1", "GPU-no-1"): 0.2,
        ("memory_used_bytes", "0", "GPU-no-0"): 1 << 30,
        ("memory_used_bytes", "1", "GPU-no-1"): 2 << 30,
        ("memory_bytes", "0", "GPU-no-0"): 81 << 30,
        ("memory_bytes", "1", "GPU-no-1"): 81 << 30,
        ("allocated_bytes", "0", "GPU-no-0"): 0,
        ("allocated_bytes", "1", "GPU-no-1"): 1 << 30,
    }


def test_without_a_driver_that_tells_only_gpus_in_use_are_asked_how_much_memory_is() -> None:
    for library in (absent, Driver(known=())):
        assert told(library) == {
            ("memory_used_bytes", "1", "GPU-no-1"): 20 << 30,
            ("memory_bytes", "0", "GPU-no-0"): 80 << 30,
            ("memory_bytes", "1", "GPU-no-1"): 80 << 30,
            ("allocated_bytes", "0", "GPU-no-0"): 0,
            ("allocated_bytes", "1", "GPU-no-1"): 1 << 30,
        }


def test_a_driver_that_does_not_tell_how_busy_a_gpu_is_tells_its_memory_all_the_same() -> None:
    found = told(Driver(busy_told=False))
    assert {name for name, _, _ in found} == {"memory_used_bytes", "memory_bytes", "allocated_bytes"}
    assert found["memory_bytes", "0", "GPU-no-0"] == 81 << 30


def test_a_process_that_uses_no_gpu_is_not_made_to_begin() -> None:
    assert list(GpuCollector({}).collect()) == []
    assert told(Driver(), begun=False) == {}
