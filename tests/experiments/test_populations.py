"""Sorting configurations into populations, and playing them."""

import math
import time
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

from arena import configure, populations
from arena.core.directions import Direction, times
from arena.core.field.field import Field
from arena.core.field.members import CannotShare
from arena.core.torch_settings import using_threads
from arena.engine.members.capacity import OBJECTS, fitting, need
from arena.engine.vector_env import Population
from arena.errors import BadSetting, RunFailed
from arena.experiments.playing import play_alone, play_group
from arena.experiments.trials import trials_of
from arena.games import Bilinear
from arena.rules import UpdateRule
from tests.conftest import Cli
from tests.engine.test_vector_env import Asks, spectral

SMALL: dict[str, Any] = {"generator.hidden": (8, 8), "discriminator.hidden": (8, 8), "batch": 16, "turns": 30}


def test_configurations_that_differ_in_numbers_share_a_population_and_others_do_not() -> None:
    base = configure("swiss-roll", SMALL)
    rates = [base.vary({"generator.lr": lr, "seed": seed}) for lr in (1e-4, 1e-3) for seed in range(3)]
    others = [base.vary({"rule": "extragradient"}), base.vary({"batch": 8}), base.vary({"generator.hidden": (4,)})]
    ratios = [base.vary({"scheduler.ratio": ratio, "coupling": 0.5}) for ratio in (2, 3)]
    found = populations([*rates, *others, *ratios])
    assert [group.indices for group in found.groups] == [(0, 1, 2, 3, 4, 5, 9, 10), (6,), (7,), (8,)]
    assert found.why == []
    assert repr(found) == "<1 population of 8 members and 3 single games>"
    assert repr(populations([*rates, *(others[0].vary({"seed": seed}) for seed in (1, 2))])) == (
        "<1 population of 6 members and 1 population of 2 members>"
    )
    assert repr(populations([])) == "<0 single games>"


def test_a_number_that_changes_shapes_separates_populations() -> None:
    base = configure("dirac", {"turns": 5})
    found = populations([base.vary({"instance_noise": sigma}) for sigma in (0.0, 0.5, 1.0)])
    assert [group.indices for group in found.groups] == [(0,), (1, 2)]


@pytest.mark.parametrize(
    ("game", "settings", "why"),
    [(Asks, {}, "cannot be mapped"), ("swiss-roll", {"batch": 16, "discriminator": spectral}, "cannot be mapped")],
    ids=["data-dependent", "spectral norm"],
)
def test_what_cannot_be_mapped_is_played_one_by_one_and_said(game: Any, settings: dict[str, Any], why: str) -> None:
    base = configure(game, {**settings, "turns": 6})
    found = populations([base, base.vary({"seed": 1})])
    assert [group.indices for group in found.groups] == [(0,), (1,)]
    assert len(found.why) == 1
    assert why in found.why[0]
    assert "one by one" in found.why[0]
    assert [outcome.status for outcome in found.play()] == ["finished", "finished"]


class Keeps(Bilinear):
    """A tensor that is no buffer does not follow the players into another precision."""

    def score(self) -> torch.Tensor:
        return (torch.ones(1, 1, dtype=torch.float32) @ self.players["x"]().view(1, -1)).norm()


def test_a_game_that_knows_one_precision_is_played_one_by_one_and_told_why() -> None:
    base = configure(Keeps, {"turns": 6, "dim": 2})
    found = populations([base, base.vary({"seed": 1})])
    assert [group.indices for group in found.groups] == [(0,), (1,)]
    assert "tensors that it keeps as buffers" in found.why[0]
    assert [outcome.status for outcome in found.play()] == ["finished", "finished"]


def test_far_too_many_members_are_refused_before_they_are_made() -> None:
    import gymnasium as gym

    import arena.games  # noqa: F401

    began = time.monotonic()
    with pytest.raises(BadSetting, match=r"num_envs is 10000000, but must be at most [\d,]+: each needs"):
        gym.make_vec("arena/Bilinear-v0", num_envs=10_000_000)
    assert time.monotonic() - began < 10


class Counts(Bilinear):
    """Says with how many threads it was played."""

    seen: ClassVar[set[int]] = set()

    def losses(self, batch: Any, coupling: Any, movers: Any) -> Any:
        self.seen.add(torch.get_num_threads())
        return super().losses(batch, coupling, movers)


def test_environments_step_with_the_threads_of_their_settings_and_leave_torch_its_own() -> None:
    with using_threads(2):
        for make in (lambda: configure(Counts, {"threads": 1}).build(), lambda: Population([configure(Counts, {"threads": 1})])):
            env = make()
            Counts.seen.clear()
            env.reset(seed=0)
            env.step(env.action_space.high)
            assert (Counts.seen, torch.get_num_threads()) == ({1}, 2)


