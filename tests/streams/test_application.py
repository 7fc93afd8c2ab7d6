"""The list of commands: it needs none of their modules, so a test must look for these."""

import subprocess
import sys
from importlib import import_module

import pytest

from streams.application import COMMANDS


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_of_the_list_is_in_the_module_of_its_name(name: str) -> None:
    assert callable(getattr(import_module(f"streams.commands.{name}"), name))


def test_help_waits_for_no_library() -> None:
    code = (
        "import sys\n"
        "from streams.application import application\n"
        "application(['--help'])(['--help'], standalone_mode=False)\n"
        "sys.exit(str(sorted({'torch', 'numpy', 'cv2'} & set(sys.modules))))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert told.stderr == "[]\n"
    assert all(name in told.stdout for name in COMMANDS)
