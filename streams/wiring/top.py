"""Who tells of a fleet."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from streams.adapters.metrics_pages import MetricsPages
from streams.adapters.prometheus_api import PrometheusApi
from streams.errors import UsageError
from streams.top.look import Source

HERE = "http://127.0.0.1:9464/metrics"
"""Where docs/operations.md and deploy/prometheus/targets/local.yml have a worker of this machine."""


def source_of(prometheus: str | None, pages: Sequence[str], *, over_s: float) -> Source:
    """Return who is asked: a Prometheus, processes, or the process of this machine where neither is named.

    Raises
    ------
    UsageError
        If an address is none, or both are named.
    """
    if prometheus and pages:
        raise UsageError("--prometheus and --metrics are two answers to one question: choose one")
    if prometheus:
        return PrometheusApi(_address(prometheus, "--prometheus"), over_s=over_s)
    return MetricsPages([_page(_address(url, "--metrics")) for url in pages] or [HERE], over_s=over_s)


def _address(text: str, option: str) -> str:
    url = text if "://" in text else f"http://{text}"
    parts = urlsplit(url)
    try:
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if usable and parts.username is not None:
        raise UsageError(
            f"{option}: an address with a name or password in it is not taken; ask the processes themselves"
        )
    if not usable:
        raise UsageError(f"{option} {text}: write an address such as http://127.0.0.1:9464")
    return url


def _page(url: str) -> str:
    """Return the address of a process's metrics: of a process alone, its page is meant."""
    return url if urlsplit(url).path.strip("/") else f"{url.rstrip('/')}/metrics"
