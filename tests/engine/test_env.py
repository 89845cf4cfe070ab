"""The environment: Gymnasium's contract, and that an episode of reset and step is the same as a run of play."""

import functools
import warnings
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env

import arena
import arena.games
from arena import Arena
from arena.config import configure
from arena.engine.observation import BOUND
from arena.errors import BadSetting, UnknownName
from arena.games import Bilinear, Quadratic, SwissRoll
from arena.optimizers import sgd
from tests.conftest import QUIET
from tests.support.cases import one_of_each

BOTH = np.ones(3, dtype=np.float32)


@pytest.mark.parametrize("id", ["arena/SwissRoll-v0", "arena/Bilinear-v0", "arena/Digits-v0"])
def test_check_env_passes_without_warnings(id: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(gym.make(id, turns=4, render_mode="rgb_array").unwrapped)


def test_gym_make_imports_the_games_by_itself() -> None:
    assert gym.make("arena:arena/SwissRoll-v0").unwrapped.game.roles == ("generator", "discriminator")


def weights(env: Arena) -> list[torch.Tensor]:
    return [p.detach().clone() for p in env.game.parameters()]


@pytest.mark.parametrize(("scheduler", "coupling"), one_of_each(["alternating", "simultaneous"], [1.0, 0.3], pytest.mark.thorough))
def test_an_episode_of_steps_equals_a_run_of_play(tmp_path: Path, scheduler: str, coupling: float) -> None:
    settings = {"turns": 30, "batch": 16, "scheduler": scheduler, "coupling": coupling, "seed": 7, "score.every": 10}
    env = gym.make("arena/SwissRoll-v0", **settings)
    env.reset(seed=7)
    done = False
    while not done:
        _, _, terminated, truncated, info = env.step(env.unwrapped.scheduled_action())
        done = terminated or truncated
    result = arena.play("swiss-roll", out=tmp_path / "run", display=False, **settings, **QUIET)
    assert result.arena is not None
    assert all(torch.equal(a, b) for a, b in zip(weights(env.unwrapped), weights(result.arena), strict=True))
    assert info["score"] == result.score
    assert env.unwrapped.moves == result.arena.moves


def test_looking_every_turn_changes_nothing() -> None:
    looked, blind = (configure("swiss-roll", {"turns": 20, "batch": 16}).build(render_mode="rgb_array") for _ in range(2))
    looked.reset(seed=0)
    blind.reset(seed=0)
    for _ in range(20):
        looked.step(looked.scheduled_action())
        looked.render()
        looked.measure_score()
        looked.read_signals()
        blind.play_scheduled_turn()
    assert all(torch.equal(a, b) for a, b in zip(weights(looked), weights(blind), strict=True))


def test_the_return_is_the_total_gain_in_score() -> None:
    env = Arena(functools.partial(Quadratic), optimizers=dict.fromkeys("xy", functools.partial(sgd, lr=0.1)), turns=50, score_every=7)
    _, info = env.reset(seed=1)
    start, total = info["score"], 0.0
    for _ in range(50):
        _, reward, terminated, truncated, info = env.step(BOTH)
        total += reward
    assert truncated
    assert not terminated
    assert total == pytest.approx(start - info["score"], rel=1e-6)
    assert total > 0


def test_a_solved_game_terminates() -> None:
    env = Arena(Quadratic, optimizers=dict.fromkeys("xy", functools.partial(sgd, lr=0.5)), turns=500, score_every=1)
    env.reset(seed=0)
    for _ in range(500):
        _, _, terminated, truncated, info = env.step(BOTH)
        if terminated:
            break
    assert info["solved"]
    assert not truncated
    assert info["turn"] < 500
    assert info["score"] <= 1e-6


def test_divergence_terminates_and_stays_in_the_observation_space() -> None:
    env = Arena(Bilinear, optimizers=dict.fromkeys("xy", functools.partial(sgd, lr=1e30)), turns=50)
    env.reset(seed=0)
    for _ in range(50):
        observation, reward, terminated, _, info = env.step(BOTH)
        assert env.observation_space.contains(observation)
        assert np.isfinite(reward)
        if terminated:
            break
    assert "was not finite in turn" in info["diverged"]
    assert observation.max() == np.float32(BOUND)


def test_the_player_at_fault_is_named() -> None:
    class TurnsNaN(torch.nn.Linear):
        calls = 0

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.calls += 1
            return super().forward(x) * (float("nan") if self.calls > 4 else 1.0)

    env = Arena(SwissRoll(generator=TurnsNaN(2, 2), batch=8), turns=20)
    env.reset(seed=0)
    info: dict[str, object] = {}
    for _ in range(20):
        *_, terminated, _, info = env.step(BOTH)
        if terminated:
            break
    assert str(info["diverged"]).startswith("the generator's output was not finite in turn")


def test_signals_have_one_order_however_often_they_are_read() -> None:
    """A run that is stopped after a turn is read once more than one that is not, and their traces are to be the same bytes."""
    orders = []
    for looks in (1, 2):
        env = Arena(Bilinear(), turns=4)
        env.reset(seed=0)
        for turn in range(1, 4):
            env.play_scheduled_turn(measure=True)
            if turn >= looks:
                signals = env.read_signals()
        orders.append(list(signals))
    assert orders[0] == orders[1]
    assert [name for name in orders[0] if name in env.signals.names] == env.signals.names


def test_observations_are_the_squashed_signals() -> None:
    env = gym.make("arena/SwissRoll-v0", batch=16).unwrapped
    env.reset(seed=0)
    observation, *_, info = env.step(BOTH)
    for name, value in zip(env.signal_names, observation, strict=True):
        raw = info["signals"].get(name, 0.0)
        assert value == pytest.approx(np.sign(raw) * np.log1p(abs(raw)), rel=1e-6)
    assert {"game.D(x)", "game.D(G(z))", "generator.loss", "discriminator.update_norm", "coupling"} <= set(env.signal_names)


def test_the_cosine_of_successive_updates() -> None:
    """On a field that never turns, plain descent repeats its direction exactly."""
    env = Arena(functools.partial(Bilinear, dim=3), optimizers=dict.fromkeys("xy", functools.partial(sgd, lr=1e-6)), dtype=torch.float64)
    env.reset(seed=0)
    env.step(BOTH)
    *_, info = env.step(BOTH)
    assert info["signals"]["x.update_cosine"] == pytest.approx(1.0, abs=1e-9)
    expected = 1e-6 * env.game.players["y"]().norm().item()
    assert info["signals"]["x.update_norm"] == pytest.approx(expected, rel=1e-4)


def test_resets_follow_gymnasium() -> None:
    env = gym.make("arena/SwissRoll-v0", seed=3, batch=8).unwrapped
    first, _ = env.reset()
    seeded = weights(env)
    env.reset()
    assert any(not torch.equal(a, b) for a, b in zip(seeded, weights(env), strict=True)), "a second episode starts elsewhere"
    again, _ = env.reset(seed=3)
    assert all(torch.equal(a, b) for a, b in zip(seeded, weights(env), strict=True))
    assert np.array_equal(first, again)


def test_a_game_object_returns_to_where_it_was() -> None:
    game = SwissRoll(batch=8)
    start = [p.detach().clone() for p in game.parameters()]
    env = Arena(game, turns=5)
    env.reset(seed=8)
    for _ in range(3):
        env.step(BOTH)
    env.reset(seed=9)
    assert all(torch.equal(a, b) for a, b in zip(start, game.parameters(), strict=True))


@pytest.mark.parametrize("action", [[1.0, 1.0], [1.0, 1.0, 2.0], [-0.1, 1.0, 1.0], [np.nan, 1.0, 1.0]])
def test_a_bad_action_is_refused(action: list[float]) -> None:
    env = Arena(Bilinear)
    env.reset(seed=0)
    with pytest.raises(BadSetting, match="three numbers in \\[0, 1\\]"):
        env.step(np.array(action, dtype=np.float32))


def test_a_player_that_stays_is_not_touched() -> None:
    env = Arena(SwissRoll, turns=5)
    env.reset(seed=0)
    before = weights(env)[:6]
    env.step(np.array([0.0, 1.0, 1.0], dtype=np.float32))
    assert all(torch.equal(a, b) for a, b in zip(before, weights(env)[:6], strict=True))
    assert not env.optimizers["generator"].state
    env.step(np.zeros(3, dtype=np.float32))
    assert env.moves == {"generator": 0, "discriminator": 1}


def test_an_unknown_role_is_refused() -> None:
    with pytest.raises(UnknownName, match="unknown role 'generater': did you mean 'generator'"):
        Arena(SwissRoll, optimizers={"generater": sgd})


def test_a_batch_lives_until_a_named_role_has_moved() -> None:
    class Patient(SwissRoll):
        batch_until = "discriminator"

    env = Arena(functools.partial(Patient, batch=4), turns=10)
    env.reset(seed=0)
    seen = []
    for action in ((1.0, 0.0, 1.0), (1.0, 0.0, 1.0), (0.0, 1.0, 1.0), (1.0, 0.0, 1.0)):
        env.play_turn(action)
        seen.append(env.batch[0])
    assert seen[0] is seen[1] is seen[2]
    assert seen[3] is not seen[2]


def test_players_may_project_and_hear_of_new_batches() -> None:
    class Clipped(torch.nn.Linear):
        heard = 0

        def project_(self) -> None:
            for p in self.parameters():
                p.clamp_(-0.01, 0.01)

        def on_batch(self) -> None:
            self.heard += 1

    player = Clipped(2, 1)
    env = Arena(SwissRoll(discriminator=player, batch=8), turns=5)
    env.play_turn((1.0, 1.0, 1.0))
    env.play_turn((1.0, 1.0, 1.0))
    assert max(float(p.detach().abs().max()) for p in player.parameters()) <= 0.01
    assert player.heard == 2
