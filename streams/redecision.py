"""Old images decided anew by another rule, from the scores in the ledger alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tomllib import TOMLDecodeError, loads
from types import MappingProxyType

from schemas.events import ImageEvent
from schemas.scores import Selection
from stages.selector import Selector
from stages.selector.claims import ErrorClaim, Lead, lead
from stages.selector.judged import Difference, Judged, difference, judged
from stages.selector.rounding import GreyLevels
from stages.selector.rule import Rule, select
from stages.stage import Stage
from streams.configuring import configured
from streams.errors import UsageError
from streams.recollection import Bodies, ImageName, References, recollect

IMAGES_AT_ONCE = 200


@dataclass(frozen=True)
class Decision:
    """What was selected of an image, and what another rule selects."""

    name: ImageName
    before: Selection
    after: Selection
    gain: Lead | None
    """By how much the estimated squared error of the new choice is lower; nothing where either has no estimate."""

    @property
    def changed(self) -> bool:
        """Whether another candidate is chosen."""
        return self.before.chosen != self.after.chosen


@dataclass(frozen=True)
class Undecided:
    """An image of which the ledger does not know enough under this pipeline."""

    name: ImageName
    missing: str
    """The first stage of which it has no outcome."""


@dataclass(frozen=True)
class Account:
    """A candidate as the rule saw it. Squared errors in units of full scale."""

    candidate: Judged
    error: ErrorClaim
    apart: Difference
    """By how much its estimated error exceeds the chosen one's, paired."""
    behind: Lead | None
    """The same in decibels."""
    veto: str | None


def load_rule(path: Path) -> Selector:
    """Read the table ``[selector]`` of a TOML file, which may be a whole pipeline's.

    Raises
    ------
    UsageError
        If the file cannot be read, or an option is none.
    """
    try:
        tables = loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read the rule file {path}: {error}") from error
    except TOMLDecodeError as error:
        raise UsageError(f"{path} is no valid TOML: {error}") from error
    if "selector" not in tables:
        raise UsageError(f"{path}: needs a table [selector]; semstream stages shows its options")
    rule = configured(Selector, tables["selector"], f"{path}: [selector]")
    assert isinstance(rule, Selector)  # noqa: S101 - what was asked for
    return rule


def redecide(
    stages: Sequence[Stage],
    rule: Rule,
    names: Sequence[ImageName],
    bodies: Bodies,
    references: References = MappingProxyType({}),
) -> Iterator[Decision | Undecided]:
    """Decide each image anew, in order."""
    for start in range(0, len(names), IMAGES_AT_ONCE):
        for one in recollect(stages, names[start : start + IMAGES_AT_ONCE], bodies, references):
            if one.missing is not None or one.event.selection is None:
                yield Undecided(one.name, one.missing or Selector.name)
                continue
            after = decided(one.event, rule)
            yield Decision(one.name, one.event.selection, after, _gain(one.event, rule, after))


def decided(event: ImageEvent, rule: Rule) -> Selection:
    """Choose by a rule from an event that has been scored."""
    return select(event.candidates, event.noise, rule, GreyLevels.of(event.image))


def accounts(event: ImageEvent, rule: Rule) -> list[Account]:
    """Return how the rule sees each candidate beside the chosen one, in the order of their claims."""
    pool = _pool(event, rule)
    chosen = next((one for one in pool if event.selection and one.name == event.selection.chosen), None)
    if event.selection is None or chosen is None:
        return []
    apart = {one.name: Difference(0.0, 0.0) if one is chosen else difference(one, chosen) for one in pool}
    vetoed = event.selection.vetoes
    found = [Account(one, ErrorClaim.of(one), apart[one.name], lead(chosen, one), vetoed.get(one.name)) for one in pool]
    return sorted(found, key=lambda account: account.error.rank)


def _gain(event: ImageEvent, rule: Rule, after: Selection) -> Lead | None:
    pool = {one.name: one for one in _pool(event, rule)}
    old, new = pool.get(event.selection.chosen if event.selection else ""), pool.get(after.chosen)
    return lead(new, old) if old is not None and new is not None else None


def _pool(event: ImageEvent, rule: Rule) -> list[Judged]:
    return judged(event.candidates, event.noise, second_voice=rule.second_voice, levels=GreyLevels.of(event.image))