def test_outcomes_are_those_of_runs_alone() -> None:
    base = configure("swiss-roll", {**SMALL, "dtype": "float64", "turns": 150})
    configs = [base.vary({"seed": seed, "generator.lr": lr}) for seed, lr in ((0, 1e-3), (1, 1e-2), (0, 1e-2))]
    told: list[tuple[int, int]] = []
    together = populations(configs).play(lambda done, of: told.append((done, of)))
    alone = play_alone(configs, 100)
    for one, other in zip(together, alone, strict=True):
        assert (one.status, one.turns, one.config) == (other.status, other.turns, other.config)
        assert one.score == pytest.approx(other.score, rel=1e-8)
        for name, value in other.signals.items():
            assert one.signals[name] == pytest.approx(value, rel=1e-7, abs=1e-9), name
    assert told[-1] == (450, 450)


def test_a_run_that_diverges_ends_as_it_would_alone() -> None:
    base = configure("quadratic", {"turns": 3000})
    configs = [base.vary({"x.lr": lr, "y.lr": lr}) for lr in (0.1, 30.0)]
    together, alone = play_group(configs, 100), play_alone(configs, 100)
    assert [o.status for o in together] == [o.status for o in alone]
    assert together[1].status == "diverged"
    assert together[1].reason == alone[1].reason
    assert math.isnan(together[1].score)


def test_a_solved_game_ends_early_unless_it_must_not() -> None:
    base = configure("dirac", {"penalty": "r1", "turns": 4000, "score.every": 50})
    together = play_group([base, base.vary({"seed": 1})], 100)
    assert {o.status for o in together} == {"solved"}
    assert all(o.turns < 4000 and o.turns % 50 == 0 for o in together)
    alone = play_alone([base], 100)
    assert (alone[0].status, alone[0].turns) == (together[0].status, together[0].turns)


def test_a_population_takes_no_more_members_than_fit() -> None:
    base = configure("swiss-roll", SMALL)
    configs = [base.vary({"seed": seed}) for seed in range(5)]
    found = populations(configs, members=2)
    assert sorted(len(group.indices) for group in found.groups) == [1, 2, 2]
    one = Population([base])
    each = need(one).bytes + OBJECTS
    assert fitting(one, "auto", lambda _: 100 * each) == 60
    with pytest.raises(BadSetting, match=r"members is 61, but must be at most 60: each needs .* MiB"):
        fitting(one, 61, lambda _: 100 * each)
    with pytest.raises(BadSetting, match="members is 0"):
        populations(configs, members=0)


@pytest.mark.parametrize("members", [1, 3])
def test_what_a_member_needs_is_what_it_has(members: int) -> None:
    base = configure("swiss-roll", {"generator.hidden": (32, 32), "discriminator.hidden": (32, 32), "batch": 64})
    found = need(Population([base.vary({"seed": seed}) for seed in range(members)]))
    players = 4 * sum(p.numel() for p in base.example().parameters())
    assert found.parameters == players
    assert found.optimizer == 4 * players  # a gradient, what is made of it, and Adam's two moments
    rows = 4 * 64 * (32 + 32) * (1 + 1 + 1)  # a layer's output, of the generator once and of the discriminator on real and fake points
    assert rows < found.activations < 16 * rows


def test_populations_is_a_name_of_the_package() -> None:
    import arena

    assert arena.populations is populations
    assert arena.Population is Population
    assert torch.float32 == arena.configure("bilinear").parts()["dtype"]


@pytest.mark.parametrize(
    ("error", "asked"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has"), r" \(20 GiB were requested at once\)"),
        (
            RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 80000000000 bytes. Error code 12"),
            r" \(74\.5 GiB were requested at once\)",
        ),
        (MemoryError(), ""),
    ],
)
def test_memory_that_runs_out_is_told_with_the_number_that_would_fit(error: Exception, asked: str, monkeypatch: pytest.MonkeyPatch) -> None:
    base = configure("swiss-roll", SMALL)
    playing = Population([base.vary({"seed": seed}) for seed in range(4)])
    playing.reset()

    def full(turn: Any) -> None:
        raise error

    monkeypatch.setattr(playing.rule, "step", full)
    with pytest.raises(BadSetting, match=r"^members is 4, but must be at most about 3, which fit into the memory of cpu$"):
        playing.play_scheduled_turn()
    alone = base.build()
    alone.reset()
    monkeypatch.setattr(alone.rule, "step", full)
    with pytest.raises(
        RunFailed,
        match=f"^the memory of cpu does not hold a turn of SwissRoll{asked}; take a smaller batch, more micro_batches or smaller players$",
    ):
        alone.play_scheduled_turn()


