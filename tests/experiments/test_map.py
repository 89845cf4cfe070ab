"""Maps: how values are read, that a cell is the run of its configuration, what is marked, and that nothing is lost or played twice."""

import csv
import math
import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.collections import PolyCollection
from matplotlib.image import imread
from torch import Tensor, nn

from arena.config import configure
from arena.config.play_command import play_command
from arena.core.rng import Rng
from arena.errors import ArenaError, FolderInTheWay
from arena.experiments.ledger import read_all
from arena.experiments.map import Map, play_map
from arena.experiments.map.figure import draw
from arena.experiments.map.plan import load, plan
from arena.experiments.map.play import finish, groups, sized
from arena.experiments.map.reading import map_of
from arena.experiments.map.report import best_config
from arena.experiments.map.results import FINISHED, Cell, cells
from arena.experiments.outcome import Outcome, judged
from arena.experiments.playing import play_alone
from arena.experiments.trials import trials_of
from arena.experiments.values import parse_seeds, parse_varied
from arena.experiments.verdict import Verdict
from arena.games import SwissRoll
from tests.support.game_files import game_file

Cli = Callable[..., subprocess.CompletedProcess[str]]
SMALL: dict[str, Any] = {"generator.hidden": (8, 8), "discriminator.hidden": (8, 8), "batch": 16}


class Point(nn.Module):
    """A generator that has collapsed: it gives one point whatever the noise."""

    def __init__(self, inputs: tuple[int, ...], outputs: tuple[int, ...]):
        super().__init__()
        self.place = nn.Parameter(torch.full(outputs, 0.3))

    def forward(self, noise: Tensor) -> Tensor:
        return self.place.expand(len(noise), *self.place.shape)


class Wide(Point):
    """A healthy one: it gives the noise itself, moved."""

    def forward(self, noise: Tensor) -> Tensor:
        return noise + self.place


# Values ---------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "values", "scale"),
    [
        ("lr=1e-3:1:4", (0.001, 0.01, 0.1, 1.0), "log"),
        ("lr=1e-5:1e-4:3", (1e-5, 3.162e-5, 1e-4), "log"),
        ("lr=1:9:3", (1.0, 5.0, 9.0), "linear"),
        ("lr=0:1:5", (0.0, 0.25, 0.5, 0.75, 1.0), "linear"),
        ("lr=-1:1:3", (-1.0, 0.0, 1.0), "linear"),
        ("lr=log:1:4:3", (1.0, 2.0, 4.0), "log"),
        ("lr=linear:1:101:3", (1.0, 51.0, 101.0), "linear"),
        ("lr=1:1.0001:3", (1.0, 1.00005, 1.0001), "linear"),
        ("lr=3,1,2e-1", (0.2, 1.0, 3.0), "list"),
        ("rule=lola,unrolled(steps=3)", ("lola", "unrolled(steps=3)"), "list"),
    ],
)
def test_values(word: str, values: tuple[Any, ...], scale: str) -> None:
    axis = parse_varied(word).axis
    assert (axis.values, axis.scale) == (values, scale)


def test_whole_numbers_are_rounded_and_seeds_are_ranges() -> None:
    assert parse_varied("batch=log:8:64:4").axis.fitted(256).values == (8, 16, 32, 64)
    assert parse_seeds("2:4") == (2, 3)
    assert parse_seeds("3,1") == (3, 1)


@pytest.mark.parametrize(
    ("x", "y", "arguments", "message"),
    [
        ("generator.lrr=1:2:3", "coupling=0:1:3", [], "unknown setting 'generator.lrr': did you mean 'generator.lr'?"),
        ("generator.lr=1e-5:1e-1:1", "coupling=0:1:3", [], "has '1' values. Expected a whole number of at least 2"),
        ("generator.lr=a:1:3", "coupling=0:1:3", [], "is neither a range nor a list. Expected LOW:HIGH:COUNT, log:LOW:HIGH:COUNT or A,B,C"),
        ("generator.lr=2:1:3", "coupling=0:1:3", [], "ends at 1. Expected an end above its beginning, 2"),
        ("generator.lr", "coupling=0:1:3", [], "--vary generator.lr is not SETTING=VALUES. Fix: --vary rule="),
        ("generator.lr=0.1", "coupling=0:1:3", [], "is neither a range nor a list. Expected LOW:HIGH:COUNT, log:LOW:HIGH:COUNT or A,B,C"),
        ("coupling=log:0:1:3", "noise=0:1:3", [], "because its values are logarithmic. Fix: leave out log:"),
        ("generator.lr=1,2,1", "coupling=0:1:3", [], "--vary generator.lr=1,2,1 names '1' twice. Fix: give each value once"),
        ("coupling=0:1:3", "coupling.value=0:1:2", [], "x and y are both coupling. Expected two settings"),
        ("coupling=0:1:3", "noise=0:1:2", ["--noise=1"], "'noise' is given for all cells and varies as well. Fix: leave one"),
        ("seed=0:3:3", "noise=0:1:2", [], "the seed is no setting to vary. Fix: --seeds 3"),
        ("generator.lr=-1:1:3", "noise=0:1:2", [], "generator.lr is -1.0, but must be a finite number above 0"),
        ("batch=1,2.5", "noise=0:1:2", [], "batch is 2.5, but must be a whole number, such as 1"),
        ("batch=1:3:9", "noise=0:1:2", [], "batch takes whole numbers, and 9 do not fit between 1 and 3"),
        ("rule=extragradiant,lola", "noise=0:1:2", [], "unknown rule 'extragradiant': did you mean 'extragradient'?"),
        ("loss=a,saturating", "noise=0:1:2", [], "loss is 'a': there are hinge, least-squares, non-saturating, "),
    ],
)  # fmt: skip
def test_bad_plans_get_one_sentence(x: str, y: str, arguments: list[str], message: str) -> None:
    with pytest.raises(ArenaError) as error:
        plan("swiss-roll", {}, arguments, x, y)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


