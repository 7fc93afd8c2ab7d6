"""Where the servers' programs come from: the system, or fetched once into ``.stack/programs``."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

OLDEST_GO = (1, 21)
"""From here on Go fetches by itself the newer version that a program asks for."""
NEWER_GO = {"GOTOOLCHAIN": "auto"}  # distributions switch it off
GO = "install Go 1.21 or newer (Debian 13: apt-get install golang) and put its bin folder on PATH"


class StackError(Exception):
    """The stack cannot do what was asked. The message is one line and says how to put it right."""


class Missing(StackError):
    """A program is not installed."""


def _nothing(_: str) -> None: ...


@dataclass(frozen=True)
class Programs:
    """Programs of the system and those fetched into ``folder``, each version in a folder of its own.

    What takes minutes is announced by ``say``.
    """

    folder: Path
    say: Callable[[str], None] = _nothing

    def system(self, name: str, install: str, places: tuple[str, ...] = ()) -> str:
        """Find a program that the system's package manager installs, on ``PATH`` or in ``places``.

        Raises
        ------
        Missing
            If it is nowhere; the message ends in ``install``.
        """
        path = os.pathsep.join((os.environ.get("PATH", os.defpath), *places))
        found = shutil.which(name, path=path)
        if found is None:
            raise Missing(f"{name} is missing: {install}")
        return found

    def built_by_go(self, name: str, package: str, version: str) -> str:
        """Build a Go program once and give its path."""
        folder = self.folder / f"{name}-{version}"
        program = folder / package.rsplit("/", 1)[-1]
        if not program.is_file():
            go = self._go()
            self.say(f"building {name} {version}, once: one to five minutes")
            install = (go, "install", f"{package}@{version}")
            run(install, failure=f"cannot build {name} {version}", environment={"GOBIN": str(folder), **NEWER_GO})
        return str(program)

    def _go(self) -> str:
        go = self.system("go", GO, ("/usr/local/go/bin",))
        version = run((go, "env", "GOVERSION"), failure="go does not work").strip()
        if tuple(map(int, re.findall(r"\d+", version)[:2])) < OLDEST_GO:
            raise StackError(f"{version} is too old: {GO}")
        return go

    def jars(self, name: str, pom: str) -> Path:
        """Fetch what a Maven project depends on, once, and give the folder of jars."""
        folder = self.folder / name
        if not folder.is_dir():
            maven = self.system("mvn", "apt-get install maven")
            self.say(f"fetching {name}, once: half a minute")
            partial = self.folder / f"{name}.partial"
            partial.mkdir(parents=True, exist_ok=True)
            (partial / "pom.xml").write_text(pom, encoding="utf-8")
            goal = ("dependency:copy-dependencies", f"-DoutputDirectory={partial}")
            run((maven, "-q", "-B", "-f", str(partial / "pom.xml"), *goal), failure=f"cannot fetch {name}")
            partial.rename(folder)
        return folder


def run(
    argv: tuple[str, ...], *, failure: str, said: str = "", environment: Mapping[str, str] = MappingProxyType({})
) -> str:
    """Run a program to its end, with ``said`` as its standard input, and give what it printed.

    Raises
    ------
    StackError
        If it fails: ``failure`` and its last words.
    """
    done = subprocess.run(  # noqa: S603  programs that this package names
        argv, env={**os.environ, **environment}, input=said, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise StackError(f"{failure}: {last_words(done.stdout + done.stderr) or f'exit status {done.returncode}'}")
    return done.stdout


def last_words(output: str) -> str:
    """Give the last line that is none of a Java stack trace."""
    return next((line.strip() for line in reversed(output.splitlines()) if line.strip() and line[0] != "\t"), "")