class NormScale(UpdateRule):
    """Divides by the norm of a whole tensor, which in a population is that of all members together."""

    def __init__(self, factor: float = 0.5):
        self.factor = factor

    def direction(self, field: Field) -> Direction:
        return {name: self.factor * g / (1 + g.norm()) for name, g in field.gradients().items()}


class OwnNorm(NormScale):
    """The same for each member by itself."""

    def direction(self, field: Field) -> Direction:
        found: Direction = {}
        for name, g in field.gradients().items():
            found |= times(self.factor / (1 + field.dot({name: g}, {name: g}).sqrt()), {name: g})
        return found


@pytest.mark.parametrize("members", [2, 3, 4, 5])
@pytest.mark.parametrize("differs", [{}, {"rule.factor": 0.1}])
def test_a_rule_that_mixes_members_is_played_one_by_one_and_said(members: int, differs: dict[str, Any]) -> None:
    base = configure("bilinear", {"dim": 4, "turns": 8, "rule": NormScale})
    configs = [base.vary({"seed": seed, **({} if seed else differs)}) for seed in range(members)]
    found = populations(configs)
    assert [group.indices for group in found.groups] == [(i,) for i in range(members)]
    assert len(found.why) == 1
    assert "the games are played one by one" in found.why[0]
    assert [o.score for o in found.play()] == [o.score for o in play_alone(configs, 100)]
    with pytest.raises(CannotShare):
        Population(configs)
    proper = configure("bilinear", {"dim": 4, "turns": 8, "rule": OwnNorm})
    assert len(populations([proper.vary({"seed": seed, **({} if seed else differs)}) for seed in range(members)]).groups) == 1


class GlobalNoise(Asks):
    """Draws from numpy's global generator."""

    def sample(self, rng: Any) -> torch.Tensor:
        return torch.from_numpy(np.random.standard_normal(1)).float()

    def losses(self, batch: torch.Tensor, coupling: Any, movers: Any) -> dict[str, torch.Tensor]:
        pull = (self.players["left"]() * self.players["right"]() * batch).sum()
        return {"left": pull, "right": -pull}


def test_a_game_that_draws_from_elsewhere_is_played_one_by_one_and_said() -> None:
    base = configure(GlobalNoise, {"turns": 5, "left.optimizer": "sgd", "right.optimizer": "sgd"})
    found = populations([base, base.vary({"seed": 1})])
    assert len(found.groups) == 2
    assert "draw from rng alone in a game" in found.why[0]


def test_settings_changed_one_after_the_other_are_all_kept() -> None:
    changed = configure("swiss-roll").vary({"generator.lr": 0.5}).vary({"rule": "extragradient"}).vary({"seed": 3})
    assert [changed.flat()[name] for name in ("generator.lr", "rule.name", "seed")] == [0.5, "extragradient", 3]


SPY = '''
import torch
from arena import Game, register
from arena.players import Vector

@register("spy")
class Spy(Game):
    """A game that scores 1 if it is played in TF32 with two threads."""
    def __init__(self):
        super().__init__(x=Vector(1), y=Vector(1))
    def sample(self, rng):
        return None
    def losses(self, batch, coupling, movers):
        x, y = self.players["x"](), self.players["y"]()
        return {"x": (x * y).sum(), "y": -(x * y).sum()}
    def score(self):
        asked = torch.backends.cuda.matmul.fp32_precision == "tf32" and torch.get_num_threads() == 2
        return 0 * self.players["x"]().sum() + (1 if asked else 2)
'''


@pytest.mark.parametrize(
    "words",
    [
        ("compare", "--backend", "in-place"),
        ("compare", "--backend", "population"),
        ("map", "--vary", "y.lr=0.1,0.2", "--backend", "in-place"),
        ("sweep", "--trials", "2", "--backend", "population"),
        ("sweep", "--trials", "2", "--backend", "optuna"),
    ],
)
def test_every_experiment_plays_with_the_precision_and_the_threads_of_its_configuration(
    words: tuple[str, ...], quick_cli: Cli, tmp_path: Path
) -> None:
    (tmp_path / "spy.py").write_text(SPY)
    shared = ("--vary", "x.lr=0.1,0.2", "--seeds", "2", "--turns", "3", "--tf32", "true", "--threads", "2", "--workers", "1")
    done = quick_cli(words[0], "spy.py", *words[1:], *shared, "--trace.tensorboard", "false", "--out", "e")
    assert done.returncode == 0, done.stderr
    assert {run.score for record in trials_of(tmp_path / "e").records for run in record.runs} == {1.0}
