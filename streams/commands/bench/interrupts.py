"""What an interrupt does to a benchmark that has started processes of its own."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def unwinding_signals() -> Iterator[None]:
    """Let signals unwind: the servers and processes, topics and databases of a run must not outlive it."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, lambda code, _: sys.exit(128 + code))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
