from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from stages.stage import Stage
from streams.errors import UsageError
from streams.execution import Execution, StageRun
from streams.pipeline import Pipeline, load_pipeline
from tests.toys import Focus

TOYS = 'path = ["tests.toys:Shade", "tests.toys:Pick"]\n'
FILTER = 'path = ["stages.filter:Filter"]\n'
GAUSSIAN = '[filter.candidates.gaussian]\nmethod = "stages.filter.gaussian:Gaussian"\n'
DENOISE = 'path = ["stages.denoise:Denoise"]\n[denoise.candidates.u]\nmethod = "stages.denoise.network:UNetDenoiser"\n'

Load = Callable[[str], Pipeline]


@dataclass(frozen=True)
class Loop(Focus):
    name: ClassVar[str] = "loop"
    emits: ClassVar[str] = "images"


@dataclass(frozen=True)
class Spaced(Focus):
    name: ClassVar[str] = "two words"


@dataclass(frozen=True)
class Rooted(Focus):
    name: ClassVar[str] = "rooted"
    root: Path = Path("/")


class Bare(Focus):
    """No dataclass of its own accord, but of its parent's."""

    name: ClassVar[str] = "bare"


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def load(text: str) -> Pipeline:
        (tmp_path / "pipeline.toml").write_text(text)
        return load_pipeline(tmp_path / "pipeline.toml")

    return load


def test_how_topics_are_set_up_is_no_part_of_what_is_computed(load: Load) -> None:
    plain, other = load(TOYS), load(TOYS + "[topics]\npartitions = 3\nretention_hours = 24\n")
    assert plain.hash == other.hash
    assert (plain.topics.partitions, other.topics.partitions, other.topics.retention_hours) == (8, 3, 24)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("partitions = 0", "partitions = 0: it should be greater than or equal to 1"),
        ("partitons = 3", "has no option 'partitons'; did you mean partitions?"),
        ("max_message_bytes = 1000", "max_message_bytes = 1000"),
    ],
)
def test_a_wrong_option_of_topics_is_named(load: Load, table: str, said: str) -> None:
    with pytest.raises(UsageError, match=rf"\[topics\].*{said}"):
        load(f"{TOYS}[topics]\n{table}\n")


def test_stages_come_in_order_with_the_topics_that_their_names_give(load: Load) -> None:
    pipeline = load('path = ["tests.toys:Shade", "tests.toys:Focus", "tests.toys:Pick"]\n')
    steps = [(step.stage.name, step.consumes, step.produces) for step in pipeline.steps()]
    assert steps == [
        ("shade", "sem.images", "sem.shaded"),
        ("focus", "sem.shaded", "sem.focus"),
        ("pick", "sem.focus", "sem.picked"),
    ]
    replay = [(step.consumes, step.produces) for step in pipeline.steps("replay")]
    assert replay[0] == ("sem.replay.images", "sem.replay.shaded")


def test_a_table_with_a_method_becomes_that_class_with_its_options(load: Load) -> None:
    (stage,) = load(FILTER + GAUSSIAN + "strength = 2\n").stages
    (method,) = stage.candidates.values()  # type: ignore[attr-defined]
    assert (type(method).__name__, method.strength) == ("Gaussian", 2.0)


def test_the_default_pipeline_and_every_shipped_one_can_be_read() -> None:
    assert load_pipeline().name == "default"
    shipped = sorted((Path(__file__).parents[2] / "deploy" / "pipelines").glob("*.toml"))
    assert shipped
    assert len({load_pipeline(path).hash for path in shipped}) == len(shipped)


@pytest.mark.parametrize(
    "changed",
    [
        TOYS + "[shade.levels]\nhalf = 0.5\nquarter = 0.26\n",
        TOYS + "[shade.levels]\nhalf = 0.5\nfourth = 0.25\n",
        TOYS + "[shade.levels]\nhalf = 0.5\n",
        'path = ["tests.toys:Shade", "tests.toys:Focus", "tests.toys:Pick"]\n',
        'path = ["tests.toys:Pick", "tests.toys:Shade"]\n',
    ],
)
def test_the_hash_changes_with_any_option_and_the_order_of_stages(load: Load, changed: str) -> None:
    assert load(changed).hash != load(TOYS).hash


