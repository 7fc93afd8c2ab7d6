"""Who used the processor: the threads of this process by name, all of it, and the children that have ended."""

import resource
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class ProcessorTime:
    """Core-seconds of a block of `processor_time`."""

    process_s: float = 0.0
    caller_s: float = 0.0
    children_s: float = 0.0
    threads_s: dict[str, float] = field(default_factory=dict)
    """By name, as far as somebody noted them while they lived."""

    def note_threads(self) -> None:
        """Write down what each living Python thread has used since it began."""
        for thread in threading.enumerate():
            if thread.ident is not None:
                self.threads_s[thread.name] = time.clock_gettime(time.pthread_getcpuclockid(thread.ident))


@contextmanager
def processor_time() -> Iterator[ProcessorTime]:
    """Measure a block: this process, the thread that calls, and the children that are waited for in it."""
    measured = ProcessorTime()
    process_s, caller_s, children_s = time.process_time(), time.thread_time(), _children_s()
    yield measured
    measured.process_s = time.process_time() - process_s
    measured.caller_s = time.thread_time() - caller_s
    measured.children_s = _children_s() - children_s


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def used_by(pid: int) -> float:
    """Core-seconds of a process so far, its start included; 0 where it has ended."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0.0
    fields = text.rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100
