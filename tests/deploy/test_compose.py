"""The services for those who have Docker are those of `make up`, and their workers get settings that can be read."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.local.kafka_properties import PROPERTIES
from deploy.local.stack import S3, usual
from streams.cli import outcome_of
from streams.pipeline import load_pipeline
from streams.settings import Settings

DEPLOY = Path(__file__).parents[2] / "deploy"
NOT_OF_MAKE_UP = {"grafana"}
PREPARING = {"topics", "tables"}
"""They end before the workers begin."""

OWN = re.compile(r"listeners?|voters|log\.dirs|process\.roles|node\.id|security\.protocol")
"""Properties of a broker that differ by where it runs."""


@pytest.fixture
def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    return found


def environment_of_image() -> dict[str, str]:
    text = (DEPLOY / "Dockerfile").read_text().rpartition("\nFROM ")[2]
    return dict(re.findall(r"(SEMSTREAM_\w+)=(\S+)", text))


def test_the_servers_and_their_ports_are_those_of_make_up(services: dict[str, Any]) -> None:
    servers = usual(S3[0])
    published = {
        name: service["ports"][0].rpartition(":")[0]
        for name, service in services.items()
        if "ports" in service and name not in NOT_OF_MAKE_UP
    }
    assert published == {server.name: f"127.0.0.1:{server.port}" for server in servers}
    settings = Settings.load(DEPLOY / "compose.settings.toml", {})
    tables = {name: table for server in servers for name, table in server.settings().items()}
    assert settings == Settings.model_validate(tables)


def test_the_broker_is_tuned_as_the_local_one(services: dict[str, Any]) -> None:
    lines = [line.partition("=")[::2] for line in PROPERTIES.splitlines() if line and line[0] != "#"]
    tuned = {f"KAFKA_{name.replace('.', '_').upper()}": value for name, value in lines if not OWN.search(name)}
    assert len(tuned) > 10
    assert tuned.items() <= services["kafka"]["environment"].items()


def test_every_stage_has_a_worker_with_settings_that_can_be_read(services: dict[str, Any]) -> None:
    workers = {name: service for name, service in services.items() if service.get("command", [])[:1] == ["worker"]}
    stages = [stage.name for stage in load_pipeline(None).stages]
    assert {name: worker["command"] for name, worker in workers.items()} == {
        stage: ["worker", "--stage", stage] for stage in stages
    }
    for worker in workers.values():
        settings = Settings.load(None, environment_of_image() | worker["environment"])
        assert float(worker["stop_grace_period"].removesuffix("s")) > settings.worker.stop_deadline_s
        assert settings.s3.secret_key is not None


def test_topics_and_tables_are_there_before_a_worker_begins(services: dict[str, Any]) -> None:
    prepared = {services[name]["command"][-1] for name in PREPARING}
    assert prepared == {"create", "migrate"}
    for name in PREPARING:
        assert services[name]["restart"] == "no"
        assert services["filter"]["depends_on"][name] == {"condition": "service_completed_successfully"}


def test_prometheus_asks_every_process_that_serves_metrics(services: dict[str, Any]) -> None:
    configured = yaml.safe_load((DEPLOY / "prometheus" / "compose.yml").read_text())
    (found,) = configured["scrape_configs"][0]["dns_sd_configs"]
    serving = {name for name, service in services.items() if service.get("image") == "semstream"} - PREPARING
    assert set(found["names"]) == serving >= {"filter", "reconcile", "trends"}
    for name in serving:
        service = services[name]
        worker = Settings.load(None, environment_of_image() | service["environment"]).worker
        port = re.search(r"--metrics-port (\d+)", " ".join(service["command"]))
        assert (int(port[1]) if port else worker.metrics_port) == found["port"]


@pytest.mark.parametrize("name", ["reconcile", "trends"])
def test_what_watches_is_called_as_its_command_wants(services: dict[str, Any], name: str) -> None:
    command, *options = services[name]["command"]
    assert command == name
    assert outcome_of([name, *options, "--help"])[0] == 0
    assert ("--every" in options) == (name == "reconcile")


def test_workers_look_for_servers_where_they_are(services: dict[str, Any]) -> None:
    environment = services["filter"]["environment"]
    hosts = {re.sub(r".*//|.*@|:\d+.*", "", value) for value in environment.values() if re.search(r":\d+", value)}
    assert hosts == {server.name for server in usual(S3[0]) if server.needed}
    assert "NETWORK://kafka:9092" in services["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]


def test_the_image_runs_as_nobody_special_and_tells_its_health(services: dict[str, Any]) -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    worker = Settings.load(None, environment_of_image() | services["filter"]["environment"]).worker
    assert re.search(r"^USER semstream$", text, re.MULTILINE)
    assert f"EXPOSE {worker.metrics_port}" in text
    assert worker.metrics_address == "0.0.0.0"
    assert "HEALTHCHECK" in text
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE)
    assert all((DEPLOY.parent / name).exists() for names in copied for name in names.split())
