"""What a process has in hand, written where its death does not reach, so that its successor can name suspects.

An image can kill its worker: a segfault in native code, memory that runs out. Nobody is left to tell then, and the next
worker would take the same image and die as well. So each holding is noted in a small file, one write and no flush: the
end of a process loses nothing of it. Who starts next on this node reports what the dead had in hand to the ledger.
"""

import fcntl
import json
import os
import socket
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import astuple, dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import structlog

from streams.errors import TransientError
from streams.ports import SettlementId, Suspects

DEATHS_ALLOWED = 2
"""So many workers may die of an image; then it is a dead letter."""
SUFFIX = ".in-hand"

log = structlog.get_logger()


class InHand:
    """The deliveries that this process computes at this moment, in a file of its own below ``folder``.

    The file is locked while the process lives: that is how a successor tells the dead from the living. What was in
    hand when an error ended the process stays noted, except an error of a kind that no image can be blamed for.
    """

    def __init__(self, folder: Path, *, blameless: tuple[type[BaseException], ...] = (TransientError, OSError)) -> None:
        self._blameless = blameless
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / f"{os.getpid()}-{os.urandom(4).hex()}{SUFFIX}"
        self._file = self._path.open("wb", buffering=0)
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._changed = threading.Condition()
        self._holdings: list[tuple[SettlementId, ...]] = []
        self._alone = False
        self._to_blame: list[tuple[SettlementId, ...]] = []

    @contextmanager
    def holding(self, ids: Collection[SettlementId]) -> Iterator[None]:
        """Note these deliveries while the block runs; waits while a suspect runs alone."""
        with self._changed:
            self._changed.wait_for(lambda: not self._alone)
            mine = self._begin(ids)
        with self._noted(mine):
            yield

    @contextmanager
    def holding_alone(self, suspect: SettlementId) -> Iterator[None]:
        """Note one delivery while the block runs, and let nothing else of this process be in hand meanwhile."""
        with self._changed:
            self._changed.wait_for(lambda: not self._alone)
            self._alone = True
            self._changed.wait_for(lambda: not self._holdings)
            mine = self._begin([suspect])
        try:
            with self._noted(mine):
                yield
        finally:
            with self._changed:
                self._alone = False
                self._changed.notify_all()

    def close(self) -> None:
        """End in good order: what is in hand still, at a deadline or because of another stage, is not to blame."""
        with self._changed:
            self._holdings = self._to_blame
            self._write()
            if not self._holdings:
                self._path.unlink(missing_ok=True)
            self._file.close()

    @contextmanager
    def _noted(self, mine: tuple[SettlementId, ...]) -> Iterator[None]:
        try:
            yield
        except self._blameless:
            self._end(mine)
            raise
        except BaseException:
            self._to_blame.append(mine)
            raise
        self._end(mine)

    def _begin(self, ids: Collection[SettlementId]) -> tuple[SettlementId, ...]:
        mine = tuple(ids)
        self._holdings.append(mine)
        self._write()
        return mine

    def _end(self, mine: tuple[SettlementId, ...]) -> None:
        with self._changed:
            if self._file.closed:
                return
            self._holdings.remove(mine)
            self._write()
            self._changed.notify_all()

    def _write(self) -> None:
        """One write, padded over what stood there, so that a reader never sees half of the new beside the old."""
        text = json.dumps([astuple(identity) for holding in self._holdings for identity in holding]).encode()
        old = os.fstat(self._file.fileno()).st_size
        try:
            os.pwrite(self._file.fileno(), text.ljust(old), 0)
        except OSError as error:  # a full disk costs the suspects' names, no image
            log.warning("in_hand_not_noted", path=str(self._path), reason=error.strerror)


def report_the_dead(folder: Path, suspects: Suspects, *, now: datetime) -> int:
    """Report what dead processes had in hand, before anything is read from a topic; return how many deliveries.

    Files of the living are left alone. A file goes when the ledger has its ids: who dies in between reports them again,
    so a suspect may be counted once too often, never too seldom.
    """
    reported = 0
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        with suppress(FileNotFoundError), path.open("rb") as file:
            ids = _ids(file) if _is_dead(file) else None
            if ids:
                suspects.report(ids, at=now, host=socket.gethostname())
                log.warning("worker_died", had_in_hand=[identity.acquisition_id for identity in ids])
                reported += len(ids)
            if ids is not None:
                path.unlink()
    return reported


def _is_dead(file: BinaryIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _ids(file: BinaryIO) -> list[SettlementId]:
    """Ids in a file; none where its writer died before the first holding or in a write, or could not write."""
    text = file.read().strip()
    try:
        return [SettlementId(*fields) for fields in json.loads(text)] if text else []
    except (ValueError, TypeError) as error:
        log.warning("in_hand_not_readable", path=file.name, reason=str(error))
        return []


@dataclass(frozen=True)
class Precautions:
    """What a process does about images that may end it."""

    in_hand: InHand
    suspects: Suspects

    def deaths(self, ids: Collection[SettlementId]) -> dict[SettlementId, int]:
        """Return how many workers each delivery has seen die; those that saw none are left out."""
        return self.suspects.deaths(ids) if ids else {}


def why_not_again(deaths: int) -> str | None:
    """Return the reason to try a delivery no more, once too many workers have died of it."""
    if deaths <= DEATHS_ALLOWED:
        return None
    return (
        f"{deaths} workers died while they had this image in hand; look at their last log lines and memory limits,"
        " then send it again with semstream dlq retry"
    )
