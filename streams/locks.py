"""Files that one process at a time holds: the lock ends with the file's being open, however the process ends."""

import fcntl
from typing import IO

from streams.errors import UsageError


def hold(file: IO[str] | IO[bytes], refusal: str) -> None:
    """Hold an open file until it is closed; raises `UsageError` with ``refusal`` where another process holds it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise UsageError(refusal) from error