# A cell is a run ------------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rates(tmp_path_factory: pytest.TempPathFactory) -> Map:
    """4 × 4 cells of a GAN's rates, in two processes."""
    out = tmp_path_factory.mktemp("map") / "rates"
    vary = {"generator.lr": "1e-4:1e-1:4", "discriminator.lr": "1e-4:1e-1:4"}
    settings = {"turns": 30, "dtype": "float64", **SMALL}
    return play_map("swiss-roll", vary, seeds="0:2", settings=settings, members=8, out=out, workers=2)


def test_a_cell_is_the_run_of_its_configuration(rates: Map) -> None:
    assert len(rates.runs) == 32
    for key in rates.plan.keys[::7]:
        run, alone = rates.runs[key], play_alone([rates.plan.config(key)], 100)[0]
        assert run.score == pytest.approx(alone.score, rel=1e-8)
        assert run.start == pytest.approx(alone.start, rel=1e-12)
        assert run.turns == alone.turns == 30
        for name, value in alone.signals.items():
            assert run.signals[name] == pytest.approx(value, rel=1e-6, abs=1e-9), name


def test_the_table_has_a_row_for_each_run_and_reads_back(rates: Map) -> None:
    with rates.table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(float(r["x"]), float(r["y"]), int(r["seed"])) for r in rows] == rates.plan.keys
    assert {"status", "score", "turns", "reason", "game.spread", "generator.loss"} <= set(rows[0])
    again = load(rates.folder)
    assert [float(r["score"]) for r in rows] == [rates.runs[key].score for key in again.keys]


def test_the_best_cell_is_a_command_that_plays_it(rates: Map) -> None:
    assert rates.best is not None
    config = best_config(rates, rates.best)
    words = shlex.split(play_command(config))
    assert words[:3] == ["arena", "play", "swiss-roll"]
    typed, wanted = ({n: str(v) for n, v in c.flat().items() if n != "until_solved"} for c in (configure(words[2], {}, words[3:]), config))
    assert typed == wanted


@pytest.mark.thorough
def test_a_map_replays_from_its_config(rates: Map, tmp_path: Path, cli: Cli) -> None:
    done = cli("map", "--config", str(rates.folder / "config.yaml"), "--workers", "1", "--out", str(tmp_path / "again"))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "again" / "map.csv").read_bytes() == rates.table.read_bytes()
    assert (tmp_path / "again" / "config.yaml").read_bytes() == (rates.folder / "config.yaml").read_bytes()


@pytest.mark.thorough
def test_names_and_whole_numbers_are_axes_too(tmp_path: Path) -> None:
    vary = {"x.lr": "0.01:0.5:4", "rule": ["simultaneous", "extragradient", "unrolled(steps=2)"]}
    found = play_map("bilinear", vary, settings={"turns": 60}, out=tmp_path / "m", workers=1)
    sorted_, why = groups(found.plan)
    assert len(sorted_) == 3 and why == []
    for key in found.plan.keys:
        assert found.runs[key].score == pytest.approx(play_alone([found.plan.config(key)], 100)[0].score, rel=1e-4)
    ratios = plan("ring", {"turns": 6, **SMALL}, [], "batch=8:32:3", "scheduler.ratio=1,2")
    assert [ratios.config(key).flat()["batch"] for key in ratios.keys] == [8, 20, 32] * 2
    assert len(groups(sized(ratios, 1))[0]) == 3  # a batch's size is structure, the scheduler is not


