"""What Grafana and Prometheus of deploy/compose.yaml find when they start."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from grafana.write import pages
from streams.pipeline import load_pipeline

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
PROVISIONED = ROOT / "grafana" / "provisioning"
Table = dict[str, Any]


def read(path: Path) -> Table:
    table: Table = yaml.safe_load(path.read_text())
    return table


SERVICES: Table = read(DEPLOY / "compose.yaml")["services"]
GRAFANA: Table = SERVICES["grafana"]


def mounted(service: Table) -> dict[str, Path]:
    """Return what lies at which place in the container, of the files of this repository."""
    places = [volume.split(":") for volume in service["volumes"]]
    return {there: (DEPLOY / here).resolve() for here, there, *_ in places if here.startswith(".")}


def test_what_provisioning_names_is_given() -> None:
    named = {name for path in PROVISIONED.rglob("*.yml") for name in re.findall(r"\$\{(\w+)\}", path.read_text())}
    assert named <= GRAFANA["environment"].keys()
    assert mounted(GRAFANA)["/etc/grafana/provisioning"] == PROVISIONED


def test_dashboards_lie_where_grafana_looks_for_them() -> None:
    folder = mounted(GRAFANA)[GRAFANA["environment"]["DASHBOARDS"]]
    assert {path.name for path in folder.iterdir()} == pages().keys()
    home = GRAFANA["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home.rpartition("/")[0] == GRAFANA["environment"]["DASHBOARDS"]
    assert (folder / home.rpartition("/")[2]).is_file()


def test_the_data_source_is_the_prometheus_beside_it() -> None:
    (source,) = read(PROVISIONED / "datasources" / "prometheus.yml")["datasources"]
    assert source["url"] == "${PROMETHEUS_URL}"
    url = urlsplit(GRAFANA["environment"]["PROMETHEUS_URL"])
    assert SERVICES[str(url.hostname)]["ports"] == [f"127.0.0.1:29090:{url.port}"]
    for configured in ("prometheus.yml", "compose.yml"):
        scraped = read(DEPLOY / "prometheus" / configured)["global"]["scrape_interval"]
        assert source["jsonData"]["timeInterval"] == scraped


def test_grafana_is_the_one_that_dashboards_are_made_for() -> None:
    required = re.findall(r"grafana-foundation-sdk==\d+!([\d.]+)", (ROOT / "pyproject.toml").read_text())
    assert GRAFANA["image"] == f"grafana/grafana:{required[0]}"


def test_prometheus_finds_the_workers_of_every_stage_and_what_watches_beside_them() -> None:
    prometheus = SERVICES["prometheus"]
    arguments = dict(argument.removeprefix("--").split("=") for argument in prometheus["command"])
    folder, _, name = arguments["config.file"].rpartition("/")
    (job, _) = read(mounted(prometheus)[folder] / name)["scrape_configs"]
    (found,) = job["dns_sd_configs"]
    assert found["names"] == [*(stage.name for stage in load_pipeline(None).stages), "reconcile", "trends"]
    assert set(found["names"]) <= SERVICES.keys()
    assert f"EXPOSE {found['port']}" in (DEPLOY / "Dockerfile").read_text()
    assert job["job_name"] == "semstream"
