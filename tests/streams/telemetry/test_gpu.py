from types import SimpleNamespace

from streams.telemetry.gpu import GpuCollector


def torch_with(*, begun: bool) -> SimpleNamespace:
    """Stand in for torch on a machine with two GPUs, whose driver does not tell how busy they are."""
    cuda = SimpleNamespace(
        is_initialized=lambda: begun,
        device_count=lambda: 2,
        mem_get_info=lambda index: (60 << 30, 80 << 30),
        memory_reserved=lambda index: (index + 1) << 30,
        get_device_properties=lambda index: SimpleNamespace(uuid=f"no-such-{index}"),
    )
    return SimpleNamespace(cuda=cuda)


def test_the_memory_of_every_gpu_is_told_and_what_of_it_the_process_holds() -> None:
    families = GpuCollector({"torch": torch_with(begun=True)}).collect()
    found = {(s.name, s.labels["device"]): s.value for family in families for s in family.samples}
    assert found == {
        ("semstream_gpu_memory_used_bytes", "0"): 20 << 30,
        ("semstream_gpu_memory_used_bytes", "1"): 20 << 30,
        ("semstream_gpu_memory_bytes", "0"): 80 << 30,
        ("semstream_gpu_memory_bytes", "1"): 80 << 30,
        ("semstream_gpu_allocated_bytes", "0"): 1 << 30,
        ("semstream_gpu_allocated_bytes", "1"): 2 << 30,
    }


def test_a_process_that_uses_no_gpu_is_not_made_to_begin() -> None:
    assert list(GpuCollector({}).collect()) == []
    assert list(GpuCollector({"torch": torch_with(begun=False)}).collect()) == []
