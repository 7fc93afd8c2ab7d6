"""Files that appear whole or not at all."""

import hashlib
import os
import threading
from pathlib import Path


def write_whole(path: Path, data: bytes) -> None:
    """Write beside the place and rename; the folder is made where it is absent, and nothing is left after an error."""
    mark = hashlib.sha256(path.name.encode(errors="surrogateescape")).hexdigest()[:16]
    part = path.with_name(f".{mark}.{os.getpid()}.{threading.get_ident()}.part")
    try:
        try:
            part.write_bytes(data)
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(data)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        error.filename = error.filename or str(path)  # a full disk does not say where
        raise
