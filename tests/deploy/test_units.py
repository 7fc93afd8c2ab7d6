"""The systemd units are well formed, restart what they start, and wait longer than a worker needs to stop."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from streams.settings import Settings, WorkerSettings

UNITS = Path(__file__).parents[2] / "deploy" / "systemd"
WORKER, PUBLISH = UNITS / "semstream-worker@.service", UNITS / "semstream-publish@.service"
SERVICES = {"SEMSTREAM_KAFKA_BOOTSTRAP_SERVERS": "k:1", "SEMSTREAM_POSTGRES_URL": "x", "SEMSTREAM_S3_BUCKET": "sem"}


def values(unit: Path, name: str) -> list[str]:
    return re.findall(rf"^{name}=(.*)$", unit.read_text(), re.MULTILINE)


@pytest.mark.parametrize("unit", [WORKER, PUBLISH], ids=lambda unit: unit.stem)
def test_systemd_accepts_it(unit: Path, tmp_path: Path) -> None:
    systemd = shutil.which("systemd-analyze")
    if systemd is None:
        pytest.skip("systemd is not on this machine")
    instance = tmp_path / unit.name.replace("@.", "@filter.")
    instance.write_text(unit.read_text().replace("/opt/semstream/bin/semstream", sys.executable))
    done = subprocess.run([systemd, "verify", instance], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("unit", [WORKER, PUBLISH], ids=lambda unit: unit.stem)
def test_it_is_restarted_for_ever_and_stopped_in_good_order(unit: Path) -> None:
    assert values(unit, "Restart") == ["always"]
    assert values(unit, "StartLimitIntervalSec") == ["0"]
    assert float(values(unit, "TimeoutStopSec")[0]) > WorkerSettings().stop_deadline_s


@pytest.mark.parametrize("unit", [WORKER, PUBLISH], ids=lambda unit: unit.stem)
def test_its_environment_is_one_that_can_be_read(unit: Path) -> None:
    environment = dict(line.split("=", 1) for line in values(unit, "Environment"))
    assert environment.pop("SEMSTREAM_SETTINGS") == "/etc/semstream/settings.toml"
    worker = Settings.load(Path("/dev/null"), SERVICES | environment).worker
    assert f"StateDirectory={worker.state.relative_to('/var/lib')}\n" in unit.read_text()
    if unit == WORKER:
        assert worker.slot == "%H-%i"


def test_a_unit_is_of_one_stage_or_one_instrument() -> None:
    assert values(WORKER, "ExecStart") == ["/opt/semstream/bin/semstream worker --stage %i"]
    assert values(PUBLISH, "ExecStart") == [
        "/opt/semstream/bin/semstream publish --watch ${FOLDER} --instrument %i $OPTIONS"
    ]
