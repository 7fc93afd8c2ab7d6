"""Programs are found or fetched once; what is missing is named with the line that installs it."""

import sys
from pathlib import Path

import pytest

from deploy.local.programs import Programs, StackError, last_words, run


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of ``PATH``."""
    folder = tmp_path / "tools"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


def write_tool(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_a_missing_program_comes_with_its_install_line(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="no-such-server is missing: apt-get install it"):
        Programs(tmp_path).system("no-such-server", "apt-get install it")


def test_a_program_may_be_off_the_path(tools: Path, tmp_path: Path) -> None:
    write_tool(tmp_path / "server", "true")
    assert Programs(tmp_path).system("server", "", (str(tmp_path),)) == str(tmp_path / "server")


def test_jars_are_fetched_once_and_never_by_halves(tools: Path, tmp_path: Path) -> None:
    said: list[str] = []
    programs = Programs(tmp_path / "programs", said.append)
    write_tool(tools / "mvn", 'echo "connection refused"; exit 1')
    with pytest.raises(StackError, match="cannot fetch kafka: connection refused"):
        programs.jars("kafka", "<project/>")
    write_tool(tools / "mvn", f"touch '{tmp_path}/programs/kafka.partial/kafka.jar'; echo run >> '{tmp_path}/runs'")
    for _ in range(2):
        assert (programs.jars("kafka", "<project/>") / "kafka.jar").is_file()
    assert (tmp_path / "runs").read_text() == "run\n"
    assert said == ["fetching kafka, once: half a minute"] * 2


GO = """
if [ "$1" = env ]; then echo go1.22.1; else mkdir -p "$GOBIN"; echo "$2 $GOTOOLCHAIN" >> "$GOBIN/server"; fi
"""


def test_a_go_program_is_built_once_a_version(tools: Path, tmp_path: Path) -> None:
    write_tool(tools / "go", GO)
    programs = Programs(tmp_path / "programs")
    for _ in range(2):
        built = Path(programs.built_by_go("proxy", "example.org/proxy/cmd/server", "v1"))
        assert built.read_text() == "example.org/proxy/cmd/server@v1 auto\n"
    assert programs.built_by_go("proxy", "example.org/proxy/cmd/server", "v2") != str(built)


def test_a_go_that_cannot_fetch_a_newer_one_is_too_old(tools: Path, tmp_path: Path) -> None:
    write_tool(tools / "go", "echo go1.19.8")
    with pytest.raises(StackError, match=r"go1\.19\.8 is too old: install Go 1\.21 or newer"):
        Programs(tmp_path / "programs").built_by_go("proxy", "example.org/proxy", "v1")


def test_a_failed_run_tells_its_last_words() -> None:
    with pytest.raises(StackError, match=r"cannot: no space left$"):
        run((sys.executable, "-c", "import sys; sys.exit('no space left')"), failure="cannot")
    with pytest.raises(StackError, match=r"cannot: exit status 7$"):
        run((sys.executable, "-c", "import sys; sys.exit(7)"), failure="cannot")


def test_a_stack_trace_is_not_the_last_word() -> None:
    assert last_words("start\nException: bad option\n\tat Main.main(Main.java:3)\n\n") == "Exception: bad option"
    assert last_words("") == ""
