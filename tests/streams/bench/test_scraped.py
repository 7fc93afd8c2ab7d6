import pytest

from deploy.local.keeper import free_port
from streams.bench.scraped import scraped, wait_until_ready
from streams.telemetry import Telemetry
from streams.telemetry.catalogue import STORE_OBJECT_BYTES, WORKER_SECONDS
from streams.telemetry.serving import served


def test_what_a_process_counts_is_read_with_its_labels() -> None:
    telemetry, port = Telemetry(), free_port()
    telemetry.observe(STORE_OBJECT_BYTES, 100, "get")
    telemetry.observe(STORE_OBJECT_BYTES, 20, "get")
    telemetry.observe(STORE_OBJECT_BYTES, 7, "put")
    with served(telemetry, lambda: None, port=port):
        found = scraped(port)
    assert found.total(STORE_OBJECT_BYTES, "_sum", call="get") == 120
    assert found.total(STORE_OBJECT_BYTES, "_count") == 3
    assert found.total(WORKER_SECONDS) == 0
    assert found.mean(WORKER_SECONDS) is None


def test_who_does_not_become_ready_is_waited_for_with_its_reason_in_the_end() -> None:
    port, reasons = free_port(), iter(["no partitions", "no partitions", None, "too late"])
    with served(Telemetry(), lambda: next(reasons), port=port):
        wait_until_ready(port, patience_s=60)
        with pytest.raises(TimeoutError, match="too late"):
            wait_until_ready(port, patience_s=-1)
    with pytest.raises(TimeoutError):
        wait_until_ready(port, patience_s=-1)
