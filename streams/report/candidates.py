"""The candidates of one image as tables: error and cost of each, why some were skipped, and all scores."""

from itertools import chain
from math import inf

from pydantic import JsonValue

from schemas.events import ImageEvent
from schemas.scores import RAW, Candidate
from stages.selector.claims import bound_above_a_number
from streams.report import meanings, quantities
from streams.report.markup import Html, element, joined

BEST_SHOWN = 4
"""Pictures of an image besides its raw frame and the chosen candidate."""


def ranked(event: ImageEvent) -> list[Candidate]:
    """The candidates that were computed, the raw frame among them, in the order of their claims, unknown ones last."""
    computed = [c for c in quantities.candidates_of(event) if c.skipped is None]
    claims = {c.name: quantities.error_of(event, c) for c in computed}
    ranks = {name: claim.rank for name, claim in claims.items() if claim is not None}
    return sorted(computed, key=lambda c: ranks.get(c.name, (True, inf)))


def pictured(event: ImageEvent) -> list[Candidate]:
    """The restored candidates worth a picture: the chosen one and the best of the others, in order of rank."""
    chosen = event.selection.chosen if event.selection else None
    restored = [c for c in ranked(event) if c.name != RAW]
    others = [c for c in restored if c.name != chosen][:BEST_SHOWN]
    return [c for c in restored if c.name == chosen or c in others]


BOUNDS = (
    "An error after < is an upper end, so it may be larger than the number of a worse method: which method is better "
    "is told by Behind, for both were judged on the same pixels."
)


def candidate_table(event: ImageEvent) -> Html:
    """Table of every computed candidate, why some may not be chosen, and what was skipped."""
    candidates = ranked(event)
    headline = _columns(candidates)
    cached = _any_cached(candidates)
    rows = [
        _row(event, candidate, [column[place] for column in headline.values()], cached=cached)
        for place, candidate in enumerate(candidates)
    ]
    head = element("thead", _head(list(headline), cached=cached))
    table = element("table", head, element("tbody", *rows), class_="candidates")
    claims = (quantities.error_of(event, candidate) for candidate in candidates)
    misleading = bound_above_a_number(claim for claim in claims if claim is not None)
    note = element("p", BOUNDS, class_="quiet") if misleading else Html()
    return joined(_scrolling(table, label="Candidates"), note, _vetoed(event), _skipped(event))


def _head(headline: list[str], *, cached: bool) -> Html:
    return element(
        "tr",
        element("th", "Method", scope="col"),
        _heading(
            Html("Est. error, %&nbsp;FS"),
            "Root mean square of the estimated error, in percent of full scale, ± standard error, or below what (<)",
        ),
        element("th", element("span", "Relative to the raw frame", class_="unseen"), scope="col", class_="bar-cell"),
        _heading(
            "Gain, dB", "How far the estimated squared error lies below that of the raw frame, or at least so (>)"
        ),
        _heading("Behind, SE", "How far the error lies above the chosen one's, in standard errors of that difference"),
        *(_heading(meanings.label(name), meanings.sentence(name)) for name in headline),
        _heading("Time", "Seconds that computing took, when it was computed"),
        element("th", element("span", "From cache", class_="unseen"), scope="col") if cached else "",
    )


def score_table(event: ImageEvent) -> Html:
    """Every score of every candidate, and the parameters, folded away."""
    candidates = ranked(event)
    names = scored(candidates)
    silent = dict.fromkeys(n for c in candidates for n in c.scores if n not in names)
    head = element("tr", element("th", "Score", scope="col"), *(_candidate_heading(event, c) for c in candidates))
    rows = [_score_row(name, candidates) for name in names]
    table = element("table", element("thead", head), element("tbody", *rows), class_="scores")
    return element(
        "details",
        element("summary", "All scores and parameters"),
        _scrolling(table, label="Scores") if names else "",
        element("p", f"Without a value for this image: {', '.join(map(meanings.label, silent))}", class_="quiet")
        if silent
        else "",
        element("ul", *(_parameters(c) for c in candidates if c.name != RAW), class_="parameters"),
    )


def scored(candidates: list[Candidate]) -> list[str]:
    """Names of the scores that any candidate has a value of, in the order of the closed list, unknown names last."""
    names = dict.fromkeys(chain.from_iterable(c.scores for c in candidates))
    return meanings.in_order(n for n in names if any(c.scores.get(n) is not None for c in candidates))


