"""One child process of the sandbox, as its parent sees it."""

import os
import signal
import socket
import subprocess
import sys
import time

from pydantic import ValidationError

from streams.formats.pipe import Reply, Request, receive, send

_START_S = 60.0
_END_S = 5.0
_SOCKET_BUFFER_BYTES = 1024**2
_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL")
"""All that a child sees of this process's environment: a file that takes over its decoder finds no credential there."""


class DecoderDied(Exception):
    """The child ended, or answered nonsense, while it had a file in hand."""


class ChildProcess:
    """A `streams.formats.child` that is starting or running, and the socket to it. One thread at a time."""

    def __init__(self, *, memory_bytes: int, cpu_s: int) -> None:
        self._end, theirs = socket.socketpair()
        with theirs:
            for end in (self._end, theirs):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SOCKET_BUFFER_BYTES)
            arguments = (str(number) for number in (theirs.fileno(), memory_bytes, cpu_s))
            self._process = subprocess.Popen(  # noqa: S603  the interpreter that runs this line
                [sys.executable, "-P", "-W", "ignore", "-m", "streams.formats.child", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env=_environment(),
                process_group=0,  # Ctrl-C in a terminal goes to the parent's group alone
            )
        self._started = False

    def wait_until_started(self) -> None:
        """Wait until the child can read files.

        Raises
        ------
        RuntimeError
            If it does not start: no image is to blame.
        """
        if self._started:
            return
        try:
            receive(self._end, max_bytes=0, deadline=time.monotonic() + _START_S)
        except (EOFError, OSError) as error:
            self.kill()
            raise RuntimeError(f"the decoder does not start (exit code {self._process.returncode})") from error
        self._started = True

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def ask(
        self, request: Request, *blobs: bytes | memoryview, max_bytes: int, deadline: float
    ) -> tuple[Reply, memoryview]:
        """Send a request and wait for the answer; raises `DecoderDied` or `TimeoutError`, after which to kill it."""
        try:
            send(self._end, request, *(memoryview(blob) for blob in blobs), deadline=deadline)
            header, blob = receive(self._end, max_bytes=max_bytes, deadline=deadline)
            return Reply.from_json(header), blob
        except TimeoutError:
            raise
        except (EOFError, OSError) as error:
            raise DecoderDied(f"the decoder died ({self._cause_of_death()}) while it read this file") from error
        except (ValidationError, ValueError) as error:
            raise DecoderDied(f"the decoder answered nonsense for this file: {error}") from error

    def end(self) -> None:
        """Close the line and wait: the child ends by itself. One that never read a file is not waited for."""
        if not self._started:
            self.kill()
            return
        self._end.close()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End the process now."""
        self._end.close()
        self._process.kill()
        self._process.wait()

    def _cause_of_death(self) -> str:
        try:
            code = self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            return "it closed its line"
        return f"signal {-code}, {signal.strsignal(-code)}" if code < 0 else f"exit code {code}"


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    single_threaded = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    return kept | single_threaded | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
