"""Where a process on this machine serves its metrics, in a file for Prometheus's discovery by file."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import orjson
import structlog

from streams.whole_file import write_whole

SITE = "local"
log = structlog.get_logger()


@contextmanager
def listed(folder: Path | None, port: int) -> Iterator[None]:
    """Have a file in the folder while the block runs; without a folder do nothing.

    A process that is killed leaves its file: Prometheus then says that it is down, until another one at that port ends
    in good order. No trouble with the folder keeps a process from its work.
    """
    if folder is None:
        yield
        return
    file = folder / f"port-{port}.json"
    entry = [{"targets": [f"127.0.0.1:{port}"], "labels": {"site": SITE}}]
    try:
        write_whole(file, orjson.dumps(entry))
    except OSError as error:
        log.warning("metrics_not_listed", path=str(file), reason=error.strerror)
    try:
        yield
    finally:
        with suppress(OSError):
            file.unlink()