def test_cells_in_which_a_setting_does_not_exist_show_the_score_without_it(tmp_path: Path) -> None:
    vary = {"rule.gamma": [0.5, 1.0], "rule": ["simultaneous", "consensus"]}
    found = play_map("bilinear", vary, settings={"turns": 20}, out=tmp_path / "m", workers=1, backend="in-place")
    scores = {(cell.y, cell.x): cell.score for cell in found.cells}
    assert scores["simultaneous", 0.5] == scores["simultaneous", 1.0]
    assert scores["consensus", 0.5] != scores["consensus", 1.0]


@pytest.mark.thorough
def test_what_is_played_one_by_one_is_said_with_its_reason(tmp_path: Path, cli: Cli) -> None:
    decides_by_a_number = 'coupling = coupling * (1 if float(self.players["left"]().sum()) > 0 else 2)'
    (tmp_path / "asks.py").write_text(game_file("asks", losses=decides_by_a_number))
    done = cli("map", "asks.py", "--vary", "left.lr=0.01:0.1:2", "--vary", "pull=1,2", "--turns", "5", "--out", "m")
    assert done.returncode == 0, done.stderr
    assert "some runs are played one by one: Asks's losses cannot be mapped" in done.stdout
    assert len((tmp_path / "m" / "map.csv").read_text().splitlines()) == 5


# What is marked -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("generator", "collapsed"), [(Point, True), (Wide, False)])
def test_a_generator_that_gives_one_point_has_collapsed(generator: type[nn.Module], collapsed: bool) -> None:
    game = SwissRoll(generator=generator)
    signals = {f"game.{name}": float(value.detach()) for name, value in game.signals(game.sample(Rng().seed_both(0, 1))).items()}
    assert game.collapsed(signals) == collapsed
    assert (signals["game.spread"] < 1e-6) == collapsed
    assert not game.collapsed({})


def test_spread_is_what_it_says() -> None:
    game = SwissRoll(generator=Wide, batch=4096)
    real, noise = game.sample(Rng().seed_both(0, 1))
    wanted = math.sqrt(float((noise - noise.mean(0)).square().sum() / (real - real.mean(0)).square().sum()))
    assert float(game.signals((real, noise))["spread"].detach()) == pytest.approx(wanted, rel=1e-5)
    assert float(game.signals((real[:1], noise[:1]))["spread"].detach()) == 1.0  # one example has no spread to lose


def test_players_that_have_not_moved_have_not_collapsed_and_those_that_fled_have_diverged() -> None:
    outcome = lambda score: Outcome("finished", 9, score, 0.7)  # noqa: E731
    assert [judged(outcome(score), True).collapsed for score in (0.7, 0.72, 0.9)] == [False, False, True]
    assert [judged(outcome(score), False).status for score in (6.9, 7.1)] == ["finished", "diverged"]
    assert not judged(outcome(7.1), True).collapsed


def test_a_cell_is_what_most_of_its_seeds_are() -> None:
    found = plan("bilinear", {"turns": 5}, [], "x.lr=0.1,0.2", "y.lr=0.1,0.2", seeds="0:3")
    good, gone, point = (
        Outcome("finished", 5, 0.5, 1.0),
        Outcome("diverged", 3, math.nan, 1.0),
        Outcome("finished", 5, 0.9, 1.0, collapsed=True),
    )
    table = {
        (0.1, 0.1): [good, good, gone],
        (0.2, 0.1): [good, gone, gone],
        (0.1, 0.2): [good, point, point],
        (0.2, 0.2): [point, gone, gone],
    }
    runs = {(*at, seed): run for at, own in table.items() for seed, run in enumerate(own)}
    assert [cell.verdict for cell in cells(found, runs, 0.4)] == [Verdict.CONVERGED, Verdict.DIVERGED, Verdict.COLLAPSED, Verdict.DIVERGED]
    assert [cell.score for cell in cells(found, runs, 0.4)] == pytest.approx([0.5, math.nan, 0.9, math.nan], nan_ok=True)
    assert cells(found, runs, 0.2)[0].verdict == FINISHED


@pytest.mark.rendered
def test_the_picture_marks_what_the_table_says(tmp_path: Path) -> None:
    """A real map with cells that diverge, and, planted into it, two that collapsed."""
    found = play_map("bilinear", {"x.lr": "0.01:1:4", "y.lr": "0.01:1:4"}, settings={"turns": 300}, out=tmp_path / "m", workers=1)
    gone = [cell for cell in found.cells if cell.verdict == Verdict.DIVERGED]
    assert 0 < len(gone) < 16
    played = [cell for cell in found.cells if cell.verdict == FINISHED]
    for cell in played[-2:]:
        run = found.runs[cell.x, cell.y, 0]
        found.runs[cell.x, cell.y, 0] = Outcome(run.status, run.turns, run.score, run.start, collapsed=True)
    picture = draw(found)
    axis = picture.axes[0]
    assert (axis.get_xscale(), axis.get_yscale()) == ("log", "log")
    said = [text.get_text() for text in axis.get_legend().get_texts()]  # type: ignore[union-attr]
    assert said[:2] == [f"diverged: {len(gone)} of 16", "collapsed: 2 of 16"] and said[2].startswith("best: ")
    hatched = [c for c in axis.collections if isinstance(c, PolyCollection) and c.get_hatch()]
    assert [len(c.get_paths()) for c in hatched] == [len(gone)]
    crosses = next(line for line in axis.lines if line.get_marker() == "x")
    assert {(x, y) for x, y in zip(*crosses.get_data(), strict=True)} == {(cell.x, cell.y) for cell in played[-2:]}
    assert axis.get_title(loc="left") == "bilinear: distance to the solution over two settings"
    (bar,) = axis.child_axes
    assert bar.get_title(loc="left") == "distance to the\nsolution\n(lower is better)"
    assert imread(found.picture).shape[0] > 800


