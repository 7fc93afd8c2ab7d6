"""The configuration of Prometheus: promtool finds it right, every rule is tested, every alert has a page that helps."""

import json
import os
import re
import shutil
import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
import yaml
from prometheus_client import generate_latest

from deploy.local.alertmanager_server import Alertmanager
from deploy.local.keeper import free_port, running
from deploy.local.programs import Missing, Programs
from deploy.local.prometheus_server import Prometheus
from deploy.local.server import Server
from streams.application import COMMANDS
from streams.cli import outcome_of
from streams.telemetry import Activity, Telemetry
from streams.telemetry.catalogue import BUILD_INFO, METRICS
from streams.telemetry.metric import Kind, Metric
from streams.telemetry.process import describe_process
from streams.telemetry.serving import served
from tests.grafana.prometheus import wait
from tests.services import absent

ROOT = Path(__file__).parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
PAGES = ROOT / "docs" / "runbooks"
RULES, TESTS = PROMETHEUS / "rules", PROMETHEUS / "tests"
PARTS = ("## What it means", "## First look", "## What to do")
Table = dict[str, Any]


def promtool(*arguments: str | Path, given: bytes = b"") -> str:
    program = shutil.which("promtool")
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("promtool is absent: apt-get install prometheus")
        pytest.skip("promtool is absent: apt-get install prometheus")
    done = subprocess.run([program, *arguments], check=False, input=given, capture_output=True, timeout=120)
    said = (done.stdout + done.stderr).decode()
    assert done.returncode == 0, said
    return said


def read(path: Path) -> Table:
    table: Table = yaml.safe_load(path.read_text())
    return table


def rules(file: str, word: str) -> dict[str, Table]:
    return {rule[word]: rule for group in read(RULES / file)["groups"] for rule in group["rules"]}


ALERTS, RECORDS = rules("alerts.yml", "alert"), rules("recording.yml", "record")


def test_the_configuration_and_the_rules_are_right() -> None:
    assert f"{len(ALERTS)} rules found" in promtool("check", "config", PROMETHEUS / "prometheus.yml")
    assert f"{len(ALERTS)} rules found" in promtool("check", "config", PROMETHEUS / "compose.yml")
    promtool("check", "rules", *sorted(RULES.glob("*.yml")))


def test_the_configuration_that_the_local_stack_writes_is_right(tmp_path: Path) -> None:
    Prometheus(port=1234, alertmanager_port=5678).prepare(tmp_path, Programs(tmp_path))
    said = promtool("check", "config", tmp_path / "prometheus.yml")
    assert f"{len(ALERTS)} rules found" in said
    written, shipped = read(tmp_path / "prometheus.yml"), read(PROMETHEUS / "prometheus.yml")
    assert [job["job_name"] for job in written["scrape_configs"]] == ["semstream", "prometheus"]
    (discovery,) = written["scrape_configs"][0]["file_sd_configs"]
    assert discovery["files"] == [f"{tmp_path}/targets/*.json", f"{tmp_path}/targets/*.yml"]
    assert addresses(written) == ["127.0.0.1:5678", "127.0.0.1:1234"]
    assert len(addresses(shipped)) == 2
    assert (tmp_path / "targets").is_dir()


def addresses(configured: Table) -> list[str]:
    alerting = configured["alerting"]["alertmanagers"][0]["static_configs"]
    return [
        target for part in (*alerting, *configured["scrape_configs"][1]["static_configs"]) for target in part["targets"]
    ]


def test_a_local_prometheus_finds_its_alertmanager_and_a_worker_that_starts_later(tmp_path: Path) -> None:
    servers: list[Server] = [Alertmanager(free_port())]
    servers.append(Prometheus(free_port(), servers[0].port))
    with ExitStack() as stack:
        for server in servers:
            try:
                folder = tmp_path / server.name
                stack.enter_context(running(server, folder, Programs(tmp_path)))
            except Missing as missing:
                absent(str(missing))
        url = f"http://127.0.0.1:{servers[1].port}/api/v1"
        with urlopen(f"{url}/rules") as answer:
            assert json.load(answer)["data"]["groups"]
        wait(lambda: bool(_found(url, "alertmanagers", "activeAlertmanagers")), "alertmanager")
        wait(lambda: len(_found(url, "targets", "activeTargets")) == 1, "itself")
        targets = tmp_path / "prometheus" / "targets"
        with served(Telemetry(), lambda: None, port=free_port(), targets=targets):
            wait(lambda: len(_found(url, "targets", "activeTargets")) == 2, "the worker")


def _found(url: str, page: str, what: str) -> list[Table]:
    with urlopen(f"{url}/{page}") as answer:
        found: list[Table] = json.load(answer)["data"][what]
    return found


def test_alertmanager_finds_its_configuration_right() -> None:
    program = shutil.which("amtool")
    if program is None:
        absent("amtool is absent: apt-get install prometheus-alertmanager")
    done = subprocess.run([program, "check-config", PROMETHEUS / "alertmanager.yml"], check=False, capture_output=True)
    assert done.returncode == 0, done.stdout.decode()


