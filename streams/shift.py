"""The crews of one process at work, from the first poll until somebody asks them to stop."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import structlog

POLL_S = 0.2

log = structlog.get_logger()


class Works(Protocol):
    """A crew, as far as a shift knows it."""

    def run(self) -> None:
        """Work until `stop`; raises what went wrong."""

    def stop(self) -> None:
        """Ask `run` to return."""

    @property
    def failure(self) -> BaseException | None:
        """What went wrong, as soon as it is known: `run` may be long in raising it."""


class Shift:
    """Crews that work side by side; when one fails all stop, for the process ends and is started again as a whole.

    Parameters
    ----------
    crews
        By name.
    deadline_s
        So long running work may take to be committed after `stop`. What is not done by then is answered by whoever
        comes next, exactly as after a crash.
    clock
        Monotonic seconds.
    """

    def __init__(
        self, crews: Sequence[tuple[str, Works]], *, deadline_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._crews = crews
        self._deadline_s = deadline_s
        self._clock = clock
        self._stopping = threading.Event()
        self._failures: list[BaseException] = []

    def stop(self) -> None:
        """Ask every crew to finish; may be called from a signal handler."""
        self._stopping.set()

    def run(self) -> bool:
        """Work until `stop` or the first failure, which is raised.

        Returns whether every crew finished what it had in hand before the deadline.
        """
        threads = [self._thread(name, crew) for name, crew in self._crews]
        while not self._stopping.wait(POLL_S) and not self._failed():
            pass
        for _, crew in self._crews:
            crew.stop()
        deadline = self._clock() + self._deadline_s
        for thread in threads:
            thread.join(max(0.0, deadline - self._clock()))
        if failures := self._failures or self._failed():
            raise failures[0]
        late = [thread.name for thread in threads if thread.is_alive()]
        if late:
            log.warning("stopped_at_deadline", crews=late, deadline_s=self._deadline_s)
        return not late

    def _failed(self) -> list[BaseException]:
        return [crew.failure for _, crew in self._crews if crew.failure is not None]

    def _thread(self, name: str, crew: Works) -> threading.Thread:
        def guarded() -> None:
            try:
                crew.run()
            except BaseException as error:  # raised again by run()
                self._failures.append(error)
            finally:
                self._stopping.set()

        thread = threading.Thread(target=guarded, name=name, daemon=True)
        thread.start()
        return thread
