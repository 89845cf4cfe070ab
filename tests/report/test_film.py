"""Films: every frame is a state that the run was in, under its own turn, on axes that do not change."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
import pytest
import torch
from PIL import Image, ImageSequence

import arena
from arena.cli import main
from arena.errors import ArenaError
from arena.report.film import film, footage, panels
from arena.report.film.board import Board, Grid, grid
from arena.report.film.encoding import HELD, LONGEST, rate
from arena.report.film.film import _runs_in, write_film
from arena.report.film.footage import Footage, labels, moment_at, places
from arena.runs.replay import load
from arena.trace.checkpoint import Checkpoints
from tests.conftest import QUIET, Cli

pytestmark = pytest.mark.rendered

TINY = {"generator.hidden": (8,), "discriminator.hidden": (8,), "batch": 16, "trace.every": 5, "score.every": 5}


@pytest.fixture(scope="module")
def spirals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Runs of xy under some rules, by rule."""
    folder, found = tmp_path_factory.mktemp("spirals"), {}
    for rule in ("simultaneous", "extragradient"):
        settings: dict[str, Any] = {"turns": 40, "rule": rule, "out": folder / rule, "display": False, "checkpoint.every": 10, "*.lr": 0.3}
        found[rule] = arena.play("bilinear", **settings, **QUIET).folder
    return found


