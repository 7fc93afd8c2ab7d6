"""Every metric that a process exports, in one typed list; ``docs/metrics.md`` is made from it."""

from streams.telemetry.metric import Metric, counter, gauge, histogram, summary

BUCKETS_S = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000, 1800)
"""From a millisecond to half an hour."""
BUCKETS_COUNT = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
BUCKETS_ERRORS = (0, 0.5, 1, 2, 3, 5, 10, 30, 100)

IMAGES = counter(
    "semstream_images",
    "images",
    "stage lane outcome",
    "Messages answered and committed: done, rejected, or malformed (no image could be read from them).",
)
IMAGE_BYTES = counter(
    "semstream_image_bytes", "bytes", "stage lane outcome", "Bytes of the image files that these messages are about."
)
PARTS = counter(
    "semstream_parts",
    "parts",
    "stage lane method source",
    "Parts of outcomes by where they came from: computed, cache (Redis) or ledger. A restoration's part is its method.",
)
PART_BYTES = counter(
    "semstream_part_bytes", "bytes", "stage lane method", "Bytes of the restorations that were computed and stored."
)
DEAD_LETTERS = counter(
    "semstream_dead_letters", "letters", "stage lane error_class", "Dead letters committed, by the class of error."
)
RETRIES = counter("semstream_retries", "calls", "stage lane", "Calls that met a transient error and were tried again.")

STAGE_SECONDS = histogram(
    "semstream_stage_seconds",
    "seconds",
    "stage lane",
    "From when a worker took a message in until its answer was committed.",
    BUCKETS_S,
)
END_TO_END_SECONDS = histogram(
    "semstream_end_to_end_seconds",
    "seconds",
    "lane",
    "From when an image was published until its selection was committed; in a replay, from its first publication.",
    BUCKETS_S,
)
WORKER_SECONDS = counter(
    "semstream_worker_seconds",
    "seconds",
    "stage lane thread activity",
    "Where the seconds of a worker's threads go; those of a thread add up to the time that it lives.",
    collected=True,
)
BATCH_MESSAGES = histogram(
    "semstream_batch_messages", "messages", "stage lane", "Messages that were answered together.", BUCKETS_COUNT
)
BATCH_LIMIT = gauge(
    "semstream_batch_limit_messages", "messages", "stage lane", "Messages that a batch may have at present."
)
CALL_IMAGES = histogram(
    "semstream_call_images",
    "images",
    "stage lane",
    "Images that were handed in one call to a stage that is quickest with several.",
    BUCKETS_COUNT,
)
IN_FLIGHT = gauge("semstream_in_flight_messages", "messages", "stage lane", "Messages taken in and not yet committed.")

LAG_MESSAGES = gauge(
    "semstream_lag_messages", "messages", "stage lane", "Messages of the partitions held that are not yet committed."
)
LAG_SECONDS = gauge(
    "semstream_lag_seconds",
    "seconds",
    "stage lane",
    "Age of the oldest message taken in and not yet committed; where none is, how long messages have waited unseen.",
)
PARTITIONS = gauge("semstream_partitions", "partitions", "stage lane", "Partitions held.")
REBALANCES = counter(
    "semstream_rebalances",
    "changes",
    "stage lane change",
    "Changes of the partitions held: assigned, revoked or lost. Their pauses: the activity `rebalance` of the poller.",
)

CACHE_FAILURES = counter(
    "semstream_cache_failures", "calls", "call", "Calls that the shared cache did not answer: get or put."
)
CACHE_AVAILABLE = gauge("semstream_cache_available", "0 or 1", "cache", "0 while the shared cache is left alone.")
STORE_OBJECT_BYTES = summary(
    "semstream_store_object_bytes",
    "bytes",
    "call",
    "Objects read from the object store (get) and given to it (put), and their bytes; copies on the node do not count.",
)

SELECTIONS = counter("semstream_selections", "images", "lane method", "Images by the candidate that was selected.")
SELECTION_MARGIN = histogram(
    "semstream_selection_margin_standard_errors",
    "standard errors",
    "lane",
    "Estimated error of the runner-up minus that of the selected, in standard errors of this difference.",
    BUCKETS_ERRORS,
)
VETOES = counter("semstream_vetoes", "candidates", "lane method", "Candidates that a guard forbade to select.")
FLAGS = counter(
    "semstream_selection_flags", "images", "lane flag", "Selections that were flagged, by what a person should know."
)
NOISE_SIGMA = summary(
    "semstream_noise_sigma_ratio",
    "share of full scale",
    "lane instrument",
    "Noise of the raw frames (root mean variance); its sum over its count is the mean.",
)
SNR_DECIBELS = summary(
    "semstream_snr_decibels", "decibels", "lane instrument", "Signal to noise ratio of the raw frames."
)
LAST_IMAGE = gauge(
    "semstream_last_image_timestamp_seconds",
    "seconds since 1970",
    "lane instrument",
    "When the latest image of an instrument was published, of those that were scored here.",
)

