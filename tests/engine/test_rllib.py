"""Environments in RLlib's env runners: in this process, in processes that are forked or spawned, and in a process of Ray.

RLlib pins an older release of Gymnasium, so that it is in no extra: `pip install "ray[rllib]"` into an environment of its own.
"""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import multiprocessing, sys
import gymnasium, numpy, ray
from ray.rllib.algorithms.ppo import PPOConfig
from ray.rllib.env.single_agent_env_runner import SingleAgentEnvRunner
from ray.tune.registry import register_env

SMALL = {"turns": 8, "batch": 8, "generator": {"hidden": (4,)}, "discriminator": {"hidden": (4,)}, "threads": 1}

def ring(settings):
    return gymnasium.make("arena:arena/Ring-v0", **settings)

if __name__ == "__main__":
    mode, method = sys.argv[1:]
    register_env("ring", ring)
    runners = {"num_env_runners": 0, "num_envs_per_env_runner": 2, "rollout_fragment_length": 4}
    vectorized = gymnasium.VectorizeMode.SYNC if mode == "sync" else gymnasium.VectorizeMode.ASYNC
    config = PPOConfig().environment("ring", env_config=SMALL).env_runners(gym_env_vectorize_mode=vectorized, **runners)
    if method == "ray":
        ray.init(num_cpus=1, include_dashboard=False)
        runner = ray.remote(SingleAgentEnvRunner).remote(config=config)
        episodes = ray.get(runner.sample.remote(num_timesteps=12, random_actions=True))
    else:
        multiprocessing.set_start_method(method)
        runner = SingleAgentEnvRunner(config=config)
        episodes = runner.sample(num_timesteps=12, random_actions=True)
        runner.stop()
    print("played:", [len(episode) for episode in episodes], numpy.isfinite(episodes[0].get_observations()).all())
"""


@pytest.mark.slow
@pytest.mark.skipif(
    not all(map(importlib.util.find_spec, ("ray", "tree", "ormsgpack", "lz4"))),
    reason='needs RLlib, which pins Gymnasium: pip install "ray[rllib]"',
)
@pytest.mark.parametrize(("mode", "method"), [("sync", "fork"), ("async", "fork"), ("async", "spawn"), ("sync", "ray")])
def test_an_env_runner_plays(mode: str, method: str, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT, encoding="utf-8")
    words = [sys.executable, "script.py", mode, method]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300)
    assert "played: [6, 6] True" in done.stdout, done.stderr[-2000:]
