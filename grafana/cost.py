"""The dashboard of what the results cost: GPUs, cores, memory, bytes."""

from grafana.panel import Board, Choice, Panel, Query, Row, Shape
from grafana.promql import LANE, STAGE, or_zero, per_second, ratio

TORCH = "torch uses a GPU"
SELECTED = f"sum(rate(semstream_end_to_end_seconds_count{{{LANE}}}[$__rate_interval]))"
BUSY = "sum(max by (uuid) (avg_over_time(semstream_gpu_utilization_ratio[$__rate_interval])))"
OURS = "and on (job, instance) semstream_build_info"
OWN = f"rate(process_cpu_seconds_total[$__rate_interval]) {OURS}"
CHILDREN = f"rate(semstream_children_cpu_seconds_total[$__rate_interval]) {OURS}"
CORES = f"(sum({OWN}) + sum({CHILDREN}))"
PARTS = per_second("semstream_parts_total", STAGE, "lane")
KNOWN = per_second("semstream_parts_total", f'{STAGE}, source!="computed"', "lane")
STORED = per_second("semstream_store_object_bytes_sum", "", "call")

GPU = Row(
    "GPU",
    (
        Panel(
            "Utilisation",
            "Share of the time in which a GPU was at work, whoever for; one line a GPU, however many processes use it.",
            "Low under lag: fuller batches (*Stage*, Images a call). At 100 %: another GPU, or a smaller network.",
            "percentunit",
            (
                Query(
                    "max by (uuid) (semstream_gpu_utilization_ratio)",
                    "{{uuid}}",
                ),
            ),
            only_where=TORCH,
            width=6,
        ),
        Panel(
            "Memory in use",
            "Share of a GPU's memory in use, whoever by.",
            "Above 95 %: smaller batches, or fewer processes on this GPU.",
            "percentunit",
            (
                Query(
                    "max by (uuid) (semstream_gpu_memory_used_bytes) / max by (uuid) (semstream_gpu_memory_bytes)",
                    "{{uuid}}",
                ),
            ),
            only_where=TORCH,
            width=6,
        ),
        Panel(
            "Memory held by semstream",
            "Memory of a GPU that each process holds.",
            "Growing without end is a leak: restart the process and tell us. Otherwise it is what a network needs.",
            "bytes",
            (Query("sum by (uuid, instance) (semstream_gpu_allocated_bytes)", "{{instance}} {{uuid}}"),),
            only_where=TORCH,
            width=6,
        ),
        Panel(
            "Images a GPU-second",
            "Images selected for each second that GPUs were at work.",
            "Compare networks and batch sizes by it; it falls where something else works on the same GPU.",
            "short",
            (Query(ratio(SELECTED, BUSY), "images"),),
            only_where=TORCH,
            width=6,
        ),
    ),
)

CPU = Row(
    "Cores and memory",
    (
        Panel(
            "Cores used, by process",
            "Seconds of a core that each process takes a second, and its children: decoders, and stages in processes "
            "of their own.",
            "At the number of its cores with lag: more workers. Far below with lag: it waits; see *Stage*.",
            "short",
            (
                Query(f"sum by (instance) ({OWN})", "{{instance}}"),
                Query(f"sum by (instance) ({CHILDREN})", "{{instance}} children"),
            ),
        ),
        Panel(
            "Images a core-second",
            "Images selected for each second of a core, of processes and their children.",
            "The number to plan a fleet by. It falls when a costly candidate is added; `semstream bench denoisers` "
            "says what each costs.",
            "short",
            (Query(ratio(SELECTED, CORES), "images"),),
        ),
        Panel(
            "Memory, by process",
            "Memory of each process in RAM, and of its living children.",
            "It is level after some minutes. Near the limit of its container: smaller batches, or fewer threads.",
            "bytes",
            (
                Query(f"sum by (instance) (process_resident_memory_bytes {OURS})", "{{instance}}"),
                Query(f"sum by (instance) (semstream_children_resident_memory_bytes {OURS})", "{{instance}} children"),
            ),
        ),
        Panel(
            "Open files",
            "Share of the files that a process may have open.",
            "Above 80 %: raise its limit (`LimitNOFILE`, `ulimits`); growing for days is a leak.",
            "percentunit",
            (
                Query(
                    f"max by (instance) (process_open_fds / process_max_fds {OURS})",
                    "{{instance}}",
                ),
            ),
        ),
        Panel(
            "Compute, by stage",
            "Threads that compute, on average: where the cores go.",
            "The largest is where a faster method, or leaving one out, saves most.",
            "short",
            (
                Query(
                    per_second("semstream_worker_seconds_total", f'{STAGE}, activity="compute"', "stage"), "{{stage}}"
                ),
            ),
            Shape.STACKED,
        ),
        Panel(
            "Computing saved",
            "Share of the parts that were known and not computed again.",
            "In a replay the more the better; in the live lane it says how often the same file is published.",
            "percentunit",
            (
                Query(
                    ratio(
                        or_zero(KNOWN, PARTS),
                        PARTS,
                    ),
                    "{{lane}}",
                ),
            ),
        ),
    ),
)

BYTES = Row(
    "Object store and cache",
    (
        Panel(
            "Bytes a second",
            "Bytes read from the object store (get) and given to it (put); copies on the node do not count.",
            "Much `get` where workers of one node follow each other: set `SEMSTREAM_WORKER_STATE`, so they share "
            "copies.",
            "Bps",
            (Query(STORED, "{{call}}"),),
        ),
        Panel(
            "Bytes an image",
            "Bytes read and written for each image selected.",
            "Candidates are most of it. `semstream gc` removes those that nobody chose.",
            "bytes",
            (
                Query(
                    f"{STORED} / on () group_left () ({SELECTED} > 0)",
                    "{{call}}",
                ),
            ),
        ),
        Panel(
            "Calls that the cache did not answer",
            "Calls to the shared cache (Redis) that failed, a second.",
            "Everything works on, slower. `semstream doctor`, then Redis itself.",
            "cps",
            (Query(per_second("semstream_cache_failures_total", "", "call"), "{{call}}"),),
            only_where="the shared cache has failed",
        ),
    ),
)

COST = Board(
    "cost",
    "semstream: GPU and cost",
    "What an image costs: seconds of GPUs and cores, memory, bytes.",
    (Choice.LANE, Choice.STAGE),
    (GPU, CPU, BYTES),
)