@pytest.mark.parametrize(
    "same",
    [
        "# a comment\n" + TOYS,
        TOYS + "[shade.levels]\nquarter = 0.25\nhalf = 0.5\n",
        TOYS + "[shade]\nlevels = {half = 0.5, quarter = 0.25}\n",
        TOYS + "[pick]\n",
    ],
)
def test_the_hash_does_not_change_with_what_changes_no_option(load: Load, same: str) -> None:
    assert load(same).hash == load(TOYS).hash


def test_the_hash_changes_with_a_method_its_parameters_and_its_version(
    load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [
        FILTER + GAUSSIAN,
        FILTER + GAUSSIAN + "strength = 1.5\n",
        FILTER + GAUSSIAN.replace("gaussian:Gaussian", "median:Median"),
    ]
    hashes = {load(text).hash for text in texts}
    monkeypatch.setattr("stages.filter.gaussian.Gaussian.version", 99)
    hashes.add(load(texts[0]).hash)
    assert len(hashes) == 4


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path = [", "is no valid TOML"),
        ("", 'needs a line like path = ["stages.filter:Filter", ...]'),
        ('path = "stages.filter:Filter"', "needs a line like path ="),
        ("path = [1]", "needs a line like path ="),
        ('path = ["nope:Filter"]', "path: cannot find 'nope:Filter' (module:Class): No module named 'nope'"),
        ('path = ["tests.toys:Nope"]', "path: cannot find 'tests.toys:Nope'"),
        ('path = ["tests.toys"]', "path: cannot find 'tests.toys'"),
        ('path = [".toys:Pick"]', "path: '.toys:Pick' is no module:Class"),
        ('path = [""]', "path: '' is no module:Class"),
        ('path = ["tests.toys:ToyDecoder"]', "path: 'tests.toys:ToyDecoder' is no stage"),
        ('path = ["tests.toys:toy_file"]', "path: 'tests.toys:toy_file' is no stage"),
        ('path = ["stages.stage:Stage"]', "path: 'stages.stage:Stage': '' cannot name a stage"),
        ('path = ["tests.streams.test_pipeline:Spaced"]', "'two words' cannot name a stage or a topic"),
        ('path = ["tests.streams.test_pipeline:Loop"]', "two write to the topic sem.images"),
        ('path = ["tests.streams.test_pipeline:Rooted"]', "[rooted]: options are text, numbers, lists and tables"),
        ('path = ["tests.toys:Pick", "tests.toys:Pick"]', "two stages have the same name: pick, pick"),
        (TOYS + "[shadow]\n", "[shadow] belongs to no stage; did you mean shade?"),
        (TOYS + "[shade]\nlevel = 1\n", "[shade]: Shade has no option 'level'; did you mean levels?"),
        (TOYS + "shade = 3\n", "[shade]: expected a table of options"),
        (TOYS + '[shade]\nlevels = "x"\n', "[shade] levels = 'x': it should be a valid dictionary"),
        (TOYS + "[shade.levels]\nhalf = nan\n", "[shade] levels = {'half': nan}: it should be a finite number"),
        (FILTER + "[filter.candidates]\n", "[filter] candidates = {}: needs a table for each"),
        (FILTER + "[filter]\ncandidates = 3\n", "[filter] candidates = 3: needs a table for each"),
        (FILTER + "[filter.candidates.a]\nstrength = 1\n", "[filter] candidates.a: needs a line like method ="),
        (FILTER + GAUSSIAN + 'strength = "much"\n', "candidates.gaussian strength = 'much': it should be a valid"),
        (FILTER + GAUSSIAN + "strength = inf\n", "candidates.gaussian strength = inf: it should be a finite number"),
        (FILTER + GAUSSIAN + "sigma = 1\n", "candidates.gaussian: Gaussian has no option 'sigma'; there are strength"),
        (FILTER + '[filter.candidates.a]\nmethod = "os:getcwd"\n', "candidates.a: getcwd is no dataclass"),
        (FILTER + '[filter.candidates.a]\nmethod = "tests.toys:Focus"\n', "'tests.toys:Focus' is no method"),
        (FILTER + GAUSSIAN.replace("candidates.gaussian", "candidates.raw"), "[filter.candidates.raw]: this candidate"),
        (FILTER + GAUSSIAN.replace("candidates.gaussian", 'candidates."a,b"'), "[filter.candidates.'a,b']: name it"),
        (DENOISE + 'weights = "nowhere"\n', "[denoise] candidates.u: there are no weights at"),
    ],
)
def test_what_is_wrong_is_told_in_one_line_with_its_place(load: Load, text: str, message: str) -> None:
    with pytest.raises(UsageError) as raised:
        load(text)
    assert message in str(raised.value)
    assert "pipeline.toml" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_absent_or_no_text_is_told_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "latin.toml").write_bytes(b'path = ["\xff"]')
    for name in ("absent.toml", "latin.toml", "."):
        with pytest.raises(UsageError, match="cannot read the pipeline file"):
            load_pipeline(tmp_path / name)


