"""Servers of a test's own, which it may stop, start and freeze; on free ports, in its own folder."""

import getpass
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import trustme

from tests.services import absent

POSTGRES_PROGRAMS = ("/usr/lib/postgresql/15/bin", *map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin"))))


class OwnRedis:
    """A server of a test's own: it may be stopped, started and frozen."""

    def __init__(self, folder: Path, *options: str, port: int | None = None) -> None:
        program = shutil.which("redis-server")
        if program is None:
            absent("redis-server is not installed")
        self.port = port or free_port()
        self._command = [program, "--bind", "127.0.0.1", "--dir", str(folder), "--save", "", *options]
        if "--tls-port" not in options:
            self._command += ["--port", str(self.port)]
        self.start()

    def start(self) -> None:
        """Start it, and return when it listens."""
        self.process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        wait_until_listening(self.port)

    def stop(self) -> None:
        """Stop it."""
        self.process.kill()
        self.process.wait()


class OwnPostgres:
    """A server of a test's own, with TLS. The superuser is ``owner``; everyone needs a password."""

    def __init__(self) -> None:
        self.port = free_port()
        # The server refuses to run as root, and others refuse it the way into pytest's folders.
        self._user = "postgres" if os.geteuid() == 0 else getpass.getuser()
        self.folder = Path(tempfile.mkdtemp(prefix="semstream-postgres-"))
        certificates(self.folder)
        (self.folder / "password").write_text("hunter2")
        (self.folder / "key.pem").chmod(0o600)
        for place in (self.folder, *self.folder.iterdir()):
            shutil.chown(place, self._user)
        self._data = self.folder / "data"
        password = f"--pwfile={self.folder}/password"
        self._run("initdb", "-D", str(self._data), "-U", "owner", "-A", "scram-sha-256", password, "-N")
        self.start()

    def __enter__(self) -> "OwnPostgres":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self.folder)

    def url(self, *, password: str = "hunter2", database: str = "postgres", host: str = "localhost") -> str:
        """Return an address of it."""
        return f"postgresql://owner:{password}@{host}:{self.port}/{database}"

    def start(self) -> None:
        """Start it, and return when it answers."""
        tls = [f"ssl_cert_file={self.folder}/server.pem", f"ssl_key_file={self.folder}/key.pem", "ssl=on"]
        settings = ["fsync=off", "listen_addresses=127.0.0.1", f"port={self.port}", *tls]
        options = f"-k {self.folder} " + " ".join(f"-c {setting}" for setting in settings)
        self._run("pg_ctl", "-D", str(self._data), "-w", "-l", str(self.folder / "log"), "-o", options, "start")

    def stop(self, mode: str = "immediate") -> None:
        """Stop it: ``immediate`` is as a crash, ``fast`` ends its connections."""
        self._run("pg_ctl", "-D", str(self._data), "-m", mode, "-w", "stop")

    def _run(self, program: str, *arguments: str) -> None:
        found = next((f"{p}/{program}" for p in POSTGRES_PROGRAMS if Path(p, program).is_file()), shutil.which(program))
        if found is None:
            absent(f"{program} of PostgreSQL is not installed")
        subprocess.run([found, *arguments], check=True, user=self._user, stdout=subprocess.DEVNULL, cwd="/")


def certificates(folder: Path) -> None:
    """Write ``ca.pem``, a certificate of that authority for localhost (``server.pem``, ``key.pem``), and another's."""
    authority, stranger = trustme.CA(), trustme.CA()
    issued = authority.issue_cert("localhost")
    authority.cert_pem.write_to_path(folder / "ca.pem")
    stranger.cert_pem.write_to_path(folder / "stranger.pem")
    issued.cert_chain_pems[0].write_to_path(folder / "server.pem")
    issued.private_key_pem.write_to_path(folder / "key.pem")


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_listening(port: int) -> None:
    """Return when somebody listens on the port."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise TimeoutError(f"nobody listens on {port}")
