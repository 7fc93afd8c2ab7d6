"""The stack as a whole: what belongs to it, the settings that it writes, its command line."""

from pathlib import Path

import pytest

from deploy.local import __main__ as command_line
from deploy.local.__main__ import main
from deploy.local.alertmanager_server import Alertmanager
from deploy.local.kafka_broker import Kafka
from deploy.local.keeper import free_port
from deploy.local.programs import StackError
from deploy.local.prometheus_server import Prometheus
from deploy.local.stack import NAMES, SERVERS, Stack, usual
from streams.settings import Settings
from tests.deploy.pages import FAILS, SERVES, Page


class Failing(Page):
    name = "failing"


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def stack(tmp_path: Path, said: list[str]) -> Stack:
    return Stack(tmp_path / "stack", said.append)


def test_names_and_ports_are_nobody_elses() -> None:
    ports = [port for server in SERVERS for port in server.ports]
    assert len(set(ports)) == len(ports)
    assert len(set(NAMES)) == len(SERVERS)


@pytest.mark.parametrize(("s3", "other"), [("versitygw", "minio"), ("minio", "versitygw")])
def test_one_s3_server_belongs_to_the_stack(s3: str, other: str) -> None:
    names = {server.name for server in usual(s3)}
    assert names == set(NAMES) - {other, "toxiproxy"}


@pytest.mark.parametrize("s3", ["versitygw", "minio"])
def test_the_settings_are_those_that_the_pipeline_reads(stack: Stack, s3: str) -> None:
    stack.root.mkdir()
    stack.write_settings(usual(s3))
    settings = Settings.load(stack.settings, {})
    port = next(server.port for server in SERVERS if server.name == s3)
    assert settings.s3.endpoint_url == f"http://127.0.0.1:{port}"
    assert settings.kafka.bootstrap_servers == "127.0.0.1:29092"
    assert settings.redis is not None
    assert settings.worker.metrics_targets == stack.root / "prometheus" / "targets"
    assert stack.settings.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in stack.root.iterdir()] == ["settings.toml"]


def test_up_and_down_keep_the_data_and_wipe_removes_it(stack: Stack, said: list[str]) -> None:
    page = Page(free_port())
    stack.up([page])
    stack.up([page])
    stack.down([page])
    assert [line.split()[2:4] for line in said[:2]] == [["started", "in"], ["runs", "already"]]
    assert said[2].split() == ["page", "stopped"]
    assert (stack.root / "page" / "data").exists()
    stack.wipe([page])
    assert not (stack.root / "page").exists()


def test_status_tells_whether_it_runs_and_whose_it_is(stack: Stack, tmp_path: Path) -> None:
    page = Page(free_port())
    assert stack.status(page)[2:] == ("-", "-", "down")
    stack.up([page])
    try:
        assert stack.status(page)[-1] == "answers"
        assert Stack(tmp_path / "other", print).status(page)[-1] == "not of this stack"
    finally:
        stack.down([page])


def test_what_the_pipeline_can_do_without_is_only_said_where_it_is_not_installed(
    stack: Stack, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    page = Page(free_port())
    stack.up_as_far_as_needed([page, Alertmanager(free_port()), Prometheus(free_port())])
    try:
        assert page.answers()
        lines = sorted(line for line in said if "nothing needs it" in line)
        assert [line.split()[0] for line in lines] == ["alertmanager", "prometheus"]
        assert lines[0].endswith("apt-get install prometheus-alertmanager")
        assert lines[1].endswith("apt-get install prometheus")
    finally:
        stack.down([page])


def test_what_the_pipeline_needs_still_has_to_start(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(StackError, match="java is missing"):
        stack.up_as_far_as_needed([Kafka(free_port(), free_port(), free_port()), Prometheus(free_port())])


def test_each_failure_is_said_and_the_others_run(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    page, failing, kafka = Page(free_port()), Failing(free_port(), FAILS), Kafka(free_port(), free_port(), free_port())
    with pytest.raises(StackError) as caught:
        stack.up([kafka, failing, page])
    try:
        lines = str(caught.value).splitlines()
        assert lines[0].startswith("java is missing: apt-get install default-jre-headless")
        assert lines[1].startswith("failing ended while it started: the disk is full")
        assert len(lines) == 2
        assert page.answers()
    finally:
        stack.down([page])


@pytest.fixture
def only_a_page(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Page:
    """Make a page the one server there is; its script is the parameter."""
    page = Page(free_port(), getattr(request, "param", SERVES))
    monkeypatch.setattr(command_line, "SERVERS", (page,))
    monkeypatch.setattr(command_line, "NAMES", (page.name,))
    monkeypatch.setattr(command_line, "usual", lambda _: (page,))
    return page


def test_the_settings_exist_while_the_stack_is_up(
    only_a_page: Page, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = ["--root", str(tmp_path)]
    assert main([*root, "up"]) == 0
    assert (tmp_path / "settings.toml").exists()
    assert main([*root, "status"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith("answers")
    assert main([*root, "down", "--wipe"]) == 0
    assert not only_a_page.answers()
    assert not (tmp_path / "settings.toml").exists()
    assert not (tmp_path / "page").exists()


def test_status_leaves_out_what_neither_runs_nor_belongs_to_the_stack(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def names() -> set[str]:
        assert main(["--root", str(tmp_path), "status"]) == 0
        return {line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]}

    assert names() == {server.name for server in usual("versitygw")}
    running = {"minio", "toxiproxy"}
    monkeypatch.setattr(Stack, "runs", lambda _, server: server.name in running)
    assert names() == {server.name for server in usual("minio")} | {"toxiproxy"}


def test_one_server_alone_changes_no_settings(only_a_page: Page, tmp_path: Path) -> None:
    root = ["--root", str(tmp_path)]
    assert main([*root, "up", "--only", "page"]) == 0
    assert not (tmp_path / "settings.toml").exists()
    assert main([*root, "down", "--only", "page"]) == 0
    assert not only_a_page.answers()


@pytest.mark.usefixtures("only_a_page")
@pytest.mark.parametrize("only_a_page", [FAILS], indirect=True)
def test_what_went_wrong_is_one_line_and_exit_code_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--root", str(tmp_path), "up"]) == 1
    assert capsys.readouterr().err.startswith("page ended while it started: the disk is full")
    assert not (tmp_path / "settings.toml").exists()
