"""What is counted of GPUs: each once, however many processes use it and whatever number it has in each."""

from pathlib import Path

import pytest
import yaml

from grafana.cost import BUSY
from tests.deploy.test_prometheus import promtool

PROCESSES = {
    "one GPU, two processes": ([("0", "GPU-1", "h:9464"), ("0", "GPU-1", "h:9465")], 0.5),
    "one GPU under two numbers": ([("0", "GPU-1", "h:9464"), ("1", "GPU-1", "h:9465")], 0.5),
    "two GPUs, each the first of its process": ([("0", "GPU-1", "h:9464"), ("0", "GPU-2", "h:9465")], 1.0),
    "two machines": ([("0", "GPU-1", "h:9464"), ("0", "GPU-3", "i:9464")], 1.0),
}


@pytest.mark.parametrize(("used", "busy"), PROCESSES.values(), ids=PROCESSES.keys())
def test_a_gpu_second_is_counted_once(used: list[tuple[str, str, str]], busy: float, tmp_path: Path) -> None:
    name = "semstream_gpu_utilization_ratio"
    series = [f'{name}{{device="{d}",uuid="{uuid}",instance="{i}"}}' for d, uuid, i in used]
    asked = {"expr": BUSY.replace("$__rate_interval", "1m"), "eval_time": "5m"}
    test = {
        "interval": "15s",
        "input_series": [{"series": one, "values": "0.5x40"} for one in series],
        "promql_expr_test": [{**asked, "exp_samples": [{"labels": "{}", "value": busy}]}],
    }
    (tmp_path / "gpus.yml").write_text(yaml.safe_dump({"evaluation_interval": "1m", "tests": [test]}))
    promtool("test", "rules", tmp_path / "gpus.yml")
