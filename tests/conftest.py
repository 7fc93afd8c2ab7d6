"""What every test may ask for."""

import os
from pathlib import Path

import pytest

from streams.logs import log_to_stderr


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real pairs and instrument files: where it is absent tests skip, or fail when ``CI`` is set."""
    folder = Path(__file__).parents[2] / "shared" / "data"
    if folder.is_dir():
        return folder
    if os.environ.get("CI"):
        pytest.fail(f"{folder} is absent although CI is set")
    pytest.skip(f"{folder} is absent")


@pytest.fixture(scope="session", autouse=True)
def logs() -> None:
    """Logs go to standard error, as in every command: what a command prints stays readable while workers run."""
    log_to_stderr()
