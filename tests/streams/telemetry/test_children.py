import subprocess
import sys

from streams.telemetry.children import ChildrenCollector

BUSY = "import time\nwhile time.process_time() < 0.2: pass\nprint('done', flush=True)\ninput()"


def used() -> tuple[float, float]:
    """Return seconds on a core and bytes of the children."""
    seconds, memory = (family.samples[0].value for family in ChildrenCollector().collect())
    return seconds, memory


def test_children_count_while_they_live_and_their_time_afterwards() -> None:
    before_s, before_bytes = used()
    with subprocess.Popen([sys.executable, "-c", BUSY], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        living_s, living_bytes = used()
        child.communicate(b"\n", timeout=30)
    ended_s, ended_bytes = used()
    assert living_s - before_s > 0.15  # it is counted in ticks of the kernel
    assert living_bytes - before_bytes > 1 << 20
    assert ended_s > living_s - 0.05
    assert ended_bytes < living_bytes