@pytest.fixture(scope="module")
def planar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of a planar GAN whose scores and pictures are averages."""
    settings: dict[str, Any] = {**TINY, "turns": 20, "rule": "averaging", "checkpoint.every": 10, "trace.tensorboard": False}
    return arena.play("ring", out=tmp_path_factory.mktemp("planar") / "run", display=False, **settings, **{"picture.every": 5}).folder


def copied(run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(run, tmp_path / "copy"))


def frames_of(file: Path) -> tuple[dict[str, Any], list[np.ndarray]]:
    """Return what an MP4 says of itself, and its frames."""
    reader = imageio_ffmpeg.read_frames(str(file))
    about = next(reader)
    width, height = about["size"]
    return about, [np.frombuffer(frame, np.uint8).reshape(height, width, 3) for frame in reader]


# The files ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:.*:pytest.PytestUnraisableExceptionWarning", "ignore:unclosed file:ResourceWarning")  # of its reader
def test_a_film_is_an_mp4_and_a_gif_that_last_at_most_fifteen_seconds(spirals: dict[str, Path], tmp_path: Path) -> None:
    run = copied(spirals["simultaneous"], tmp_path)
    mp4, gif = write_film([run], frames=4, width=300)
    assert (mp4, gif) == (run / "film.mp4", run / "film.gif")
    about, frames = frames_of(mp4)
    assert about["codec"] == "h264" and about["duration"] < 15
    assert len(frames) == 4 + round(HELD * about["fps"])
    assert len({frame.tobytes() for frame in frames[:4]}) == 4 and np.abs(frames[3].astype(int) - frames[-1]).mean() < 1
    with Image.open(gif) as image:
        assert image.n_frames == 4 and image.width == 300 and image.info["loop"] == 0  # type: ignore[attr-defined]
        assert sum(frame.info["duration"] for frame in ImageSequence.Iterator(image)) == 3 * 100 + 1000 * HELD


def test_frames_drawn_in_two_processes_are_those_of_one(spirals: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, one, two = spirals["extragradient"], tmp_path / "one.gif", tmp_path / "two.gif"
    drawn: list[list[int]] = []
    alone = film._in_parallel

    def noted(work: Any, jobs: Any, *more: Any) -> Any:
        drawn.append([len(job[1]) for job in jobs])
        return alone(work, jobs, *more)

    monkeypatch.setattr(film, "_in_parallel", noted)
    write_film([run], one, frames=5, width=300, workers=1)
    monkeypatch.setattr(film, "START", 0.0)  # no replay is too short to be worth the processes
    write_film([run], two, frames=5, width=300, workers=2)
    assert drawn[2::3] == [[5], [3, 2]] and one.read_bytes() == two.read_bytes()


@pytest.mark.parametrize("count", [2, 60, 299])
def test_no_film_is_longer_than_fifteen_seconds(count: int) -> None:
    assert count / rate(count) <= LONGEST and LONGEST + HELD < 15


def test_without_imageio_ffmpeg_there_is_a_gif_and_a_hint(
    spirals: dict[str, Path], tmp_path: Path, quick_cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = copied(spirals["simultaneous"], tmp_path)
    monkeypatch.setitem(sys.modules, "imageio_ffmpeg", None)
    done = quick_cli("film", str(run), "--frames", "2", "--width", "200")
    assert done.returncode == 0 and "pip install 'two-player-arena[film]'" in done.stdout
    assert (run / "film.gif").is_file() and not (run / "film.mp4").exists()
    done = quick_cli("film", str(run), "--out", "film.mp4")
    assert done.returncode == 2 and "pip install 'two-player-arena[film]'" in done.stderr


# The moments ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["spirals", "planar"])
def test_a_replay_is_in_the_state_of_the_run_to_the_last_bit(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    made = request.getfixturevalue(name)
    run = Footage(made["extragradient"] if name == "spirals" else made)
    checkpoints = Checkpoints(run.folder / "checkpoints", 3)
    saved = {(state := checkpoints.load(path))["turn"]: state["arena"] for path in checkpoints.paths()}
    turns = sorted({0, *saved})
    moments = run.replay(turns, "turns", tmp_path)
    assert [moment.turn for moment in moments] == turns and len(turns) > 2
    played, shown = run.config.build(), run.config.build()
    for moment in moments[1:]:
        played.load_state_dict(saved[moment.turn])
        load(moment, shown)
        with played.evaluated_parameters():
            for one, other in zip(played.game.parameters(), shown.game.parameters(), strict=True):
                assert torch.equal(one, other)
        assert moment.spent == played.field.gradient_evaluations + 3 * played.field.products


def test_a_run_played_again_in_parts_from_its_checkpoints_is_that_played_as_a_whole(
    spirals: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Footage(copied(spirals["extragradient"], tmp_path))
    assert [part.until for part in run.parts(4)] == [40]  # too short for parts
    monkeypatch.setattr(footage, "SHORT", 10)
    assert [(part.begin and part.begin.stem[-2:], part.until) for part in run.parts(2)] == [(None, 20), ("20", 40)]
    assert [part.until for part in run.parts(9)] == [20, 30, 40]  # three checkpoints are kept, of which the last is the end
    for by in ("turns", "evaluations"):
        targets = places([run], by, 9)
        found = []
        for number, parts in enumerate([run.parts(1), run.parts(3)]):
            (into := tmp_path / f"{by}-{number}").mkdir()
            found.append([moment for part in parts for moment in run.replay(targets, by, into, part=part)])
        whole, joined = found
        assert [moment.turn for moment in joined] == [moment.turn for moment in whole] and len(whole) == 9
        for one, other in zip(whole, joined, strict=True):
            states = [torch.load(moment.file, weights_only=True) for moment in (one, other)]
            assert states[0]["path"] == states[1]["path"] and len(states[0]["path"]) == one.turn + 1
            assert all(torch.equal(tensor, states[1]["tensors"][name]) for name, tensor in states[0]["tensors"].items())
    checkpoint = run.parts(2)[1].begin
    assert checkpoint is not None
    checkpoint.write_bytes(checkpoint.read_bytes()[:-9])
    assert [part.until for part in run.parts(2)] == [30, 40]  # a damaged one is passed over


def test_at_equal_evaluations_each_run_has_its_own_turn(spirals: dict[str, Path], tmp_path: Path) -> None:
    runs = [Footage(folder) for folder in spirals.values()]
    targets = places(runs, "evaluations", 5)
    assert targets == [0, 20, 40, 60, 80]  # extragradient takes four a turn, and the film ends with the shortest run
    turns = {}
    for rule, run in zip(spirals, runs, strict=True):
        (tmp_path / rule).mkdir()
        moments = run.replay(targets, "evaluations", tmp_path / rule)
        turns[rule] = [moment_at(moments, target, "evaluations").turn for target in targets]
    assert turns == {"simultaneous": [0, 10, 20, 30, 40], "extragradient": [0, 5, 10, 15, 20]}


def test_a_replay_that_leaves_the_record_is_no_film_of_it(spirals: dict[str, Path], tmp_path: Path) -> None:
    run = copied(spirals["simultaneous"], tmp_path)
    rows = [json.loads(line) for line in (run / "trace.jsonl").read_text().splitlines()]
    next(row for row in rows if row.get("score") and row["turn"] == 40)["score"] += 1e-7
    (run / "trace.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(ArenaError, match=r"copy: played again, the score in turn 40 is .* Fix: arena film .* --recorded"):
        write_film([run], frames=2)


def test_a_run_that_ended_early_stands_still_and_says_so(spirals: dict[str, Path], tmp_path: Path) -> None:
    whole = Footage(spirals["simultaneous"])
    settings: dict[str, Any] = {"turns": 40, "rule": "consensus", "rule.gamma": 10.0, "score.every": 2, "out": tmp_path / "solved"}
    short = Footage(arena.play("bilinear", display=False, **settings, **QUIET).folder)
    assert short.ended_early == "solved" and short.last_turn < 40
    assert places([whole, short], "turns", 3) == [0, 20, 40]
    (tmp_path / "states").mkdir()
    moments = short.replay([0, 20, 40], "turns", tmp_path / "states")
    assert moment_at(moments, 40, "turns").turn == short.last_turn
    board = Board([whole, short], ["one", "other"], "turns", 40, (100, 100), Grid(2, 100))
    assert board._told(short, moments[-1]).endswith(", solved") and "solved" not in board._told(whole, moments[-1])


def test_a_title_has_the_turn_and_the_latest_recorded_score(spirals: dict[str, Path], tmp_path: Path) -> None:
    run = Footage(spirals["simultaneous"])
    board = Board([run], [""], "turns", 40, (100, 100), Grid(1, 100))
    moments = run.replay([0, 10, 13], "turns", tmp_path)
    score = next(row["score"] for row in run.rows if row["turn"] == 10)
    assert board._told(run, moments[1]) == f"turn 10 of 40, score {score:.3g}"
    assert board._told(run, moments[2]) == f"turn 13 of 40, score {score:.3g} in turn 10"


def test_the_chart_shows_no_score_of_later_turns(spirals: dict[str, Path]) -> None:
    run = Footage(spirals["simultaneous"])
    board = Board([run], [""], "turns", 40, (100, 100), Grid(1, 100))
    early, late = (chart[: 3 * len(chart) // 4] for chart in (board._chart.until(19), board._chart.until(20)))
    dark = [(chart.astype(int).sum(2) < 150).any(0).nonzero()[0].max() for chart in (early, late)]  # the line; all words are lighter
    assert dark[1] - dark[0] > 0.15 * board.size[0]  # a line of scores every 10 turns: until 10, until 20


# The pictures ---------------------------------------------------------------------------------------------------------------------


def test_axes_stay_where_they_are(spirals: dict[str, Path], tmp_path: Path) -> None:
    """The spiral of simultaneous descent widens, so that a picture of its beginning alone has other limits."""
    run = Footage(spirals["simultaneous"])
    moments = run.replay([0, 20, 40], "turns", tmp_path)
    look, _ = panels.survey(run, moments, "", bare=False)
    drawn = [*panels.draw(run, moments, "", look, 60)]
    left = [panel[:, : panel.shape[1] // 10] for panel in drawn]  # the ticks and their labels
    assert all(np.array_equal(one, left[0]) for one in left) and left[0].std() > 0
    assert not np.array_equal(drawn[0], drawn[1])


def test_runs_side_by_side_have_common_axes_and_one_key(spirals: dict[str, Path], tmp_path: Path) -> None:
    looks = []
    for rule, folder in spirals.items():
        (tmp_path / rule).mkdir()
        run = Footage(folder)
        look, key = panels.survey(run, run.replay([0, 40], "turns", tmp_path / rule), "", bare=True)
        looks.append(look)
        assert [*key.handles] == ["answer", "path", "start", "the players"] and key.bar is None
    assert looks[0].values["reach"] > looks[1].values["reach"]
    assert len({look.values["reach"] for look in panels.common(looks)}) == 1


def test_a_run_that_diverged_does_not_shrink_the_others() -> None:
    made = [panels.Look({"reach": reach}, (1, 1), [], (0, 0, 1, 1), True) for reach in (1.5, 1.5, 1e6)]
    assert [look.values["reach"] for look in panels.common(made)] == [3.0, 3.0, 3.0]


def test_rules_side_by_side(spirals: dict[str, Path], tmp_path: Path) -> None:
    (gif,) = write_film([*spirals.values()], tmp_path / "both.gif", frames=2, width=200, workers=1)
    assert labels([Footage(folder) for folder in spirals.values()]) == ["simultaneous", "extragradient"]
    with Image.open(gif) as image:
        assert image.n_frames == 2  # type: ignore[attr-defined]


def test_a_comparison_shows_its_variants_with_the_first_seed(tmp_path: Path) -> None:
    settings = {"turns": 10, **QUIET}
    vary = {"rule": "simultaneous,consensus"}
    arena.compare("bilinear", vary, seeds=(3, 4), settings=settings, budget="turns", out=tmp_path / "c", workers=1)
    assert _runs_in(tmp_path / "c") == [tmp_path / "c" / f"rule={rule}" / "seed-3" for rule in ("simultaneous", "consensus")]
    assert write_film([tmp_path / "c"], frames=2, width=200, workers=1)[0].parent == tmp_path / "c"


@pytest.mark.thorough
def test_rules_side_by_side_in_processes(spirals: dict[str, Path], tmp_path: Path, quick_cli: Cli) -> None:
    words = ["--with", str(spirals["extragradient"]), "--by", "evaluations", "--frames", "2", "--width", "200", "--out", "both.gif"]
    done = quick_cli("film", str(spirals["simultaneous"]), *words)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "both.gif").is_file()


def test_panels_are_as_large_as_they_can_be() -> None:
    assert [grid(count, (4.9, 4.3)).columns for count in (1, 2, 3, 4, 5, 6)] == [1, 2, 3, 2, 3, 3]


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("game", "picture"), [("dann", ""), ("dann", "features"), ("regression", ""), ("digits", ""), ("attack", ""), ("dirac", "")]
)
def test_every_family_has_a_film(game: str, picture: str, tmp_path: Path) -> None:
    more = {"data": "digits"} if game == "attack" else {}
    run = arena.play(game, turns=4, out=tmp_path / "run", display=False, **QUIET, **more).folder
    (gif,) = write_film([run], tmp_path / "film.gif", frames=3, picture=picture, width=300)
    with Image.open(gif) as image:
        assert image.n_frames == 3  # type: ignore[attr-defined]


def test_recorded_pictures_make_a_film_without_playing(planar: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Footage, "replay", None)
    (gif,) = write_film([planar], tmp_path / "film.gif", frames=9, from_pictures=True, width=200)
    with Image.open(gif) as image:
        assert image.n_frames == 9  # type: ignore[attr-defined]


# Errors ---------------------------------------------------------------------------------------------------------------------------


def test_what_cannot_be_filmed_is_said_in_one_sentence(spirals: dict[str, Path], planar: Path, tmp_path: Path, quick_cli: Cli) -> None:
    one, damaged = str(spirals["simultaneous"]), copied(planar, tmp_path)
    (damaged / "pictures" / "turn-00000010.png").write_bytes(b"\x89PNG, and then nothing")
    expected = {
        (str(tmp_path),): "is not a run folder",
        (one, "--with", str(planar)): "their pictures have no common axes",
        (one, "--recorded"): "has 1 recorded picture 'turn-….png', too few",
        (str(damaged), "--recorded"): "turn-00000010.png is no picture any more",
        (one, "--by", "moves"): "moves",
        (one, "--frames", "1"): "--frames",
        (one, "--frames", "301"): "frames",
        (one, "--picture", "features"): "unknown picture 'features'",
        (one, "--out", "film.avi"): "a file that ends in .mp4 or .gif",
        (one, "--out", "nowhere/film.gif"): "nowhere is no folder",
        (one, "--slow"): "'--slow' is no option of `arena film`",
        ("--by", "turns"): "a film needs a run folder",
        (one, "--with", *[one] * 6): "7 runs are too many",
    }
    for words, said in expected.items():
        done = quick_cli("film", *words)
        assert done.returncode == 2 and said in done.stderr and done.stderr.count("\n") == 1, (words, done.stderr)


def test_help() -> None:
    assert main(["film", "--help"]) == 0 and main(["film"]) == 2
