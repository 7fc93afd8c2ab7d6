"""A fleet as a Prometheus knows it, by its HTTP API; whatever else speaks that will do."""

import json
import math
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar
from urllib.parse import urlencode

from streams.adapters.http_get import got
from streams.errors import TransientError
from streams.telemetry.catalogue import BUILD_INFO
from streams.top.look import Labels, Look
from streams.top.questions import INSTANCE, QUESTIONS, How, Question

TIMEOUT_S = 5.0
AT_ONCE = 6
JOB = "semstream"
"""What deploy/prometheus calls the processes; other jobs count where they had one of ours within the hour."""
JOBS = f"group by (job) (max_over_time({BUILD_INFO.series}[1h]))"


Read = TypeVar("Read")


class PrometheusApi:
    """Asks a Prometheus; rates are of the last ``over_s`` that it has seen."""

    looks_for_rates = 1

    def __init__(self, url: str, *, over_s: float) -> None:
        self._url = url.rstrip("/")
        self._over_s = over_s
        self.told_by = self._url

    def look(self) -> Look:
        """Ask everything; raises `TransientError` where it does not answer."""
        jobs = {JOB, *(labels[0] for labels in self._answered(JOBS, ("job",)))}
        with ThreadPoolExecutor(AT_ONCE, "look") as pool:
            answers = list(pool.map(self._known, QUESTIONS))
        up = self._answered("up", ("job", INSTANCE))
        reasons = self._reasons() if 0 in up.values() else {}
        processes = {
            instance: None if value else reasons.get(instance, "it does not answer Prometheus")
            for (job, instance), value in up.items()
            if job in jobs
        }
        return Look(dict(zip(QUESTIONS, answers, strict=True)), processes)

    def _known(self, question: Question) -> Mapping[Labels, float]:
        series, by = question.metric.series, ", ".join(question.by)
        if question.how is How.RATE:
            return self._answered(f"sum by ({by}) (rate({series}[{self._over_s:.0f}s]))", question.by)
        return self._answered(f"{question.how} by ({by}) ({series})", question.by)

    def _answered(self, expr: str, by: Labels) -> dict[Labels, float]:
        def read(data: Any) -> dict[Labels, float]:  # noqa: ANN401 - what JSON gives
            values = [
                (tuple(str(one["metric"].get(name, "")) for name in by), float(one["value"][1]))
                for one in data["result"]
            ]
            return {labels: value for labels, value in values if math.isfinite(value)}

        return self._got("query", read, query=expr)

    def _reasons(self) -> dict[str, str]:
        """Return why processes did not answer; other servers with this API do not tell."""
        try:
            return self._got("targets", _reasons_in, state="active")
        except TransientError:
            return {}

    def _got(self, what: str, read: Callable[[Any], Read], **parameters: str) -> Read:
        url = f"{self._url}/api/v1/{what}?{urlencode(parameters)}"
        try:
            return read(json.loads(got(url, timeout_s=TIMEOUT_S))["data"])
        except TransientError as error:
            raise TransientError(f"Prometheus at {self._url}: {error}") from error
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise TransientError(f"{self._url} answers, but is no Prometheus") from error


def _reasons_in(data: Any) -> dict[str, str]:  # noqa: ANN401 - what JSON gives
    return {
        str(one["labels"].get(INSTANCE, "")): _plain(str(one["lastError"]))
        for one in data["activeTargets"]
        if one["lastError"]
    }


def _plain(error: str) -> str:
    """Return what went wrong without the address, which stands beside it.

    >>> _plain('Get "http://127.0.0.1:9464/metrics": dial tcp 127.0.0.1:9464: connect: connection refused')
    'connection refused'
    """
    return error.rpartition(": ")[2] or error