def _row(event: ImageEvent, candidate: Candidate, headline: list[str], *, cached: bool) -> Html:
    chosen = event.selection is not None and candidate.name == event.selection.chosen
    return element(
        "tr",
        element(
            "th",
            candidate.name,
            _badge(event, candidate.name),
            scope="row",
            title=f"{candidate.method}, computed by {candidate.stage}",
        ),
        element("td", quantities.shown(quantities.error_of(event, candidate)), class_="number"),
        element("td", _bar(event, candidate), class_="bar-cell"),
        element("td", quantities.shown(quantities.gain_of(event, candidate)), class_="number"),
        element("td", quantities.number(quantities.behind(event, candidate), decimals=1), class_="number"),
        *(element("td", shown, class_="number") for shown in headline),
        element("td", _seconds(candidate), class_="number"),
        element("td", "cached" if candidate.cache_hit else "", class_="quiet") if cached else "",
        class_="chosen" if chosen else None,
    )


def _any_cached(candidates: list[Candidate]) -> bool:
    return any(c.cache_hit for c in candidates)


def _columns(candidates: list[Candidate]) -> dict[str, list[str]]:
    """Scores of the short table that any candidate has, each as the texts of its column."""
    return {name: _column(name, candidates) for name in meanings.headline(scored(candidates))}


def _column(name: str, candidates: list[Candidate]) -> list[str]:
    return quantities.aligned([c.scores.get(name) for c in candidates])


def _badge(event: ImageEvent, name: str) -> Html:
    """Mark what the selection says of a candidate."""
    selection = event.selection
    if selection is None:
        return Html()
    if name == selection.chosen:
        return element("span", "chosen", class_="badge")
    if name in selection.vetoes:
        return element("span", "vetoed", class_="badge veto", title=f"{name} {selection.vetoes[name]}")
    return element("span", "runner-up", class_="badge faint") if name == selection.runner_up else Html()


def _seconds(candidate: Candidate) -> str:
    return quantities.DASH if candidate.name == RAW else quantities.seconds(candidate.seconds)


def _bar(event: ImageEvent, candidate: Candidate) -> Html:
    raw, own = (quantities.error_of(event, c) for c in (quantities.named(event, RAW), candidate))
    if raw is None or raw.stated <= 0 or own is None:
        return Html()
    share = (own.stated / raw.stated) ** 0.5
    return element("span", class_="bar", style=f"--share:{min(share, 1):.3f}", aria_hidden="true")


def _vetoed(event: ImageEvent) -> Html:
    vetoes = event.selection.vetoes if event.selection else {}
    if not vetoes:
        return Html()
    items = (element("li", element("b", name), " ", reason) for name, reason in vetoes.items())
    return joined(element("p", "Vetoed: may not be chosen", class_="label"), element("ul", *items, class_="skipped"))


def _skipped(event: ImageEvent) -> Html:
    skipped = [c for c in event.candidates if c.skipped is not None]
    if not skipped:
        return Html()
    reasons = dict.fromkeys(c.skipped or "" for c in skipped)
    names = {reason: ", ".join(c.name for c in skipped if c.skipped == reason) for reason in reasons}
    known = event.noise.why_not if event.noise else None
    told = {reason: "" if reason == known and event.selection else reason for reason in reasons}
    items = (element("li", element("b", names[reason]), " ", told[reason]) for reason in reasons)
    return joined(element("p", "Not tried", class_="label"), element("ul", *items, class_="skipped"))


def _heading(label: str, tooltip: str) -> Html:
    return element("th", element("abbr", label, title=tooltip), scope="col", class_="number")


def _candidate_heading(event: ImageEvent, candidate: Candidate) -> Html:
    chosen = event.selection is not None and candidate.name == event.selection.chosen
    return element("th", candidate.name, scope="col", class_="number chosen" if chosen else "number")


def _score_row(name: str, candidates: list[Candidate]) -> Html:
    called = element("abbr", meanings.label(name), title=meanings.sentence(name))
    label = element("th", called, element("small", meanings.unit(name)), scope="row")
    return element("tr", label, *(element("td", shown, class_="number") for shown in _column(name, candidates)))


def _parameters(candidate: Candidate) -> Html:
    values = ", ".join(f"{name} = {_parameter(value)}" for name, value in candidate.parameters.items())
    return element("li", element("b", candidate.name), f" {candidate.method}{': ' if values else ''}{values}")


def _parameter(value: JsonValue) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _scrolling(table: Html, *, label: str) -> Html:
    return element("div", table, class_="scroll", role="region", aria_label=label, tabindex=0)