def test_how_a_stage_runs_is_no_part_of_the_hash(load: Load) -> None:
    plain = load(TOYS)
    pipeline = load(TOYS + '[run.shade]\nexecution = "processes"\nslots = 3\n')
    assert pipeline.hash == plain.hash
    assert pipeline.runs == {"shade": StageRun(Execution.PROCESSES, slots=3)}
    assert plain.runs == {}


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("[run.blur]\n", "there is no stage 'blur'; there are pick, shade"),
        ('[run.shade]\nexecution = "fibres"\n', "execution"),
        ("[run.shade]\nslots = 0\n", "a stage needs one at least"),
        ("[run.shade]\nthreads = 2\n", "has no option 'threads'"),
    ],
)
def test_a_way_of_running_that_does_not_exist_is_refused(load: Load, table: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load(TOYS + table)


def test_two_candidates_of_one_name_are_refused_wherever_they_are(load: Load) -> None:
    twice = GAUSSIAN.replace("[filter", "[denoise")
    with pytest.raises(UsageError, match=r"\[denoise.candidates.gaussian\]: this candidate's name is taken"):
        load('path = ["stages.filter:Filter", "stages.denoise:Denoise"]\n' + GAUSSIAN + twice)


def test_a_stage_without_options_of_its_own_inherits_those_of_its_parent(load: Load) -> None:
    (stage,) = load('path = ["tests.streams.test_pipeline:Bare"]\n[bare]\ngain = 2\n').stages
    assert isinstance(stage, Stage)
    assert stage.gain == 2  # type: ignore[attr-defined]


def test_stages_in_an_order_in_which_one_lacks_what_it_reads_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "p.toml"
    file.write_text('path = ["stages.filter:Filter", "stages.selector:Selector", "stages.metrics:Metrics"]\n')
    with pytest.raises(UsageError, match="'selector' needs what 'metrics' makes"):
        load_pipeline(file)


@pytest.mark.parametrize("strength", ["-1.0", "0", "nan", "inf", '"much"'])
def test_a_strength_that_is_no_positive_number_is_refused(tmp_path: Path, strength: str) -> None:
    file = tmp_path / "p.toml"
    candidate = f'[filter.candidates.mean]\nmethod = "stages.filter.mean:Mean"\nstrength = {strength}\n'
    file.write_text(f'path = ["stages.filter:Filter"]\n{candidate}')
    with pytest.raises(UsageError, match="strength"):
        load_pipeline(file)
