"""Many threads that do the same at one time."""

import threading
from collections.abc import Callable

THREADS, TIMES = 4, 500


def crowd(call: Callable[[], object]) -> None:
    """Make the call in each of so many threads so many times."""

    def make() -> None:
        for _ in range(TIMES):
            call()

    threads = [threading.Thread(target=make) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
