"""`arena bench`: the plain loop trains the same, the stages make up the turn and find a planted one, and nothing is left behind."""

import threading
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from matplotlib.image import imread
from torch import Tensor, nn

from arena import Game, configure
from arena.bench import Measurement, measure
from arena.bench.baseline_loop import BaselineLoop
from arena.bench.figures import turn
from arena.bench.recorded_turns import record
from arena.bench.report import words
from arena.cli import main
from arena.errors import ArenaError, BadSetting, DataUnavailable, GameFault
from arena.players import Vector
from tests.conftest import SELF_CONTAINED, Cli
from tests.support.cases import first

TUG = str(Path(__file__).parents[2] / "examples" / "tug_of_war.py")

# The plain loop -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "scheduler", first(2, ["alternating", "two-timescale", "simultaneous", "alternating(ratio=3)", "alternating(ratio=-2)"])
)
@pytest.mark.parametrize(
    ("game", "settings"),
    [
        ("bilinear", {"dim": 3, "coupling": "dann-ramp"}),
        ("bilinear", {"rule": "alternating", "rule.first": 2, "x.momentum": -0.5}),
        ("quadratic", {"x.optimizer": "rmsprop", "y.optimizer": "adamw", "x.schedule": "cosine"}),
        ("dirac", {"discriminator.bound": 1.5, "discriminator.lr": 0.5}),
        ("swiss-roll", {"generator.hidden": (16, 16), "discriminator.hidden": (16,), "batch": 32}),
        (TUG, {"rule": "alternating"}),
    ],
)
def test_the_loop_by_hand_trains_the_same(game: str, settings: dict[str, Any], scheduler: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("arena.engine.streams.TURNS", 1)  # the plain loop draws turn by turn, from the same stream
    arena = configure(game, {"dtype": "float64", "turns": 60, "seed": 3, **settings}, ["--scheduler", scheduler]).build()
    start = [p.detach().clone() for p in arena.game.parameters()]
    baseline = BaselineLoop(arena)
    baseline.play(record(arena, 40))
    for old, ours, theirs in zip(start, arena.game.parameters(), baseline.game.parameters(), strict=True):
        torch.testing.assert_close(theirs, ours, rtol=1e-12, atol=1e-12)
        assert not torch.equal(old, ours)


def test_its_optimizers_are_torchs_in_their_default_form() -> None:
    arena = configure("bilinear", {"x.optimizer": "adam", "x.betas": (0.5, 0.9), "y.optimizer": "sgd", "y.momentum": -0.3}).build()
    baseline = BaselineLoop(arena)
    groups = {role: optimizer.param_groups[0] for role, optimizer in baseline.optimizers.items()}
    assert {role: type(optimizer) for role, optimizer in baseline.optimizers.items()} == {"x": torch.optim.Adam, "y": torch.optim.SGD}
    assert all(group["fused"] is None and group["foreach"] is None for group in groups.values())
    assert groups["x"]["betas"] == (0.5, 0.9) and groups["y"]["momentum"] == -0.3


def test_it_goes_back_to_where_it_was() -> None:
    arena = configure("swiss-roll", {"batch": 8}).build()
    baseline = BaselineLoop(arena)
    script = record(arena, 7)
    baseline.play(script)
    state, ends = baseline.state_dict(), []
    for _ in range(2):
        baseline.load_state_dict(state)
        baseline.play(script)
        ends.append([p.detach().clone() for p in baseline.game.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*ends, strict=True))


def test_other_rules_are_told_apart_and_their_cost_is_counted() -> None:
    script = record(configure("bilinear", {"rule": "extragradient"}).build(), 10)
    assert (script.plain, script.evaluations, script.steps) == (False, 2, 2)
    assert record(configure("bilinear", {}).build(), 10).plain


def test_a_game_that_cannot_be_copied_says_so() -> None:
    arena = configure("bilinear").build()
    arena.game.lock = threading.Lock()  # type: ignore[assignment]
    with pytest.raises(GameFault, match=r"cannot be copied \(TypeError: cannot pickle '_thread.lock' object\); keep open files"):
        BaselineLoop(arena)


def test_a_batch_lives_as_long_as_the_game_says() -> None:
    class Held(Slow):
        batch_until = "second"

    arena = configure(Held, {}, ["--scheduler", "alternating(ratio=-2)"]).build()  # the second player, then the first one twice
    assert [turn.draws for turn in record(arena, 7).turns] == [True, True, False, False, True, False, False]


# What is measured -----------------------------------------------------------------------------------------------------------------


class Slow(Game):
    """Two numbers, with a nap in a place of one's choice."""

    def __init__(self, sampling: float = 0.0, losses: float = 0.0):
        super().__init__(first=Vector(1), second=Vector(1))
        self.naps = sampling, losses

    def sample(self, rng: Any) -> Tensor:
        time.sleep(self.naps[0])
        return torch.ones(1)

    def losses(self, batch: Tensor, coupling: Any, movers: Any) -> dict[str, Tensor]:
        time.sleep(self.naps[1])
        pull = (coupling * batch * self.players["first"]() * self.players["second"]()).sum()
        return {"first": pull, "second": -pull}

    def score(self) -> float:
        return 1.0


def stages_make_up_the_turn(found: Measurement, least: float) -> None:
    assert all(seconds > 0 for name, seconds in found.stages.items() if name != "the rest")
    apart = sum(seconds for name, seconds in found.stages.items() if name != "the rest")
    assert least * found.arena.middle < apart < 1.3 * found.arena.middle
    assert sum(found.stages.values()) == pytest.approx(found.arena.middle, rel=0.3)


@pytest.mark.parametrize(
    ("game", "seconds", "least"),
    # Of the swiss roll's turn the trace is a thousandth: seen in chunks of several rows only.
    [("swiss-roll", 6, 0.6), ("bilinear", 2, 0.3), (TUG, 2, 0.3)],
)
def test_the_stages_make_up_the_turn(game: str, seconds: float, least: float) -> None:
    found = measure(configure(game), seconds=seconds)
    stages_make_up_the_turn(found, least)
    assert list(found.stages) == ["sampling", "field", "optimizer", "trace", "the rest"]
    assert found.ratio.low <= found.ratio.middle <= found.ratio.high
    assert found.floor.middle < found.baseline.middle


def test_a_rule_has_a_stage_of_its_own_and_is_said_not_to_be_played_by_hand() -> None:
    found = measure(configure("bilinear", {"rule": "consensus"}), seconds=1)
    stages_make_up_the_turn(found, 0.4)
    assert found.stages["the rule"] > found.stages["optimizer"]
    assert "The plain loop does not play the consensus rule, so that the ratio includes the cost of the rule." in words(found)
    assert not any("does not play" in sentence for sentence in words(measure(configure("bilinear"), seconds=0.1)))


def test_the_picture_says_who_is_how_fast_and_names_every_stage() -> None:
    found = measure(configure("bilinear"), seconds=0.1)
    made = turn(found)
    said = [text.get_text() for text in made.axes[0].texts]
    for spread in (found.ratio, found.share):
        assert any(words.endswith(f"(the arena is {spread.middle:.2f}× as fast)") for words in said)
    assert [text.get_text().partition("\n")[0] for text in made.legends[0].get_texts()] == list(found.stages)


@pytest.mark.parametrize(("nap", "stage"), [("sampling", "sampling"), ("losses", "field")])
def test_a_planted_nap_is_found_where_it_was_planted(nap: str, stage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("arena.engine.streams.TURNS", 1)  # a nap for each turn rather than for each block of them
    found = measure(configure(Slow, {nap: 0.02}), seconds=2)
    assert found.stages[stage] >= 0.02
    assert found.stages[stage] > 0.6 * found.arena.middle
    assert found.baseline.middle >= 0.003
    assert (found.floor.middle >= 0.003) == (stage == "field")


def test_a_slow_game_is_measured_within_bounds() -> None:
    began = time.perf_counter()
    found = measure(configure(Slow, {"losses": 0.05}), seconds=0.5)
    assert found.chunks >= 1 and found.turns < 10
    assert time.perf_counter() - began < 15


@pytest.mark.parametrize("every", first(2, [1, 2, 3, 1000, 10**9]))
def test_any_spacing_of_the_trace_can_be_measured(every: int) -> None:
    found = measure(configure("bilinear", {"trace.every": every}), seconds=0.2)
    assert (found.stages["trace"] > 0.1 * found.arena.middle) == (every < 10)


@pytest.mark.parametrize("game", first(3, [*SELF_CONTAINED, "mnist"]))
def test_every_game_can_be_measured(game: str) -> None:
    try:
        found = measure(configure(game), seconds=0.01)
    except DataUnavailable:
        pytest.skip("its data are not here")
    assert found.chunks == 1 and found.floor.middle > 0


def test_dropout_and_batch_normalisation_can_be_measured() -> None:
    net = nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(), nn.Linear(8, 1))
    before = {name: t.clone() for name, t in net.state_dict().items()}
    found = measure(configure("swiss-roll", {"discriminator": net, "batch": 16}), seconds=0.1)
    assert found.arena.middle > 0
    assert before.keys() == net.state_dict().keys()


def test_measuring_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    stream, running = torch.get_rng_state(), threading.active_count()
    found = measure(configure("bilinear", {"threads": 2}), seconds=0.1)
    assert found.threads == 2 and torch.get_num_threads() == 1
    assert torch.equal(stream, torch.get_rng_state())
    assert threading.active_count() <= running
    assert not list(tmp_path.iterdir())


# The command ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("game", first(1, ["bilinear", "swiss-roll", TUG]))
def test_the_command_prints_a_table_and_draws_it(cli: Cli, tmp_path: Path, game: str) -> None:
    done = cli("bench", game, "--seconds", "1.5")
    assert done.returncode == 0, done.stderr
    name = "tug-of-war" if game == TUG else game
    assert "\x1b" not in done.stdout
    for label in ("the arena", "  sampling", "  field", "  optimizer", "  trace", "  the rest", "the plain loop", "the floor"):
        assert f"\n{label} " in done.stdout
    assert "as fast as the plain loop" in done.stdout
    picture = tmp_path / "runs" / f"bench-{name}-1.png"
    assert f"  picture     {picture.relative_to(tmp_path)}" in done.stdout
    assert [p for p in tmp_path.rglob("*") if p.is_file() and "__pycache__" not in p.parts] == [picture]
    pixels = imread(picture)
    assert pixels.shape[0] > 200 and pixels.shape[1] > 600 and pixels.std() > 0.1


def test_pictures_are_numbered_and_never_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        assert main(["bench", "bilinear", "--seconds", "0.05"]) == 0
    assert sorted(p.name for p in (tmp_path / "runs").iterdir()) == ["bench-bilinear-1.png", "bench-bilinear-2.png"]
    before = (tmp_path / "runs" / "bench-bilinear-1.png").read_bytes()
    capsys.readouterr()
    assert main(["bench", "bilinear", "--out", "runs/bench-bilinear-1.png"]) == 2
    assert capsys.readouterr() == (
        "",
        "arena: runs/bench-bilinear-1.png exists already, and a picture never overwrites; choose another --out\n",
    )
    assert (tmp_path / "runs" / "bench-bilinear-1.png").read_bytes() == before


def test_a_full_disk_is_told_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("arena.plots.save", full)
    monkeypatch.setattr("arena.runs.run.Run._picture", lambda run, **_: None)
    assert main(["bench", "bilinear", "--seconds", "0.05", "--out", "here.png"]) == 2
    assert capsys.readouterr().err == "arena: the picture here.png could not be written (No space left on device); choose another --out\n"
    assert not list(tmp_path.iterdir())


def test_settings_are_those_of_a_run(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "my.yaml").write_text("game: bilinear\nrule: extragradient\nx: {optimizer: adam}\n")
    done = cli("bench", "--config", "my.yaml", "--seconds=0.1", "--out=new/here.PNG", "--scheduler", "alternating", "--trace.every", "5")
    assert done.returncode == 0, done.stderr
    assert "bilinear: extragradient rule, alternating scheduler, float32" in done.stdout
    assert "The plain loop does not play the extragradient rule" in done.stdout
    assert (tmp_path / "new" / "here.PNG").stat().st_size > 10_000


def test_help_and_list(cli: Cli) -> None:
    assert cli("bench", "--help").stdout.startswith("usage: arena bench GAME")
    assert "\n  bench " in cli("--help").stdout
    assert "--generator.hidden" in cli("bench", "swiss-roll", "--help").stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["swis-roll"], "unknown game 'swis-roll': did you mean 'swiss-roll'?"),
        (["--seconds", "3"], "no game is named. Fix: arena bench swiss-roll (`arena list` shows all games)"),
        (["bilinear", "--seconds", "0"], "--seconds is '0'. Expected a number above 0, such as 10"),
        (["bilinear", "--seconds", "-1"], "--seconds is '-1'. Expected a number above 0, such as 10"),
        (["bilinear", "--seconds", "soon"], "--seconds is 'soon'. Expected a number above 0, such as 10"),
        (["bilinear", "--seconds", "nan"], "--seconds is 'nan'. Expected a number above 0, such as 10"),
        (["bilinear", "--seconds"], "--seconds has no value. Fix: --seconds VALUE"),
        (["bilinear", "--out", "here.jpg"], "--out is 'here.jpg', but a picture is written as PNG; write --out here.png"),
        (["bilinear", "--out", "file/here.png"], "the picture file/here.png could not be made (File exists); choose another --out"),
        (["bilinear", "--x.lrr", "3"], "unknown setting 'x.lrr': did you mean 'x.lr'?"),
        (["bilinear", "--x.lr", "1e30", "--seconds", "0.5"], "bilinear diverged while it was measured (the "),
    ],
)
def test_mistakes_get_one_sentence_and_leave_no_picture(
    words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    assert main(["bench", *words]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"arena: {message}"), told
    assert told.count("\n") == 1
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == ["file"]


def test_seconds_are_checked_from_python_too() -> None:
    with pytest.raises(BadSetting, match="seconds is -1, but must be a finite number above 0"):
        measure(configure("bilinear"), seconds=-1)


def test_nobody_moves() -> None:
    config = configure("bilinear", {}, ["--scheduler", "warm-up(fraction=1,first=0,second=0)"])
    with pytest.raises(
        ArenaError, match="no player moves in the middle of the run, where it is measured; choose a scheduler that moves one"
    ):
        measure(config, seconds=0.1)
