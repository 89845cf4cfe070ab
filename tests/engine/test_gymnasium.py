"""What users of Gymnasium do with environments: copies, wrappers, processes, windows, and mistakes."""

import copy
import functools
import io
import pickle
from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.error import ClosedEnvironmentError, ResetNeeded
from gymnasium.wrappers import TimeAwareObservation
from gymnasium.wrappers.vector import DictInfoToList

from arena.config.gym import make, make_vec
from arena.errors import ArenaError, BadSetting

SMALL = {"batch": 8, "generator.hidden": (4,), "discriminator.hidden": (4,), "turns": 30}
ring = functools.partial(make, "ring", **SMALL)


def saved(env: Any) -> Any:
    stream = io.BytesIO()
    torch.save(env, stream)
    stream.seek(0)
    return torch.load(stream, weights_only=False)


COPIES = {"deepcopy": copy.deepcopy, "pickle": lambda env: pickle.loads(pickle.dumps(env)), "torch.save": saved}  # noqa: S301


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("settings", [{}, {"rule": "extragradient"}, {"compile": True}, {"members": 2}], ids=str)
def test_a_copy_goes_on_as_the_environment_does(settings: dict[str, Any], how: str) -> None:
    """Both are stepped in turn, so that a tensor that they share would show."""
    members = settings.get("members")
    env: Any = make_vec("ring", num_envs=members, **SMALL) if members else ring(**settings)
    env.reset(seed=1)
    for _ in range(3):
        env.step(env.action_space.sample())
    other = COPIES[how](env)
    for _ in range(4):
        action = env.action_space.sample()
        (seen, reward, *_), (theirs, their_reward, *_) = env.step(action), other.step(action)
        np.testing.assert_array_equal(seen, theirs)
        np.testing.assert_array_equal(reward, their_reward)
    assert not {p.data_ptr() for p in env.game.parameters()} & {p.data_ptr() for p in other.game.parameters()}


def test_the_spec_knows_the_turns_and_makes_the_environment_again() -> None:
    env = gymnasium.make("arena:arena/Ring-v0", **SMALL)
    assert env.spec is not None and env.spec.max_episode_steps == 30
    assert TimeAwareObservation(env).reset(seed=0)[0].shape == (14,)
    again = gymnasium.make(gymnasium.envs.registration.EnvSpec.from_json(env.spec.to_json()))
    assert again.unwrapped.turns == 30  # type: ignore[attr-defined]


def test_a_population_counts_moves_for_each_member() -> None:
    envs = DictInfoToList(make_vec("ring", num_envs=2, **SMALL))
    envs.reset(seed=0)
    envs.step(np.array([[1, 1, 1], [0, 1, 1]], dtype=np.float32))
    info = envs.step(np.array([[1, 1, 1], [0, 1, 1]], dtype=np.float32))[-1]
    assert [own["moves"] for own in info] == [{"generator": 2, "discriminator": 2}, {"generator": 0, "discriminator": 2}]


@pytest.mark.parametrize("context", ["fork", "forkserver", pytest.param("spawn", marks=pytest.mark.thorough)])
def test_environments_in_other_processes_are_those_of_this_one(context: str) -> None:
    envs = gymnasium.vector.AsyncVectorEnv([functools.partial(ring, threads=1)] * 2, context=context)
    try:
        seen, _ = envs.reset(seed=[3, 4])
        actions = np.ones((2, 3), dtype=np.float32)
        after = envs.step(actions)[0]
    finally:
        envs.close()
    for k in range(2):
        env = ring(threads=1)
        np.testing.assert_array_equal(env.reset(seed=3 + k)[0], seen[k])
        np.testing.assert_array_equal(env.step(actions[k])[0], after[k])


@pytest.mark.rendered
def test_a_window_shows_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    pygame = pytest.importorskip("pygame")
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    with pytest.warns(UserWarning, match="HumanRendering"):
        env = gymnasium.make("arena:arena/Ring-v0", render_mode="human", **SMALL)
    env.reset(seed=0)
    env.step(env.action_space.sample())
    shown = pygame.surfarray.array3d(pygame.display.get_surface())
    env.close()
    assert shown.std() > 5  # more than a blank window


@pytest.mark.parametrize(
    "action",
    ["abc", np.array([1j, 0, 0]), [1, [2, 3]], None, {"a": 1}, np.array([np.nan, 0, 0]), np.ones(2), np.array(["a", "b", "c"]), object()],
    ids=lambda action: str(action)[:12],
)
def test_an_action_of_another_kind_is_refused_in_a_sentence(action: Any) -> None:
    for env in (ring(), make_vec("ring", num_envs=2, **SMALL)):
        env.reset(seed=0)
        with pytest.raises(BadSetting, match=r"three numbers in \[0, 1\]|within \[0, 1\]"):
            env.step(action)


def test_an_action_may_be_a_tensor_with_a_graph() -> None:
    env = ring()
    env.reset(seed=0)
    assert env.step(torch.ones(3, requires_grad=True))[-1]["turn"] == 1  # type: ignore[arg-type]


@pytest.mark.parametrize("build", [ring, functools.partial(make_vec, "ring", num_envs=2, **SMALL)])
def test_steps_out_of_order_are_refused(build: Callable[[], Any]) -> None:
    env = build()
    with pytest.raises(ResetNeeded, match="reset"):
        env.step(env.action_space.sample())
    env.reset(seed=0)
    env.step(env.action_space.sample())
    env.close()
    for call in (lambda: env.step(env.action_space.sample()), env.reset):
        with pytest.raises(ClosedEnvironmentError, match="closed"):
            call()


def test_a_step_after_the_end_is_refused() -> None:
    env = ring(turns=1)
    env.reset(seed=0)
    assert env.step(env.action_space.sample())[3]
    with pytest.raises(ResetNeeded, match="over"):
        env.step(env.action_space.sample())
    env.reset()
    env.step(env.action_space.sample())


def test_an_unknown_render_mode_is_refused() -> None:
    for build in (ring, functools.partial(make_vec, "ring", num_envs=2, **SMALL)):
        with pytest.raises(ArenaError, match="rgb_array or None"):
            build(render_mode="human")
