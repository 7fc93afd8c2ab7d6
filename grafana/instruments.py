"""The dashboard of the microscopes: whether each delivers, and whether its noise is what it was."""

from grafana.panel import Board, Choice, Panel, Query, Row, Shape
from grafana.promql import INSTRUMENT, mean, ratio, signed_mean

SOON = "30m"

SILENCE = Row(
    "Deliveries",
    (
        Panel(
            "Time since the last image",
            "Since an instrument's latest image was published, of those that were scored.",
            "Longer than the instrument's habit: is it at work, does its agent run (`semstream publish --status "
            "--state DIR`), is there lag?",
            "s",
            (
                Query(
                    f"time() - max by (instrument) (semstream_last_image_timestamp_seconds{{{INSTRUMENT}}})",
                    "{{instrument}}",
                ),
            ),
            Shape.BARS,
            12,
        ),
        Panel(
            "Images an hour",
            f"Images that were scored, by instrument, from the pace of {SOON}.",
            "Compare with the instrument's plan; a step down is a pause or a lost share.",
            "short",
            (
                Query(
                    f"sum by (instrument) (rate(semstream_noise_sigma_ratio_count{{{INSTRUMENT}}}[{SOON}])) * 3600",
                    "{{instrument}}",
                ),
            ),
            Shape.LINES,
            12,
        ),
    ),
)

OF_ANY_LANE = 'instrument=~"$instrument"'
WATCHES = "`semstream publish --watch --metrics-port` runs"

AGENTS = Row(
    "Agents",
    (
        Panel(
            "Files that wait at the instrument",
            "Watched files that are not answered yet, as of the agent's last look.",
            "Above 0 for long: a service is away, and then the agent does not look (*Services answer the agent*), or "
            "files are never finished (`semstream publish --status --state DIR`).",
            "short",
            (Query(f"max by (instrument) (semstream_agent_waiting_files{{{OF_ANY_LANE}}})", "{{instrument}}"),),
            Shape.LINES,
            6,
            only_where=WATCHES,
        ),
        Panel(
            "Published and failed in the time shown",
            "Images of which the brokers have the event, and files that could not be published.",
            "Failed files are named by `semstream publish --status --state DIR` at the instrument.",
            "short",
            (
                Query(
                    f"sum by (instrument) (increase(semstream_agent_images_total{{{OF_ANY_LANE}}}[$__range]))",
                    "{{instrument}} published",
                ),
                Query(
                    f"sum by (instrument) (increase(semstream_agent_failed_files_total{{{OF_ANY_LANE}}}[$__range]))",
                    "{{instrument}} failed",
                ),
            ),
            Shape.BARS,
            6,
            only_where=WATCHES,
        ),
        Panel(
            "Time since the agent's last image",
            "Since the latest event that the brokers have of an instrument's agent.",
            "Much shorter than the time since the last image above: workers are behind. As long: the instrument writes "
            "nothing, or a service is away.",
            "s",
            (
                Query(
                    f"time() - max by (instrument) (semstream_agent_last_image_timestamp_seconds{{{OF_ANY_LANE}}})",
                    "{{instrument}}",
                ),
            ),
            Shape.BARS,
            6,
            only_where=WATCHES,
        ),
        Panel(
            "Services answer the agent",
            "0 while the agent of an instrument waits for Kafka, S3 or its own disk.",
            "At 0: `/readyz` of the agent says why, `semstream doctor` at the instrument what to do; nothing is lost. "
            "An agent with nothing to publish asks nobody, and says 1.",
            "short",
            (Query(f"min by (instrument) (semstream_agent_services_answer{{{OF_ANY_LANE}}})", "{{instrument}}"),),
            Shape.LINES,
            6,
            only_where=WATCHES,
        ),
    ),
)

NOISE = Row(
    "Noise",
    (
        Panel(
            "Noise sigma",
            f"Noise of the raw frames as a share of full scale, mean of {SOON}.",
            "It follows dwell time and beam current. A drift at one setting: detector, gain or contamination; look "
            "at the frames before and after.",
            "percentunit",
            (Query(mean("semstream_noise_sigma_ratio", INSTRUMENT, "instrument", SOON), "{{instrument}}"),),
        ),
        Panel(
            "Noise sigma, against the day",
            f"Mean of {SOON} over the mean of a day: 1 is as ever.",
            "Beyond 1.3 or below 0.7 somebody changed the settings, or the instrument changed; a feed's prior may no "
            "longer fit.",
            "short",
            (
                Query(
                    ratio(
                        mean("semstream_noise_sigma_ratio", INSTRUMENT, "instrument", SOON),
                        mean("semstream_noise_sigma_ratio", INSTRUMENT, "instrument", "1d"),
                    ),
                    "{{instrument}}",
                ),
            ),
        ),
        Panel(
            "Signal to noise ratio",
            f"Of the raw frames, mean of {SOON}; for so long nothing is shown of a process that has restarted.",
            "Falling at steady noise: the signal fades; contrast, focus or charging. Falling with rising noise: less "
            "dose.",
            "dB",
            (Query(signed_mean("semstream_snr_decibels", INSTRUMENT, "instrument", SOON), "{{instrument}}"),),
        ),
    ),
)

TRENDS = "`semstream trends` runs"

CHARTS = Row(
    "Control charts",
    (
        Panel(
            "Beyond limits",
            "Recipes of an instrument whose control charts of a quantity are beyond their limits.",
            "Above 0 the instrument is not what it was when its baseline was learned: read `sem.health`, look at the "
            "images; after a service let it learn anew (`semstream trends --relearn INSTRUMENT`).",
            "short",
            (
                Query(
                    f"max by (instrument, quantity) (semstream_instrument_beyond_limits{{{OF_ANY_LANE}}})",
                    "{{instrument}} {{quantity}}",
                ),
            ),
            only_where=TRENDS,
        ),
        Panel(
            "Images in the last hour, as charted",
            "By publication time, so that a replay counts for its own hour.",
            "Less than above: the charts are behind, or restart.",
            "short",
            (Query(f"max by (instrument) (semstream_instrument_images_per_hour{{{OF_ANY_LANE}}})", "{{instrument}}"),),
            only_where=TRENDS,
        ),
        Panel(
            "Time since the last charted image",
            "As the charts know it, across restarts of every worker.",
            "Longer than the instrument's habit: as above.",
            "s",
            (
                Query(
                    f"time() - max by (instrument) (semstream_instrument_last_seen_timestamp_seconds{{{OF_ANY_LANE}}})",
                    "{{instrument}}",
                ),
            ),
            Shape.BARS,
            only_where=TRENDS,
        ),
    ),
)

INSTRUMENTS = Board(
    "instruments",
    "semstream: instruments",
    "Noise, signal to noise and the last image of each instrument. Of the first 50 a process meets; the others are "
    "`other`.",
    (Choice.LANE, Choice.INSTRUMENT),
    (SILENCE, AGENTS, NOISE, CHARTS),
)
