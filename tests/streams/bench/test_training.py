from stages.training.recipe import Recipe
from stages.training.samples import simulated
from streams.bench.training import Timed, measure_training

SMALL = Recipe(name="small", widths=(4, 8), blocks=1, patch_px=32, batch=2, pool=3, scene_px=48)


def test_a_short_training_in_a_process_of_its_own_tells_its_speed_and_the_simulators_share() -> None:
    figures = measure_training(SMALL, steps=4, threads=1)
    assert (figures.recipe, figures.steps, figures.threads) == ("small", 4, 1)
    assert 0 < figures.simulator_share < 1
    assert figures.patches_per_core_s > figures.steps_per_core_s > 0
    assert figures.pool_s > 0
    assert figures.parameters > 0


def test_the_time_of_batches_adds_up() -> None:
    batches = Timed(simulated(SMALL))
    batches(0)
    first = batches.seconds
    batches(1)
    assert batches.seconds > first > 0