AGENT_IMAGES = counter(
    "semstream_agent_images", "images", "instrument", "Images of which the agent's events are with the brokers."
)
AGENT_FAILED_FILES = counter(
    "semstream_agent_failed_files",
    "files",
    "instrument",
    "Watched files that could not be published: unreadable for too long, or gone before.",
)
AGENT_WAITING_FILES = gauge(
    "semstream_agent_waiting_files",
    "files",
    "instrument",
    "Watched files that are not answered yet, as of the agent's last look: while a service is away it does not look.",
)
AGENT_LAST_IMAGE = gauge(
    "semstream_agent_last_image_timestamp_seconds",
    "seconds since 1970",
    "instrument",
    "When the agent made the latest event that the brokers have.",
)
AGENT_SERVICES_ANSWER = gauge(
    "semstream_agent_services_answer", "0 or 1", "instrument", "0 while the agent waits for a service, or for its disk."
)

INSTRUMENT_SEEN = gauge(
    "semstream_instrument_last_seen_timestamp_seconds",
    "seconds since 1970",
    "instrument",
    "When the latest image of an instrument was published, as `semstream trends` knows.",
)
INSTRUMENT_IMAGES = gauge(
    "semstream_instrument_images_per_hour", "images an hour", "instrument", "Images of an instrument in the last hour."
)
INSTRUMENT_OUT = gauge(
    "semstream_instrument_beyond_limits",
    "recipes",
    "instrument quantity",
    "Recipes of an instrument whose control charts of this quantity are beyond their limits.",
)

IMBALANCE = gauge(
    "semstream_conservation_imbalance_images",
    "images",
    "stage lane fault",
    "Images whose answers do not add up, as `semstream reconcile --every` found them last; 0 is what it should be.",
)
RECONCILED = gauge(
    "semstream_conservation_checked_timestamp_seconds", "seconds since 1970", "lane", "When it last found out."
)

BUILD_INFO = gauge(
    "semstream_build_info", "1", "version python pipeline pipeline_hash", "What runs here; its value is always 1."
)
GPU_UTILISATION = gauge(
    "semstream_gpu_utilization_ratio",
    "share",
    "device uuid",
    "Share of the last second in which the GPU was at work, whoever for.",
    collected=True,
)
GPU_MEMORY_USED = gauge(
    "semstream_gpu_memory_used_bytes", "bytes", "device uuid", "Memory of the GPU in use, whoever by.", collected=True
)
GPU_MEMORY = gauge("semstream_gpu_memory_bytes", "bytes", "device uuid", "Memory of the GPU.", collected=True)
GPU_ALLOCATED = gauge(
    "semstream_gpu_allocated_bytes",
    "bytes",
    "device uuid",
    "Memory of the GPU that this process holds.",
    collected=True,
)
CHILDREN_CPU_SECONDS = counter(
    "semstream_children_cpu_seconds",
    "seconds",
    "",
    "Seconds on a core of this process's children, living and ended: decoders, and stages in processes of their own.",
    collected=True,
)
CHILDREN_MEMORY = gauge(
    "semstream_children_resident_memory_bytes", "bytes", "", "Memory of the living children in RAM.", collected=True
)
PROCESS = (
    counter("process_cpu_seconds", "seconds", "", "Seconds of this process on a core.", collected=True),
    gauge("process_resident_memory_bytes", "bytes", "", "Memory of this process in RAM.", collected=True),
    gauge("process_virtual_memory_bytes", "bytes", "", "Address space of this process.", collected=True),
    gauge("process_start_time_seconds", "seconds since 1970", "", "When this process began.", collected=True),
    gauge("process_open_fds", "files", "", "Files that this process has open.", collected=True),
    gauge("process_max_fds", "files", "", "Files that it may have open.", collected=True),
)

GROUPS: dict[str, tuple[Metric, ...]] = {
    "Images": (IMAGES, IMAGE_BYTES, PARTS, PART_BYTES, DEAD_LETTERS, RETRIES),
    "Time": (STAGE_SECONDS, END_TO_END_SECONDS, WORKER_SECONDS, BATCH_MESSAGES, BATCH_LIMIT, CALL_IMAGES, IN_FLIGHT),
    "Kafka": (LAG_MESSAGES, LAG_SECONDS, PARTITIONS, REBALANCES),
    "Services": (CACHE_FAILURES, CACHE_AVAILABLE, STORE_OBJECT_BYTES),
    "Selections and instruments": (SELECTIONS, SELECTION_MARGIN, VETOES, FLAGS, NOISE_SIGMA, SNR_DECIBELS, LAST_IMAGE),
    "Agents": (AGENT_IMAGES, AGENT_FAILED_FILES, AGENT_WAITING_FILES, AGENT_LAST_IMAGE, AGENT_SERVICES_ANSWER),
    "Trends": (INSTRUMENT_SEEN, INSTRUMENT_IMAGES, INSTRUMENT_OUT),
    "Conservation": (IMBALANCE, RECONCILED),
    "Process": (
        BUILD_INFO,
        GPU_UTILISATION,
        GPU_MEMORY_USED,
        GPU_MEMORY,
        GPU_ALLOCATED,
        CHILDREN_CPU_SECONDS,
        CHILDREN_MEMORY,
        *PROCESS,
    ),
}
METRICS: tuple[Metric, ...] = tuple(metric for group in GROUPS.values() for metric in group)
