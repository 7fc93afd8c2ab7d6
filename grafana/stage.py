"""The dashboard of one stage, or of some side by side."""

from grafana.panel import Board, Choice, Panel, Query, Row, Shape
from grafana.promql import STAGE, counted, mean, per_second, quantile, share

ANSWERS = Row(
    "Answers",
    (
        Panel(
            "Images a second, by outcome",
            "Messages that the stage has answered and committed: done, rejected, or malformed.",
            "Rejected ones are dead letters with a reason: `semstream dlq list`.",
            "cps",
            (Query(per_second("semstream_images_total", STAGE, "stage, outcome"), "{{stage}} {{outcome}}"),),
        ),
        Panel(
            "Time in the stage",
            "From when a worker takes a message in until its answer is committed: half take less than p50, 95 % less "
            "than p95. A batch is answered together, so a large one is slow for each.",
            "Compare with *Time of the threads*: compute, or waits? A batch that is too large: `[worker]` in the "
            "settings.",
            "s",
            tuple(
                Query(quantile(q, "semstream_stage_seconds", STAGE, "stage"), f"p{q * 100:g} {{{{stage}}}}")
                for q in (0.5, 0.95)
            ),
        ),
        Panel(
            "Lag",
            "Age of the oldest message that the stage has not yet committed.",
            "Climbing: more workers of this stage, up to the partitions of its topic; `semstream doctor` where it "
            "stands.",
            "s",
            (Query(f"max by (stage, lane) (semstream_lag_seconds{{{STAGE}}})", "{{stage}} {{lane}}"),),
        ),
    ),
)

THREADS = Row(
    "Time",
    (
        Panel(
            "Time of the threads that answer",
            "Threads' seconds a second, by activity: the height is the number of threads, and all of them is "
            "accounted for.",
            "The largest one that is neither `compute` nor `idle` is what to mend first; docs/metrics.md says what "
            "each is.",
            "short",
            (
                Query(
                    per_second("semstream_worker_seconds_total", f'{STAGE}, thread="handler"', "activity"),
                    "{{activity}}",
                ),
            ),
            Shape.STACKED,
        ),
        Panel(
            "Time of the threads that commit",
            "Committing is one transaction for events and offsets; `remember` fills the cache.",
            "Little `idle`: Kafka is slow to commit, or batches are too small for the rate.",
            "short",
            (
                Query(
                    per_second("semstream_worker_seconds_total", f'{STAGE}, thread="committer"', "activity"),
                    "{{activity}}",
                ),
            ),
            Shape.STACKED,
        ),
        Panel(
            "Time of the threads that poll",
            "They wait for messages, and give partitions up when others come (`rebalance`).",
            "`rebalance` again and again: workers come and go, or are too slow to answer their group.",
            "short",
            (
                Query(
                    per_second("semstream_worker_seconds_total", f'{STAGE}, thread="poller"', "activity"),
                    "{{activity}}",
                ),
            ),
            Shape.STACKED,
        ),
    ),
)

BATCHES = Row(
    "Batches",
    (
        Panel(
            "Messages a batch",
            "Messages that were answered together, on average, and the largest batch allowed at present.",
            "Small batches under load cost look-ups and transactions: longer waits fill them.",
            "short",
            (
                Query(mean("semstream_batch_messages", STAGE, "stage"), "{{stage}}"),
                Query(f"max by (stage) (semstream_batch_limit_messages{{{STAGE}}})", "{{stage}} limit"),
            ),
        ),
        Panel(
            "Images a call",
            "Images handed in one call to a stage that is quickest with several, on average: how full a GPU's batch "
            "is.",
            "Near 1 on a GPU: it waits more than it works; give it fewer workers with larger batches.",
            "short",
            (Query(mean("semstream_call_images", STAGE, "stage"), "{{stage}}"),),
            only_where="a stage computes several images at once",
        ),
        Panel(
            "In flight",
            "Messages taken in and not yet committed.",
            "At its limit all the time, with `back_pressure`: one image holds up its partition; `semstream jobs "
            "--state suspect`.",
            "short",
            (Query(f"sum by (stage) (semstream_in_flight_messages{{{STAGE}}})", "{{stage}}"),),
        ),
    ),
)

OUTCOMES = Row(
    "Outcomes",
    (
        Panel(
            "Parts a second, by method",
            "Parts of outcomes that the stage gave, whether computed or known; a restoration's part is its method.",
            "A method that is missing failed or was left out; compare with the pipeline file.",
            "cps",
            (Query(per_second("semstream_parts_total", STAGE, "method"), "{{method}}"),),
        ),
        Panel(
            "Where its outcomes came from",
            "Share of the parts that were computed, and that were known from the cache or the ledger.",
            "Much computed in a replay: something changed the hashes of methods; `semstream stages` shows what is "
            "configured.",
            "percentunit",
            (
                Query(
                    share(
                        per_second("semstream_parts_total", STAGE, "stage, source"),
                        "stage",
                        per_second("semstream_parts_total", STAGE, "stage"),
                    ),
                    "{{stage}} {{source}}",
                ),
            ),
        ),
        Panel(
            "Bytes of new restorations a second",
            "What was computed and put into the object store.",
            "A method that nobody ever selects (*Fidelity*) and that fills the store can be left out of the pipeline "
            "file.",
            "Bps",
            (Query(per_second("semstream_part_bytes_total", STAGE, "method"), "{{method}}"),),
            Shape.STACKED,
        ),
    ),
)

PARTITIONS = Row(
    "Kafka",
    (
        Panel(
            "Partitions held",
            "Partitions by process. All of a topic's partitions are held by somebody, or their messages wait.",
            "A sum below the topic's partitions for longer than a rollout: a worker is away; start it.",
            "short",
            (Query(f"sum by (stage, instance) (semstream_partitions{{{STAGE}}})", "{{stage}} {{instance}}"),),
            Shape.STACKED,
            12,
        ),
        Panel(
            "Changes of partitions",
            "Partitions that came (assigned), went (revoked) or were taken away (lost), in ten minutes.",
            "Often, or `lost`: workers die, or do not answer their group in time. Their logs say why.",
            "short",
            (
                Query(
                    counted("semstream_rebalances_total", STAGE, "stage, change", "10m"),
                    "{{stage}} {{change}}",
                ),
            ),
            Shape.LINES,
            12,
        ),
    ),
)

STAGES = Board(
    "stage",
    "semstream: stage",
    "One stage in detail: its answers, its time, its batches, its partitions.",
    (Choice.LANE, Choice.STAGE),
    (ANSWERS, THREADS, BATCHES, OUTCOMES, PARTITIONS),
)
