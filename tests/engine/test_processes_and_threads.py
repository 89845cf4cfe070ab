"""Environments in forked processes and in threads play what they play alone."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch

import arena.games  # noqa: F401  registers the environments
from arena.config import configure
from arena.engine.episode import place

FORKS = """
import multiprocessing, sys
import gymnasium, numpy, torch
import arena.games
from arena.errors import BadSetting

def step(seed, **settings):
    env = gymnasium.make("arena/Ring-v0", turns=3, batch=256, **settings)
    env.reset(seed=seed)
    return float(env.step(numpy.ones(3, numpy.float32))[0].sum())

def several(seed):
    try:
        return step(seed, threads=2)
    except BadSetting as error:
        return str(error)

if __name__ == "__main__":
    torch.set_num_threads(2)  # as torch does by itself on two cores
    step(0, threads=2)
    context = multiprocessing.get_context("fork")
    with context.Pool(2) as pool:
        print(len(pool.map(step, [1, 2])), pool.map(several, [1])[0])
    envs = gymnasium.make_vec("arena/Bilinear-v0", num_envs=2, vectorization_mode="async", turns=3)
    envs.reset(seed=0)
    print(envs.step(envs.action_space.sample())[0].shape[0], torch.get_num_threads())
    envs.close()
"""

SMALL = {"batch": 4, "turns": 4, "generator.hidden": (4,), "discriminator.hidden": (4,)}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_environments_play_in_forked_processes() -> None:
    """The threads of OpenMP do not survive a fork, and a child that waits for them gives no answer."""
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    command = [sys.executable, "-c", FORKS]
    running = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        output, errors = running.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        os.killpg(running.pid, signal.SIGKILL)  # its children too
        raise
    assert running.returncode == 0, errors
    first, second = output.splitlines()
    assert first == (
        "2 threads is 2, but must be 0 or 1 in a forked process, whose parent has computed in several threads, which do not survive a "
        "fork. Fix: start the process by spawn"
    )
    assert second == "2 2"


@pytest.fixture
def switching() -> Iterator[None]:
    """Switch threads every ten microseconds."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def in_threads(work: Callable[[int], Any], count: int = 4) -> list[Any]:
    """Return the results of threads that begin at once."""
    barrier = threading.Barrier(count)

    def begin(seed: int) -> Any:
        barrier.wait()
        return work(seed)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(begin, range(count)))


@pytest.mark.parametrize("rule", ["simultaneous", "sga"])
def test_environments_in_threads_equal_those_alone(rule: str, switching: None) -> None:
    """Threads share torch's global random streams, and the level of its forward-mode derivatives, of which sga takes some."""

    def play(seed: int) -> list[np.ndarray]:
        env = configure("swiss-roll", {**SMALL, "rule": rule}).build()
        seen = [env.reset(seed=seed)[0]]
        weights = [p.detach().numpy().ravel().copy() for p in env.game.parameters()]
        return [*weights, *seen, *(env.step(np.ones(3, np.float32))[0] for _ in range(2))]

    alone = [play(seed) for seed in range(4)]
    for wanted, found in zip(alone, in_threads(play), strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(wanted, found, strict=True))


def test_building_leaves_the_global_stream_alone(switching: None) -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    in_threads(lambda seed: configure("swiss-roll", SMALL).build().reset(seed=seed))
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("name", ["Ring", "Bilinear", "Dirac", "Regression", "DANN", "GenerateToAdapt", "MatchingPennies"])
def test_environments_play_under_another_default_dtype(name: str) -> None:
    """The precision of a run is its `dtype`, whatever the default is."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        env = gymnasium.make(f"arena/{name}-v0", turns=2, disable_env_checker=True)
        env.reset(seed=0)
        observation, *_ = env.step(np.ones(3, np.float32))
        dtypes = {p.dtype for p in env.unwrapped.game.parameters()}  # type: ignore[attr-defined]
    finally:
        torch.set_default_dtype(before)
    assert np.isfinite(observation).all()
    assert dtypes == {torch.float32}


def test_a_batch_has_the_precision_of_the_run() -> None:
    """Data of NumPy are float64, and the players are not."""
    numbers, labels = torch.zeros(2, dtype=torch.float64), torch.tensor([1, 2])
    placed = place({"x": (numbers, "name"), "y": labels}, torch.device("cpu"), torch.float32)
    assert (placed["x"][0].dtype, placed["x"][1], placed["y"].dtype) == (torch.float32, "name", torch.int64)
    single = torch.zeros(2)
    assert place(single, torch.device("cpu"), torch.float32) is single
