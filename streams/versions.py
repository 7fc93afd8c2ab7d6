"""What a result was made with."""

import platform
from importlib.metadata import version

PACKAGES = ("semstream", "numpy", "scipy", "opencv-python-headless", "scikit-image", "torch", "tifffile")


def versions_here() -> dict[str, str]:
    """Return the versions of Python and of the packages that numbers depend on."""
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}
