"""What a server of the local stack is. One file a server implements it; ``stack.py`` lists them."""

import signal
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from deploy.local.programs import Programs

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Command:
    """How a server is started in the foreground."""

    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Tls:
    """PEM files of a server that encrypts: its certificate (with its chain), its key and the authority that signed."""

    certificate: Path
    key: Path
    authority: Path


@dataclass(frozen=True)
class Server(ABC):
    """One server: a description that can be started in any folder, on any port.

    Those that can encrypt or ask for a password have the options ``tls`` and ``password`` besides.
    """

    name: ClassVar[str]
    """Name on the command line, of its folder and of its log."""
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    """What asks it to stop in good order."""
    needed: ClassVar[bool] = True
    """Whether the pipeline cannot do without it."""
    port: int
    """Port on loopback where clients come."""

    @property
    def ports(self) -> tuple[int, ...]:
        """Every port that it listens at."""
        return (self.port,)

    @abstractmethod
    def prepare(self, folder: Path, programs: Programs) -> None:
        """Make its data and configuration in ``folder``; data that is there is kept."""

    @abstractmethod
    def command(self, folder: Path, programs: Programs) -> Command:
        """Give the command that serves from a prepared ``folder``."""

    @abstractmethod
    def answers(self) -> bool:
        """Whether it answers a question of its own protocol."""

    @abstractmethod
    def settings(self) -> Mapping[str, Mapping[str, str]]:
        """Give the tables of ``streams.settings`` that lead a client here."""
