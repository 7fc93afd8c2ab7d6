"""Real services for tests: those of `make up`. One that is absent skips its tests, or fails them when ``CI`` is set."""

import os
from pathlib import Path
from typing import NoReturn

import pytest

from streams.settings import Settings

FILE = Path(__file__).parents[1] / ".stack" / "settings.toml"


def absent(what: str) -> NoReturn:
    """Skip the test, or fail it where nothing may be absent."""
    if os.environ.get("CI"):
        pytest.fail(f"{what} although CI is set")
    pytest.skip(what)


def settings() -> Settings:
    """Return the settings of the services on this machine."""
    if not FILE.is_file():
        absent(f"{FILE} is absent: run make up")
    return Settings.load(FILE, {})
