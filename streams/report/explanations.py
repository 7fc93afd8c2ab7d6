"""What the page says about itself: how it is to be read, and what its words mean."""

from collections.abc import Collection, Mapping

from streams.report import meanings
from streams.report.markup import Html, element, joined

FACTS: Mapping[str, str] = {
    "Noise σ": "Standard deviation of the noise, over the whole frame, in percent of full scale.",
    "Full scale": "Electrons that the brightest grey level stands for, from how the noise grows with the signal: the "
    "fewer, the noisier the frame. A dash where the noise does not grow.",
    "Row corr.": "Correlation of the noise between neighbours along a row: 0 is white noise, fast scans have 0.5.",
    "Saturated": "Share of the pixels at the darkest or the brightest grey level, of which nothing else is known.",
}
"""What stands under the choice on a card."""
WORDS: Mapping[str, str] = {
    "FS": "Full scale: the range from the darkest to the brightest grey level that the file can hold.",
    **FACTS,
    "Runner-up": "The candidate of the lowest estimated error besides the chosen one, of those that are not vetoed.",
    "Margin": "How far the chosen candidate's estimated squared error lies below the runner-up's, in decibels, and in "
    "standard errors of their difference. That difference is known better than either error, for both were judged on "
    "the same pixels. Below 0 where a gentler candidate was chosen.",
    "Behind": "How far a candidate's estimated squared error lies above the chosen one's, in standard errors of their "
    "difference: from 2 on it is worse. It decides where two errors, one of them an upper end, tell nothing. Below 0 "
    "where a gentler candidate was chosen.",
    "Vetoed": "May not be chosen, however low its estimated error: it did something to the specimen that a guard "
    "forbids. The reason stands under the table.",
    "Flag": "What to know before you believe a result; it stands in amber.",
    "<": "The error lies below this, and nothing more is known: it is within two standard errors of nothing, and this "
    "is the upper end of that range.",
    ">": "The gain or the margin is at least this: it is counted from an error of which only the upper end is known.",
    "–": "Not known, and not to be claimed: the noise follows no law, or lies within the rounding of the file, or "
    "nothing was there to compare with.",
}
"""Words and signs of the page, in the order in which it uses them."""

LEAD = (
    "Every image was restored by several methods, and each restoration was judged without a clean reference. The one "
    "of the lowest ",
    element("b", "estimated error"),
    " is chosen, or a gentler one that is as good, unless a guard speaks against it. ",
    element("b", "Gain"),
    " is how many decibels better than the raw frame it is. ",
    element("b", "Amber"),
    " marks what to know before you believe a result. Drag the divider to compare, zoom until you see pixels, and "
    "press ",
    element("i", "Removed"),
    " to see what a method took away: grain is right, lines and edges are not.",
)
ERROR = (
    element("b", "Estimated error"),
    " is how far the written result is thought to lie from the noise-free image, the rounding to the file's grey "
    "levels included, as a root mean square in percent of full scale (FS), ± its standard error; lower is better. "
    "Where it is within two standard errors of nothing, only its upper end is given: < 2.7. ",
    element("b", "Gain"),
    " says by how many decibels the squared error lies below the raw frame's; counted from an upper end it is at least "
    "so much: > 11.6. The median gain is counted so too. A dash (–) stands where nothing can be claimed: where the "
    "noise follows no law or lies within the file's rounding. The raw frame's error is given with the quarter more "
    "noise with which the others are judged. Against clean references of 14 real fast scans the errors of the chosen "
    "results were 0.65 to 1.02 times the upper ends shown for them. The estimates below such upper ends are too low "
    "there; differences between methods are not affected.",
)
CHOICE = (
    "The method with the lowest error is chosen unless a guard speaks against it (",
    element("b", "vetoed"),
    ") or a gentler method is as good within the error of the comparison. Upper ends stand first in a table, then the "
    "other errors, the lowest first. Of two upper ends the lower need not belong to the better method: which one that "
    "is, is known better than either error, for both were judged on the same pixels.",
)
PICTURES = (
    "Of a frame of more than 512 × 512 px the pictures show the centre, or the place where the evidence map finds the "
    "strongest disagreement; the small picture below outlines it. There are pictures of the chosen restoration and of "
    "the four best others. ",
    element("i", "Removed"),
    " is in standard deviations of the noise at that grey level. The ",
    element("i", "evidence map"),
    " marks where raw and restored disagree: orange where the raw frame is brighter than the chosen restoration by "
    "more than noise explains, blue where it is darker, a ring around what is beyond 5.5 standard deviations, violet "
    "where nothing could be compared: too much is clipped, or it is at the rim. It cannot see structure made up from "
    "the noise.",
)


def how_to_read(scores: Collection[str]) -> Html:
    """Return what explains the page: its numbers, its words, and the scores that occur on it."""
    described = [name for name in meanings.in_order(sorted(scores)) if meanings.sentence(name)]
    return element(
        "section",
        element("h2", "How to read this"),
        element("p", *LEAD),
        _more("How errors and gains are counted", element("p", *ERROR)),
        _more("How one is chosen", element("p", *CHOICE)),
        _more("What the pictures show", element("p", *PICTURES)),
        _glossary("What the words mean", WORDS),
        _glossary("What the scores mean", {meanings.label(n): meanings.sentence(n) for n in described}),
        class_="prose",
    )


def _glossary(title: str, meant: Mapping[str, str]) -> Html:
    if not meant:
        return Html()
    terms = (joined(element("dt", word), element("dd", sentence)) for word, sentence in meant.items())
    return _more(title, element("dl", *terms, class_="glossary"))


def _more(title: str, said: Html) -> Html:
    return element("details", element("summary", title), said)
