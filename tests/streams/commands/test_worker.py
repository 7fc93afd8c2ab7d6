"""What a worker refuses before it reaches for any service."""

import pytest

from streams.cli import outcome_of


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "say which stage"),
        (["--stage", "polish"], "the pipeline has no stage 'polish'"),
        (["--all", "--stage", "filter"], "choose one"),
        (["--all", "--lane", "../x"], "--lane '../x' cannot be part of a topic's name"),
    ],
)
def test_wrong_usage_is_told_in_one_line(arguments: list[str], message: str) -> None:
    code, said = outcome_of(["worker", *arguments])
    assert code == 2
    assert message in said
    assert "\n" not in said.strip()
