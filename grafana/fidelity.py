"""The dashboard of what was selected, how clearly, and what guards forbade."""

from grafana.panel import Board, Choice, Panel, Query, Row, Shape
from grafana.promql import LANE, counted, grown, or_zero, quantile, ratio, share

SOON = "1h"
RECENT = grown("semstream_selections_total", LANE, "lane", SOON)
SELECTED = counted("semstream_selections_total", LANE, "lane")

SHARES = Row(
    "Selections",
    (
        Panel(
            "Selected in the time shown",
            "Images by the candidate that was selected.",
            "A candidate that is never selected costs its computing and its store: consider leaving it out.",
            "short",
            (Query(counted("semstream_selections_total", LANE, "method"), "{{method}}"),),
            Shape.BARS,
            12,
            0,
        ),
        Panel(
            "Shares over time",
            f"Share of each candidate in the selections of {SOON}.",
            "A jump without a change of the pipeline is a change of the images: see *Instruments*. After a change, "
            "`semstream replay --shadow` shows which images it touches.",
            "percentunit",
            (
                Query(
                    share(
                        grown("semstream_selections_total", LANE, "lane, method", SOON),
                        "lane",
                        RECENT,
                    ),
                    "{{method}} {{lane}}",
                ),
            ),
            Shape.STACKED,
            12,
        ),
    ),
)

MARGIN = "semstream_selection_margin_standard_errors"
CLOSE = "2"

MARGINS = Row(
    "How clearly",
    (
        Panel(
            "Margin over the runner-up",
            "By how many standard errors the selected one's estimated error is below the runner-up's; quantiles of "
            f"{SOON}.",
            "Low margins mean that candidates are alike, and hardly anything hangs on the choice. `semstream explain "
            "IMAGE`.",
            "short",
            tuple(
                Query(quantile(q, MARGIN, LANE, "lane", SOON), f"p{q * 100:g} {{{{lane}}}}") for q in (0.1, 0.5, 0.9)
            ),
        ),
        Panel(
            "Close calls",
            f"Share of the selections of {SOON} with a margin below {CLOSE} standard errors.",
            "Rising: images too small or too noisy to judge; a second frame, or a feed's prior, judges better.",
            "percentunit",
            (
                Query(
                    ratio(
                        grown(f"{MARGIN}_bucket", f'{LANE}, le=~"{CLOSE}|{CLOSE}.0"', "lane", SOON),
                        grown(f"{MARGIN}_count", LANE, "lane", SOON),
                    ),
                    "{{lane}}",
                ),
            ),
        ),
        Panel(
            "Raw frame kept",
            f"Share of the selections of {SOON} in which nothing was better than the frame as it came.",
            "High: noise below a grey level, resampled or processed images, or rows that correlate; the flags say "
            "which.",
            "percentunit",
            (
                Query(
                    ratio(
                        or_zero(grown("semstream_selections_total", f'{LANE}, method="raw"', "lane", SOON), RECENT),
                        RECENT,
                    ),
                    "{{lane}}",
                ),
            ),
        ),
    ),
)

DOUBTS = Row(
    "Guards and flags",
    (
        Panel(
            "Vetoes an image, by candidate",
            "How often a guard forbade a candidate (it planted or wiped out a structure, or moved a dimension), for "
            "each image in the time shown.",
            "A candidate that is vetoed often is too strong for these images: lower its `strength`, or leave it out. "
            "`semstream explain IMAGE` says who was vetoed why.",
            "percentunit",
            (
                Query(
                    share(
                        counted("semstream_vetoes_total", LANE, "lane, method"),
                        "lane",
                        SELECTED,
                    ),
                    "{{method}} {{lane}}",
                ),
            ),
            Shape.BARS,
            12,
        ),
        Panel(
            "Flags",
            "Images in the time shown whose selection a person should look at, by what the flag says.",
            "`semstream explain IMAGE`. `no_law`: the noise is not that of a raw scan. `saturated`: clipped. "
            "`prior_contradicted`: check the instrument's settings.",
            "short",
            (Query(counted("semstream_selection_flags_total", LANE, "flag"), "{{flag}}"),),
            Shape.BARS,
            12,
            0,
        ),
    ),
)

FIDELITY = Board(
    "fidelity",
    "semstream: fidelity",
    "Which candidates are selected, how clearly, and what guards forbid.",
    (Choice.LANE,),
    (SHARES, MARGINS, DOUBTS),
)
