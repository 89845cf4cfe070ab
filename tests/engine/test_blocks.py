"""Blocks of turns played by XLA equal the turns of the rule, for everything that the registry lists; what cannot be played so is named."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

import arena
from arena.accelerate import xla
from arena.cli import main
from arena.config import configure
from arena.core.rng import Rng
from arena.engine.env import Arena
from arena.engine.members.signals import BatchedSignals
from arena.engine.signals import Passage
from arena.engine.streams import BatchStream, BatchStreams
from arena.engine.vector_env import Population
from arena.registry import entries
from arena.trace import read_trace
from tests.conftest import SELF_CONTAINED
from tests.support.cases import first

needs_xla = pytest.mark.skipif(xla.why_missing() is not None, reason=f"the extra xla is not installed: {xla.EXTRA}")
SMALL = {"generator.hidden": [8, 8], "discriminator.hidden": [8, 8], "batch": 16}
RULES_WITHOUT = {"adaptive-competitive-gradient-descent", "competitive-gradient-descent", "follow-the-ridge"}
"""Rules whose solver stops when it has converged, which a graph cannot hold."""
VARIANTS = [
    "averaging(average=uniform,start=20)",
    "averaging(buffers=averaged)",
    "extragradient(batch=fresh)",
    "extragradient(moments=restored)",
    "lookahead-minimax(inner=extragradient)",
    "optimistic(on=updates)",
]


def tensors(playing: Arena | Population) -> torch.Tensor:
    """Return all parameters and buffers, flat."""
    return torch.cat([t.detach().flatten().double() for t in (*playing.game.parameters(), *playing.game.buffers())])


def play(playing: Any, turns: int) -> Any:
    """Play to a number of turns, in blocks if they are compiled."""
    clock = lambda: int(playing.turns_played if isinstance(playing, Arena) else playing.turns_played.max())  # noqa: E731
    while clock() < turns:
        playing.play_scheduled_turns(turns - clock())
    return playing


def both(game: str, turns: int, **settings: Any) -> tuple[Arena, Arena]:
    """Play a game by the rule and in blocks."""
    made = []
    for compiled in (False, "xla"):
        arena = configure(game, {"dtype": "float64", "turns": turns, "until_solved": False, "compile": compiled, **settings}).build()
        arena.reset(seed=0)
        made.append(play(arena, turns))
    return made[0], made[1]


def check(game: str, turns: int = 40, tolerance: float = 1e-9, **settings: Any) -> None:
    plain, blocks = both(game, turns, **settings)
    assert blocks.blocks.why_not is None
    assert blocks.blocks._program is not None
    torch.testing.assert_close(tensors(blocks), tensors(plain), rtol=tolerance, atol=tolerance)
    for name, value in plain.read_signals().items():
        if name.endswith("loss"):
            assert blocks.read_signals()[name] == pytest.approx(value, rel=tolerance, abs=tolerance)
    assert blocks.field.cost == plain.field.cost and blocks.moves == plain.moves


@needs_xla
@pytest.mark.parametrize("rule", first(0, sorted({*entries("rule")} - RULES_WITHOUT) + VARIANTS))
def test_every_rule_equals_its_turns(rule: str) -> None:
    check("swiss-roll", 200, rule=rule, **SMALL)


@needs_xla
@pytest.mark.parametrize("rule", ["simultaneous", "extragradient", "averaging"])
def test_a_small_game_equals_its_turns(rule: str) -> None:
    check("bilinear", rule=rule)


GAMES = sorted({*entries("game")} - {"gan", "mnist-conv", "cifar10", "cifar10-4k", "fashion-mnist"})


@needs_xla
@pytest.mark.parametrize("game", first(0, GAMES))
def test_every_game_equals_its_turns(game: str, request: pytest.FixtureRequest) -> None:
    if game not in SELF_CONTAINED:
        request.getfixturevalue("published")
    check(game, 200)


@needs_xla
@pytest.mark.slow  # XLA's convolutions on a CPU
@pytest.mark.parametrize("game", ["gan", "mnist-conv"])
def test_convolutions_equal_their_turns(game: str, request: pytest.FixtureRequest) -> None:
    if game not in SELF_CONTAINED:
        request.getfixturevalue("published")
    check(game, 12)


@needs_xla
@pytest.mark.parametrize("optimizer", [pytest.param(name, marks=pytest.mark.thorough) for name in entries("optimizer")])
def test_every_optimizer_equals_its_turns(optimizer: str) -> None:
    both_players = {"x.optimizer": optimizer, "y.optimizer": optimizer, "x.lr": 0.01, "y.lr": 0.01}
    check("quadratic", 200, rule="extragradient", **both_players)


@needs_xla
@pytest.mark.parametrize("settings", first(1, [{"momentum": 0.5}, {"weight_decay": 0.1}]))
def test_settings_of_optimizers(settings: dict[str, float]) -> None:
    check("quadratic", **{"x.optimizer": "sgd", "y.optimizer": "sgd", **{f"x.{name}": value for name, value in settings.items()}})


@needs_xla
@pytest.mark.parametrize(
    "settings",
    first(
        1,
        [
            {"scheduler": "alternating", "scheduler.ratio": 3, "coupling": "linear", "x.schedule": "cosine"},
            {"scheduler": "two-timescale"},
            {"scheduler": "warm-up"},
        ],
    ),
)
def test_shares_coupling_and_rates_are_inputs(settings: dict[str, Any]) -> None:
    check("quadratic", 60, **settings)


@needs_xla
@pytest.mark.thorough
@pytest.mark.parametrize(
    "settings", [{"instance_noise": 0.5, "instance_noise_schedule": "linear"}, {"penalty": "r1"}, {"penalty": "r1", "penalty_every": 4}]
)
def test_scheduled_numbers_and_penalties(settings: dict[str, Any]) -> None:
    check("swiss-roll", 60, **SMALL, **settings)


@needs_xla
@pytest.mark.thorough
def test_float32_stays_close() -> None:
    check("swiss-roll", 200, 2e-4, dtype="float32", **SMALL)


@needs_xla
@pytest.mark.parametrize("backends", [("xla", False), (False, "xla")])
def test_a_checkpoint_of_one_backend_continues_under_another(backends: tuple[Any, Any]) -> None:
    settings = {"dtype": "float64", "turns": 60, "rule": "averaging(inner=optimistic)", "until_solved": False}
    whole = configure("bilinear", settings).build()
    whole.reset(seed=0)
    play(whole, 60)
    begins, continues = (configure("bilinear", {**settings, "compile": compiled}).build() for compiled in backends)
    begins.reset(seed=0)
    play(begins, 30)
    continues.reset(seed=1)
    continues.load_state_dict(begins.state_dict())
    play(continues, 60)
    torch.testing.assert_close(tensors(continues), tensors(whole), rtol=1e-9, atol=1e-9)
    averages = [arena.rule.evaluated_parameters() for arena in (continues, whole)]
    torch.testing.assert_close(averages[0], averages[1], rtol=1e-9, atol=1e-9)


def population(game: str, members: list[dict[str, Any]], compiled: Any, **settings: Any) -> Population:
    base = configure(game, {"dtype": "float64", "until_solved": False, "compile": compiled, **settings})
    made = Population([base.vary({"seed": seed, **member}) for seed, member in enumerate(members)], check_equivalence=False)
    made.reset()
    return made


@needs_xla
@pytest.mark.parametrize(
    ("game", "rule", "members"),
    [
        pytest.param("bilinear", "simultaneous", [{}, {"x.lr": 0.01}]),
        pytest.param("swiss-roll", "extragradient", [{}, {"generator.lr": 0.01}], marks=pytest.mark.thorough),
        pytest.param("swiss-roll", "averaging", [{"scheduler.ratio": 1}, {"scheduler.ratio": 2}], marks=pytest.mark.thorough),
        pytest.param("swiss-roll", "consensus", [{"rule.gamma": 1.0}, {"rule.gamma": 2.0}], marks=pytest.mark.thorough),
    ],
)
def test_a_population_equals_its_turns(game: str, rule: str, members: list[dict[str, Any]]) -> None:
    settings = {"rule": rule, "turns": 60, **({} if game == "bilinear" else SMALL)}
    if "scheduler.ratio" in members[0]:
        settings["scheduler"] = "alternating"
    plain, blocks = (play(population(game, members, compiled, **settings), 60) for compiled in (False, "xla"))
    assert blocks.blocks.why_not is None and blocks.blocks._program is not None
    torch.testing.assert_close(tensors(blocks), tensors(plain), rtol=1e-9, atol=1e-9)
    for name, values in plain.read_signals().items():
        assert blocks.read_signals()[name] == pytest.approx(values, rel=1e-9, abs=1e-9), name


@needs_xla
@pytest.mark.parametrize("rule", first(1, sorted(RULES_WITHOUT)))
def test_a_rule_that_branches_on_numbers_is_named_and_played(rule: str) -> None:
    plain, refused = both("quadratic", 12, rule=rule)
    assert torch.equal(tensors(plain), tensors(refused))
    assert "it reads a tensor as a Python number" in refused.blocks.why_not and ", line " in refused.blocks.why_not


def test_without_the_extra_a_run_says_the_command_and_plays(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = ModuleNotFoundError("No module named 'jax'", name="jax")
    monkeypatch.setattr(xla, "_libraries", lambda: (_ for _ in ()).throw(missing))
    xla.why_missing.cache_clear()
    try:
        plain, without = both("bilinear", 12)
    finally:
        xla.why_missing.cache_clear()
    assert torch.equal(tensors(plain), tensors(without))
    assert "jax is not installed" in without.blocks.why_not and xla.EXTRA in without.blocks.why_not


@needs_xla
def test_torch_compile_works_in_the_same_process() -> None:
    assert xla.why_missing() is None
    doubled = torch.compile(lambda x: 2 * x, backend="aot_eager", fullgraph=True)
    assert doubled(torch.ones(2)).tolist() == [2.0, 2.0]


@needs_xla
def test_divergence_is_noticed_in_the_same_turn() -> None:
    """f = xy with rates of 100 overflows within the run; the losses of every turn of a block are kept."""
    plain, blocks = both(
        "bilinear", 200, dtype="float32", **{f"{role}.{name}": v for role in "xy" for name, v in (("optimizer", "sgd"), ("lr", 100.0))}
    )
    for played in (plain, blocks):
        played.read_signals()
    assert blocks.divergence == plain.divergence is not None


@needs_xla
def test_arena_check_says_whether_a_game_can_be_recorded(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "bilinear"]) == 0
    assert "its turns can be recorded" in capsys.readouterr().out


@needs_xla
def test_a_run_in_blocks_leaves_the_trace_of_a_run_by_the_rule(tmp_path: Path) -> None:
    """Rows, their fields, the path of the players and the score agree, also of turns within blocks."""
    settings = {"rule": "extragradient", "dtype": "float64", "trace.every": 25, "trace.tensorboard": False, "display": False}
    rows = []
    for compiled in (False, "xla"):
        result = arena.play("bilinear", turns=150, out=str(tmp_path / str(compiled)), compile=compiled, **settings)
        rows.append(read_trace(result.folder / "trace.jsonl"))
        assert len(result.arena.game.path) == 151 and result.status == "finished"
    for plain, blocks in zip(*rows, strict=True):
        assert plain.keys() == blocks.keys()
        for name, value in plain.items():
            assert blocks[name] == (pytest.approx(value, rel=1e-9, abs=1e-12) if isinstance(value, float) else value), name


@pytest.mark.parametrize("apart", [False, True])
def test_batches_of_many_turns_are_those_of_single_turns(apart: bool) -> None:
    """Also when the blocks of two streams begin at different turns."""

    def streams() -> BatchStreams:
        made = [BatchStream(Rng().seed_both(seed, 0), lambda rng: (torch.rand(3, generator=rng),), 5) for seed in range(2)]
        if apart:
            made[0].next()
        return BatchStreams(made)

    one, many = streams(), streams()
    singly = torch.stack([one.next()[0] for _ in range(23)])
    assert torch.equal(torch.cat([many.take(count)[0] for count in (2, 1, 13, 7)]), singly)


@pytest.mark.parametrize("last", [4.0, torch.nan])
def test_signals_of_many_turns_are_those_of_single_turns(last: float) -> None:
    """Two members; player y diverges before player x."""
    game = configure("bilinear").build().game
    losses = {"x": torch.tensor([[1.0, 2.0], [3.0, last]]), "y": torch.tensor([[5.0, 6.0], [last, 7.0], [8.0, last]])}
    passage = Passage([np.array([t, t]) for t in range(1, 6)], {"x": [0, 4], "y": [1, 2, 3]}, losses, {})
    together, singly = BatchedSignals(game, 2), BatchedSignals(game, 2)
    together.note_passage(passage)
    rows = sorted((place, key, losses[key][i]) for key, places in passage.places.items() for i, place in enumerate(places))
    for place, key, loss in rows:
        field = SimpleNamespace(first=({key: loss}, {}), movers=(key,), masks={}, parameters={})
        singly.note(passage.turns[place], field, gradients=False)  # type: ignore[arg-type]
    both_read = together.read(), singly.read()
    assert both_read[0].keys() == both_read[1].keys()
    assert all(np.array_equal(both_read[0][name], values, equal_nan=True) for name, values in both_read[1].items())
    assert together.divergence == singly.divergence and bool(singly.divergence) == (last != 4.0)
