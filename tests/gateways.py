"""An S3 server of a test's own, for what the shared one must not suffer: versitygw as `make up` installs it."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from streams.settings import S3Settings
from tests.services import FILE, absent

ACCESS_KEY, SECRET_KEY = "semstream-test", "not-a-secret"


@contextmanager
def gateway(folder: Path, *options: str, scheme: str = "http") -> Iterator[S3Settings]:
    """Start one over a folder on a free port, and stop it."""
    programs = sorted((FILE.parent / "programs").glob("versitygw-*/versitygw"))
    if not programs:
        absent("versitygw is not installed: run make up")
    port = _free_port()
    for name in ("data", "metadata"):
        (folder / name).mkdir(parents=True)
    command = [str(programs[-1]), "--port", f"127.0.0.1:{port}", "--quiet", "--keep-alive", *options]
    backend = ["posix", "--sidecar", str(folder / "metadata"), str(folder / "data")]
    keys = {"ROOT_ACCESS_KEY": ACCESS_KEY, "ROOT_SECRET_KEY": SECRET_KEY}
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen([*command, *backend], env={**os.environ, **keys}, stdout=log, stderr=log)
    try:
        _wait_for(port)
        yield S3Settings.model_validate(
            {"endpoint_url": f"{scheme}://127.0.0.1:{port}", "access_key": ACCESS_KEY, "secret_key": SECRET_KEY}
        )
    finally:
        server.terminate()
        server.wait(20)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise TimeoutError(f"versitygw does not listen on port {port}")
