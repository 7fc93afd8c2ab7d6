"""The dashboard to look at first: whether all is answered, how late, and where the time goes."""

from collections.abc import Sequence

from grafana.conservation import conservation
from grafana.panel import Board, Choice, Panel, Query, Row, Shape
from grafana.promql import LANE, counted, grown, per_second, quantile, share


def overview(stages: Sequence[str]) -> Board:
    """Return the dashboard of a pipeline with these stages, in the order that an image goes through them."""
    about = "Throughput, latency, lag, errors, conservation, and what the fleet spends its time on."
    rows = (NOW, FLOW, ERRORS, conservation(stages), TIME)
    return Board("overview", "semstream: overview", about, (Choice.LANE,), rows)


NOW = Row(
    "At a glance",
    (
        Panel(
            "Images selected",
            "Images that went all the way in the time shown: their selection was committed.",
            "Nothing, as long as it grows while instruments work. Where it does not: *Lag* and *Processes*.",
            "short",
            (Query(counted("semstream_end_to_end_seconds_count", LANE, "lane"), "{{lane}}"),),
            Shape.NUMBER,
            6,
            0,
        ),
        Panel(
            "Dead letters",
            "Images, and messages that are no images, that a stage could not answer in the time shown.",
            "`semstream dlq list` has each with its reason. When the cause is mended: `semstream dlq retry`.",
            "short",
            (Query(counted("semstream_dead_letters_total", LANE, "lane"), "{{lane}}"),),
            Shape.NUMBER,
            6,
            0,
        ),
        Panel(
            "Lag",
            "How long the oldest message of the stage that is furthest behind has waited. 0 is: nothing waits.",
            "Where it grows: *Lag by stage* shows which stage; more workers of that stage, or `semstream doctor` "
            "where nothing moves.",
            "s",
            (Query(f"max by (lane) (semstream_lag_seconds{{{LANE}}})", "{{lane}}"),),
            Shape.NUMBER,
            6,
        ),
        Panel(
            "Processes",
            "Processes that answer Prometheus, by version and hash of the pipeline.",
            "More than one line for longer than a rollout: some processes run an old version or another pipeline "
            "file; find them by `semstream_build_info`.",
            "short",
            (
                Query(
                    "count by (version, pipeline, pipeline_hash) (semstream_build_info)",
                    "{{version}} {{pipeline}} {{pipeline_hash}}",
                ),
            ),
            Shape.NUMBER,
            6,
            0,
        ),
    ),
)

FLOW = Row(
    "Throughput, latency, lag",
    (
        Panel(
            "Images a second, by stage",
            "Messages that were answered and committed. In a pipeline that keeps up all stages go at one rate.",
            "A stage below those before it is the one to give more workers or a GPU; see its lag.",
            "cps",
            (Query(per_second("semstream_images_total", LANE, "stage"), "{{stage}}"),),
        ),
        Panel(
            "From published to selected",
            "End-to-end latency: half of the images take less than p50, 95 % less than p95, 99 % less than p99. In a "
            "replay it counts from the first publication, so it is as large as the images are old.",
            "Where it rises with the lag: more workers. Where it rises alone: *Stage* shows which one got slow.",
            "s",
            tuple(
                Query(quantile(q, "semstream_end_to_end_seconds", LANE, "lane"), f"p{q * 100:g} {{{{lane}}}}")
                for q in (0.5, 0.95, 0.99)
            ),
        ),
        Panel(
            "Lag by stage, seconds",
            "Age of the oldest message that a stage has not yet committed, or how long messages wait unseen.",
            "Saw teeth of some seconds are batches. A line that climbs is a stage that is too slow or stands still: "
            "more workers of it, or `semstream doctor`.",
            "s",
            (Query(f"max by (stage, lane) (semstream_lag_seconds{{{LANE}}})", "{{stage}} {{lane}}"),),
        ),
        Panel(
            "Lag by stage, messages",
            "Messages of the partitions held that are not yet committed.",
            "Divide it by the images a second to know when a stage has caught up; `semstream topics lag` has each "
            "partition with `--partitions`.",
            "short",
            (Query(f"sum by (stage, lane) (semstream_lag_messages{{{LANE}}})", "{{stage}} {{lane}}"),),
        ),
        Panel(
            "Bytes of image files a second",
            "Size of the image files that were answered by each stage.",
            "Compare with *Images a second*: larger files explain a lower rate.",
            "Bps",
            (Query(per_second("semstream_image_bytes_total", LANE, "stage"), "{{stage}}"),),
        ),
        Panel(
            "Where outcomes came from",
            "Parts of outcomes that were computed, or were known from the cache or the ledger.",
            "In a replay most should be known; where they are computed the pipeline's hash, weights or a prior "
            "changed.",
            "cps",
            (Query(per_second("semstream_parts_total", LANE, "source"), "{{source}}"),),
            Shape.STACKED,
        ),
    ),
)

ERRORS = Row(
    "Errors",
    (
        Panel(
            "Dead letters, by stage and class",
            "Dead letters of five minutes. `invalid_image`: the image cannot be processed. `malformed_event`: the "
            "message is no image event.",
            "`semstream dlq list`. Many at once after a deploy: go back. Malformed ones: something else writes to "
            "the topic.",
            "short",
            (
                Query(
                    grown("semstream_dead_letters_total", LANE, "stage, error_class", "5m"), "{{stage}} {{error_class}}"
                ),
            ),
            Shape.STACKED,
        ),
        Panel(
            "Calls tried again",
            "Calls a second that met a transient error: Kafka, the object store or the ledger did not answer.",
            "Some in a minute are weather. Steady ones: `semstream doctor` says which service; nothing is lost "
            "meanwhile.",
            "cps",
            (Query(per_second("semstream_retries_total", LANE, "stage"), "{{stage}}"),),
        ),
        Panel(
            "Shared cache",
            "1 where the cache (Redis) is asked, 0 while it is left alone because it did not answer.",
            "Everything works on without it, slower. `semstream doctor`, then Redis itself.",
            "short",
            (Query("min by (cache) (semstream_cache_available)", "{{cache}}"),),
            only_where="workers share a Redis; an embedded run has none",
        ),
    ),
)


HANDLERS = f'{LANE}, thread="handler"'
TIME = Row(
    "What the fleet spends its time on",
    (
        Panel(
            "Time of the threads that answer",
            "Each second of each thread that answers messages is one activity's; docs/metrics.md says what each means.",
            "What is not `compute` or `idle` is what the path costs. `fetch`, `store`: the object store. `settle`, "
            "`recall`: the ledger and the cache. `commit_wait`: Kafka. `slot`: too few cores. `retry`: something is "
            "away.",
            "percentunit",
            (
                Query(
                    f"{per_second('semstream_worker_seconds_total', HANDLERS, 'activity')} / scalar("
                    f"sum(rate(semstream_worker_seconds_total{{{HANDLERS}}}[$__rate_interval])))",
                    "{{activity}}",
                ),
            ),
            Shape.STACKED,
            12,
        ),
        Panel(
            "How busy each stage is",
            "Share of the time of a stage's threads that is not idle.",
            "Near 100 % with a growing lag: more workers of the stage. Near 0 everywhere: fewer would do.",
            "percentunit",
            (
                Query(
                    share(
                        per_second("semstream_worker_seconds_total", f'{HANDLERS}, activity!="idle"', "stage"),
                        "stage",
                        per_second("semstream_worker_seconds_total", HANDLERS, "stage"),
                    ),
                    "{{stage}}",
                ),
            ),
            Shape.LINES,
            12,
        ),
    ),
)
