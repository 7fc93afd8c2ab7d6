"""Start a server in a folder, wait until it answers, find it again, end it."""

import errno
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.local.process import POLL_S, Process
from deploy.local.programs import Programs, StackError, last_words
from deploy.local.server import HOST, Server

START_S = 90.0
STOP_S = 20.0


@dataclass(frozen=True)
class Keeper:
    """Keeps one server whose data and configuration are in ``folder``."""

    server: Server
    folder: Path
    log: Path
    programs: Programs

    def process(self) -> Process | None:
        """Find the server's process, if it lives."""
        return Process.noted(self._pid_file)

    def start(self) -> bool:
        """Start it and wait until it answers; whether it did not run before.

        Raises
        ------
        StackError
            If a program is missing, a port is taken, or it ends or stays silent.
        """
        if process := self.process():
            self._wait(process)
            return False
        for port in self.server.ports:
            _check_free(port, self.server.name)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.server.prepare(self.folder, self.programs)
        self._wait(self._spawn())
        return True

    def stop(self) -> bool:
        """End it in good order, or by force when that takes too long; whether it ran."""
        process = self.process()
        if process is not None:
            process.end(self.server.stop_signal, STOP_S)
        self._pid_file.unlink(missing_ok=True)
        return process is not None

    def kill(self) -> None:
        """End it as a power cut would."""
        if process := self.process():
            process.kill()

    @property
    def _pid_file(self) -> Path:
        return self.folder / "pid"

    def _spawn(self) -> Process:
        command = self.server.command(self.folder, self.programs)
        with self.log.open("ab") as log:
            child = subprocess.Popen(  # noqa: S603  a server that this package names
                command.argv,
                env={**os.environ, **command.environment},
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C in a terminal goes to the group of who started it
            )
        child.returncode = 0  # it outlives its parent, so nobody waits for it
        process = Process.of(child.pid)
        if process is None:
            raise StackError(self._ended())
        process.note(self._pid_file)
        return process

    def _wait(self, process: Process) -> None:
        end = time.monotonic() + START_S
        while not self.server.answers():
            if not process.alive():
                raise StackError(self._ended())
            if time.monotonic() > end:
                raise StackError(f"{self.server.name} runs but does not answer at port {self.server.port}: {self.log}")
            time.sleep(POLL_S)

    def _ended(self) -> str:
        said = last_words(self.log.read_text(encoding="utf-8", errors="replace"))
        return f"{self.server.name} ended while it started: {said or 'it printed nothing'} ({self.log})"


@contextmanager
def running(server: Server, folder: Path, programs: Programs) -> Iterator[Keeper]:
    """Run a copy of a server in a folder of its own, and end it.

    ::

        with running(Redis(port=free_port()), tmp_path, programs) as redis:
            redis.kill()
            redis.start()
    """
    keeper = Keeper(server, folder, folder / "log", programs)
    try:
        keeper.start()
        yield keeper
    finally:
        keeper.stop()


def free_port() -> int:
    """Give a port of loopback that nobody listens at for the moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _check_free(port: int, name: str) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            finder = f"ss -ltnp 'sport = :{port}'"
            raise StackError(f"{name} needs port {port}, which a process outside this stack has: {finder}") from error