@pytest.mark.rendered
def test_a_map_of_which_nothing_has_a_score_is_drawn_all_the_same(tmp_path: Path) -> None:
    found = play_map(
        "bilinear", {"x.lr": "0.1:1:2", "y.lr": [0.1, 1]}, settings={"turns": 5, "rule": "follow-the-ridge"}, out=tmp_path / "m", workers=1
    )
    assert {cell.verdict for cell in found.cells} == {Verdict.UNDEFINED}
    assert found.best is None and np.isfinite(imread(found.picture)).all()
    assert isinstance(found.cells[0], Cell) and all(run.reason for run in found.runs.values())


def test_a_finished_map_is_drawn_again_and_not_played(rates: Map) -> None:
    told: list[int] = []
    again = finish(load(rates.folder), rates.folder, 1, lambda group, turns, runs: told.append(len(runs)))
    assert told == [8] * 4 and again.best == rates.best


def test_a_map_never_overwrites(rates: Map, tmp_path: Path) -> None:
    axes = {"x.lr": "0.1:1:2", "y.lr": "0.1:1:2"}
    with pytest.raises(FolderInTheWay, match="exists already, and a map never overwrites; choose another --out"):
        play_map("bilinear", axes, out=tmp_path)
    with pytest.raises(FolderInTheWay, match="go on with it by `arena resume"):
        play_map("bilinear", axes, out=rates.folder)


@pytest.mark.rendered
@pytest.mark.thorough
def test_a_sampler_chooses_the_points_of_a_map(quick_cli: Cli, tmp_path: Path) -> None:
    """The folder is a sweep's, the picture that of a map; its best point is a command."""
    vary = ("--vary", "x.lr=log:0.01:1", "--vary", "rule=simultaneous,extragradient")
    words = ("--sampler", "qmc", "--trials", "8", "--seeds", "1", "--backend", "population", "--turns", "20", "--out", "m")
    done = quick_cli("map", "bilinear", *vary, *words)
    assert done.returncode == 0, done.stderr
    records = read_all(tmp_path / "m")
    assert len({record.point["x.lr"] for record in records}) == len(records) == 8
    drawn = map_of(trials_of(tmp_path / "m"), ["x.lr", "rule"])
    assert (drawn.plan.x.name, drawn.plan.y.values) == ("x.lr", ("simultaneous", "extragradient"))
    assert len(drawn.runs) == 8 and imread(tmp_path / "m" / "map.png").shape[0] > 300
    best = re.search(r"cells .*best +(arena play bilinear .*?)\n", done.stdout, re.DOTALL)
    assert best is not None and quick_cli(*best[1].split()[1:]).returncode == 0


X = ("--vary", "x.lr=0.1:1:2")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["bilinear", *X],
            "a map varies two settings, not 1. Fix: --vary generator.lr=1e-5:1e-1:16 --vary",
        ),
        (["--vary", "x.lr=0.1:1:2"], "no game is named. Fix: arena map swiss-roll --vary"),
        (["bilinear", *X, "--vary", "y.lrr=1,2"], "unknown setting 'y.lrr': did you mean 'y.lr'?"),
        (
            ["bilinear", *X, "--vary", "y.lr=1,2", "--members", "0"],
            "--members is '0'. Expected auto, or a whole number",
        ),
        (["bilinear", *X, "--vary", "y.lr=1,2", "--workers", "x"], "--workers is 'x'. Expected a whole number"),
        (
            ["bilinear", *X, "--vary", "y.lr=1,2", "--seeds", "2:2"],
            "the seeds are '2:2'. Expected a count such as 3 (0, 1 and 2), a range",
        ),
    ],
)
def test_bad_input_gets_one_sentence(words: list[str], message: str, quick_cli: Cli, tmp_path: Path) -> None:
    done = quick_cli("map", *words)
    assert done.returncode == 2
    assert done.stderr.startswith(f"arena: {message}") and done.stderr.count("\n") == 1
    assert not (tmp_path / "runs").exists()
