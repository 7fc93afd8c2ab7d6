"""What every test may ask for."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real pairs and instrument files: where it is absent tests skip, or fail when ``CI`` is set."""
    folder = Path(__file__).parents[2] / "shared" / "data"
    if folder.is_dir():
        return folder
    if os.environ.get("CI"):
        pytest.fail(f"{folder} is absent although CI is set")
    pytest.skip(f"{folder} is absent")
