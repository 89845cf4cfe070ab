"""One grammar of values and of seeds, in every experiment."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import yaml

from arena.commands.map import main as map_command
from arena.config import Config
from arena.errors import ArenaError
from arena.experiments.compare.plan import plan, values_of
from arena.experiments.map.plan import begin, load
from arena.experiments.map.plan import plan as plan_map
from arena.experiments.values import parse_seeds, parse_varied
from arena.tuning.options import Options
from arena.tuning.plan import load as load_sweep
from arena.tuning.plan import plan as plan_sweep
from arena.tuning.space import parse_space


@pytest.mark.parametrize("seeds", ["3", 3, "0:3", "0,1,2", (0, 1, 2), range(3)])
def test_three_seeds_are_the_same_three_in_every_experiment(seeds: object) -> None:
    assert parse_seeds(seeds) == (0, 1, 2)  # type: ignore[arg-type]
    jobs = plan("bilinear", {"turns": 4}, [], {"rule": ["simultaneous"]}, "turns", seeds)  # type: ignore[arg-type]
    assert [job.seed for job in jobs] == [0, 1, 2]
    assert plan_map("bilinear", {"turns": 4}, [], "x.lr=0.1,0.2", "y.lr=0.1,0.2", seeds).seeds == (0, 1, 2)  # type: ignore[arg-type]


@pytest.mark.parametrize("seeds", ["", "0", "2:2", "a", "1,1", "1.5", "-1", (1, 1)])
def test_bad_seeds_get_one_sentence(seeds: object) -> None:
    with pytest.raises(ArenaError, match=r"^the seeds are '.*'\. Expected a count such as 3 .*\. Fix: --seeds 3$"):
        parse_seeds(seeds)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("word", "values"),
    [
        ("scheduler.ratio=int:1:4", (1, 2, 3, 4)),
        ("batch=int:log:16:64:3", (16, 32, 64)),
        ("x.lr=log:0.01:1:3", (0.01, 0.1, 1.0)),
        ("coupling=0:1:3", (0.0, 0.5, 1.0)),
        ("coupling=0,1", (0.0, 1.0)),
    ],
)
def test_a_list_is_the_same_in_a_comparison_and_on_an_axis(word: str, values: tuple[float, ...]) -> None:
    assert parse_varied(word).axis.values == values
    name = word.partition("=")[0]
    assert tuple(map(float, values_of([word])[name])) == values


def test_a_count_gives_a_sweep_the_values_of_a_comparison() -> None:
    (dimension,) = parse_space(["x.lr=log:0.01:1:3"]).dimensions
    assert dimension.choices == parse_varied("x.lr=log:0.01:1:3").axis.values
    assert parse_space({dimension.name: dimension.word}).dimensions == (dimension,)


@pytest.mark.parametrize("varied", ["*.betas.0=0.1,0.2", "*.lr=0.1,0.2"])
def test_one_of_several_numbers_and_a_setting_of_both_players_vary_everywhere(varied: str) -> None:
    for planned in planned_by_each(varied):
        flats, key = [config.flat() for config in planned()], varied.partition("=")[0].removeprefix("*.").removesuffix(".0")
        for role in ("generator", "discriminator"):
            assert [flat[f"{role}.{key}"] for flat in flats] == ([0.1, 0.2] if key == "lr" else [(0.1, 0.9), (0.2, 0.9)])


@pytest.mark.parametrize(
    ("varied", "given", "message"),
    [
        ("*.lr=0.1,0.2", ["--generator.lr=1"], r"'\*.lr' is given for all \w+ and varies as well. Fix: leave one of the two out"),
        ("generator.betas.2=0.1,0.2", [], r"--vary generator.betas.2 is number 2 of generator.betas, which is \(0.9, 0.9\). Fix: name"),
        ("generator.beta.0=0.1,0.2", [], r"unknown setting 'generator.beta': did you mean 'generator.betas'\?"),
    ],
)
def test_names_that_cannot_vary_are_told_everywhere(varied: str, given: list[str], message: str) -> None:
    for planned in planned_by_each(varied, given):
        with pytest.raises(ArenaError, match=message):
            planned()


def planned_by_each(varied: str, given: Sequence[str] = ()) -> list[Callable[[], list[Config]]]:
    """A comparison, a map and a sweep that return the configurations of the values 0.1 and 0.2."""
    settings = {"turns": 4, "generator.betas": (0.9, 0.9), "discriminator.betas": (0.9, 0.9)}
    name, values = varied.partition("=")[0], (0.1, 0.2)

    def map_() -> list[Config]:
        planned = plan_map("ring", settings, given, varied, "coupling=0.5,1")
        return [planned.config((value, 0.5, 0)) for value in values]

    def sweep() -> list[Config]:
        planned = plan_sweep("ring", settings, given, parse_space([varied]))
        return [planned.config({name: value}, 0) for value in values]

    return [lambda: [job.config for job in plan("ring", settings, given, values_of([varied]), "turns")], map_, sweep]


def test_a_range_without_a_count_is_for_a_sweep_only() -> None:
    (dimension,) = parse_space(["coupling=0:1"]).dimensions
    assert (dimension.low, dimension.high) == (0, 1)
    with pytest.raises(ArenaError, match=r"has no number of values\. Fix: --vary coupling=0:1:8"):
        values_of(["coupling=0:1"])


def test_plans_of_former_folders_are_read(tmp_path: Path) -> None:
    folder = begin(plan_map("bilinear", {"turns": 4}, [], "x.lr=0.1,0.2", "y.lr=0.1,0.2", "0:2"), tmp_path / "map")
    settings = yaml.safe_load((folder / "config.yaml").read_text())
    settings["map"]["seeds"] = "7"  # the one seed 7, as it was typed then
    (folder / "config.yaml").write_text(yaml.safe_dump(settings))
    assert load(folder).seeds == (7,)
    sweep = {"space": ["x.lr=0.1:0.2"], "jobs": 3, "seeds": [0, 1], "budget": 8.0, "untrained": 1.0, "ceiling": None}
    (tmp_path / "sweep.yaml").write_text(yaml.safe_dump({"game": "bilinear", "turns": 4, "sweep": sweep}))
    assert load_sweep(tmp_path).options == Options(workers=3, seeds=(0, 1))


def test_a_map_needs_two_settings() -> None:
    with pytest.raises(ArenaError, match=r"a map varies two settings, not 3\. Fix: --vary"):
        map_command(["bilinear", *("--vary", "x.lr=1,2") * 3])
