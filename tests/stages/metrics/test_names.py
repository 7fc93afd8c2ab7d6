import re

from stages.metrics.names import MEANINGS, Score


def test_every_score_has_a_meaning_and_every_meaning_a_score() -> None:
    assert list(MEANINGS) == list(Score)


def test_meanings_are_sentences_under_short_labels() -> None:
    for meaning in MEANINGS.values():
        assert meaning.text.endswith(".")
        assert 0 < len(meaning.label) <= 20


def test_names_are_fit_for_a_wire() -> None:
    assert all(re.fullmatch(r"[a-z][a-z_]*", name.value) for name in Score)