def test_every_severity_has_somebody_who_would_be_told() -> None:
    configured = read(PROMETHEUS / "alertmanager.yml")
    receivers = {receiver["name"] for receiver in configured["receivers"]}
    routed = {route["receiver"] for route in (configured["route"], *configured["route"]["routes"])}
    assert routed == receivers
    told = {rule["labels"]["severity"] for rule in ALERTS.values()}
    (now,) = configured["route"]["routes"]
    assert now["matchers"] == ['severity="page"']
    assert "page" in told


@pytest.mark.parametrize("rule", read(PROMETHEUS / "alertmanager.yml")["inhibit_rules"], ids=str)
def test_an_alert_silences_only_alerts_about_the_same(rule: Table) -> None:
    named = set(re.findall(r"Semstream\w+", str(rule)))
    assert named <= ALERTS.keys()
    assert rule["equal"]
    for alert in named:
        labels = [fired["exp_labels"].keys() for case in _cases(alert) for fired in case["exp_alerts"]]
        assert all(set(rule["equal"]) <= some for some in labels), alert


def _cases(alert: str) -> list[Table]:
    tested = [case for test in read(TESTS / "alerts.yml")["tests"] for case in test["alert_rule_test"]]
    return [case for case in tested if case["alertname"] == alert]


def test_the_example_for_kubernetes_is_right_but_for_its_discovery(tmp_path: Path) -> None:
    """Debian's promtool knows no discovery by Kubernetes, so that is replaced."""
    configured = read(PROMETHEUS / "kubernetes.yml")
    (job,) = configured["scrape_configs"]
    (pods,) = job.pop("kubernetes_sd_configs")
    assert pods["role"] == "pod"
    job["file_sd_configs"] = [{"files": ["targets/*.yml"]}]
    shutil.copytree(RULES, tmp_path / "rules")
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(configured))
    promtool("check", "config", tmp_path / "prometheus.yml")


@pytest.mark.parametrize("file", ["alerts.yml", "recording.yml"])
def test_the_rules_do_what_they_should(file: str) -> None:
    promtool("test", "rules", TESTS / file)


def test_every_alert_is_tested_firing_and_silent() -> None:
    tested = [case for test in read(TESTS / "alerts.yml")["tests"] for case in test["alert_rule_test"]]
    seen = {(case["alertname"], bool(case["exp_alerts"])) for case in tested}
    assert seen == {(alert, fires) for alert in ALERTS for fires in (True, False)}


def test_every_recording_rule_is_tested_with_series_and_without() -> None:
    tested = [case for test in read(TESTS / "recording.yml")["tests"] for case in test["promql_expr_test"]]
    seen = {(case["expr"], bool(case["exp_samples"])) for case in tested}
    assert seen == {(record, found) for record in RECORDS for found in (True, False)}


def test_rules_ask_for_nothing_that_no_process_exports() -> None:
    known = {name for metric in METRICS for name in _series_of(metric)} | RECORDS.keys()
    for rule in [*ALERTS.values(), *RECORDS.values()]:
        asked = set(re.findall(r"[a-z_]*:?semstream_[a-z_]+(?::[a-z0-9_]+)?", rule["expr"]))
        assert asked <= known, rule


@pytest.mark.parametrize("alert", ALERTS)
def test_every_alert_has_a_page_that_says_what_to_do(alert: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = (ROOT / ALERTS[alert]["annotations"]["runbook"]).read_text()
    assert text.startswith(f"# {alert}\n")
    assert re.findall(r"^## .*", text, re.MULTILINE) == list(PARTS)
    (block,) = re.findall(r"## First look\n\n```\n(semstream .+)\n```", text)
    words = block.split()[1:]
    command = [word for word in words[:2] if re.fullmatch(r"[a-z]+", word)]
    assert outcome_of([*command, "--help"])[0] == 0
    told = capsys.readouterr().out
    assert command[0] in COMMANDS
    assert all(word in told for word in words if word.startswith("--"))
    for link in re.findall(r"\]\(([a-z-]+\.md)\)", text):
        assert (PAGES / link).exists()


def test_there_are_no_pages_for_alerts_that_are_gone() -> None:
    pages = {f"docs/runbooks/{page.name}" for page in PAGES.glob("*.md") if page.name != "README.md"}
    assert pages == {rule["annotations"]["runbook"] for rule in ALERTS.values()}
    assert all(f"| {alert} |" in (PAGES / "README.md").read_text() for alert in ALERTS)


def test_promtool_finds_nothing_wrong_with_what_a_process_exports() -> None:
    telemetry = Telemetry()
    describe_process(telemetry, pipeline="default", pipeline_hash="0")
    for metric in METRICS:
        if not metric.collected and metric is not BUILD_INFO:
            _note(telemetry, metric)
    with telemetry.spending("filter", "live", Activity.FETCH):
        pass
    assert promtool("check", "metrics", given=generate_latest(telemetry.registry)) == ""


def _note(telemetry: Telemetry, metric: Metric) -> None:
    labels = ["x"] * len(metric.labels)
    if metric.kind is Kind.COUNTER:
        telemetry.count(metric, *labels)
    elif metric.kind is Kind.GAUGE:
        telemetry.set(metric, 1, *labels)
    else:
        telemetry.observe(metric, 1, *labels)


def _series_of(metric: Metric) -> list[str]:
    parts = {Kind.HISTOGRAM: ("_bucket", "_sum", "_count"), Kind.SUMMARY: ("_sum", "_count")}
    return [f"{metric.series}{part}" for part in parts.get(metric.kind, ("",))]
