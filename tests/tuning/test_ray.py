"""Experiments on Ray: the same numbers as by the other backends, pruning, and what becomes of a killed worker, node and driver."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import ray

from arena.cli import main
from arena.errors import ArenaError
from arena.experiments.ledger import read_all
from arena.tuning import Options, parse_space
from arena.tuning.plan import Sweep, begin, load, plan
from benchmarks.faults.ray_cluster import playing
from tests.experiments.test_interrupted import KINDS

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.slow]
RATES = parse_space({"x.lr": "log:0.02:0.5", "y.lr": "log:0.02:0.5"})


def _plan(turns: int, **options: Any) -> Sweep:
    return plan("bilinear", {"turns": turns, "dtype": "float64"}, space=RATES, options=Options(backend="ray", workers=2, **options))


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """One node of one CPU."""
    from ray.cluster_utils import Cluster

    import arena.tuning.backends.ray  # noqa: F401  # which sets what Ray reads when it begins

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    ray.init(address=made.address, log_to_driver=False, logging_level="error")
    made.wait_for_nodes()
    yield made
    ray.shutdown()
    made.shutdown()


def test_ray_gives_what_the_population_gives(cluster: Any, tmp_path: Path) -> None:
    from arena.tuning.backends import population as population_backend
    from arena.tuning.backends import ray as ray_backend

    found = _plan(30, trials=4, seeds=(0, 1), sampler="qmc", pruner="none", members=2)
    ray_backend.play(found, begin(found, tmp_path / "ray"), 2)
    population_backend.play(found, begin(found, tmp_path / "population"), 1)
    one, other = read_all(tmp_path / "ray"), read_all(tmp_path / "population")
    assert [record.point for record in one] == [record.point for record in other] == found.points
    assert [record.value for record in one] == pytest.approx([record.value for record in other], rel=1e-9)


@pytest.mark.parametrize(("sampler", "pruner"), [("tpe", "none"), ("qmc", "none"), ("random", "pbt")])
def test_ray_plays_active_settings_alone(cluster: Any, tmp_path: Path, sampler: str, pruner: str) -> None:
    from arena.tuning.backends import ray as ray_backend

    space = parse_space({"x.momentum": "0:0.9", "x.lr": "log:0.02:0.1", "x.optimizer": "sgd,adam"})
    options = Options(backend="ray", trials=6, seeds=(0,), sampler=sampler, pruner=pruner)
    found = plan("bilinear", {"turns": 8}, space=space, options=options)
    ray_backend.play(found, begin(found, tmp_path / "s"), 2)
    points = [record.point for record in read_all(tmp_path / "s")]
    assert len(points) == 6
    assert all(point == found.configs.active(point) for point in points)
    assert all(("x.momentum" in point) == (point["x.optimizer"] == "sgd") for point in points)
    if found.options.planned:
        assert points == found.points


def test_gpus_are_asked_for_only_where_there_are_some(cluster: Any, tmp_path: Path) -> None:
    from arena.tuning.backends import ray as ray_backend

    found = _plan(30, trials=2, seeds=(0,), gpus=0.25)
    with pytest.raises(ArenaError, match=r"--gpus 0.25 is asked for each trial, but the cluster has 0 GPUs; leave it out"):
        ray_backend.play(found, begin(found, tmp_path / "s"), 2)


@pytest.mark.parametrize("pruner", ["median", "hyperband", "successive-halving", "pbt"])
def test_every_pruner_comes_to_its_end(cluster: Any, tmp_path: Path, pruner: str) -> None:
    from arena.tuning.backends import ray as ray_backend

    found = _plan(80, trials=4, seeds=(0,), sampler="random", pruner=pruner)
    ray_backend.play(found, begin(found, tmp_path / "s"), 2)
    assert [record.number for record in read_all(tmp_path / "s")] == [0, 1, 2, 3]


@pytest.mark.parametrize("name", KINDS)
def test_a_killed_node_and_a_killed_worker_lose_nothing(cluster: Any, tmp_path: Path, name: str) -> None:
    """Of a cluster at `--address`, a node and then a worker that plays on the other one: every run ends, bit for bit as if unbroken."""
    kind, folder = KINDS[name], tmp_path / "ray"
    here = ("--backend", "population", "--members", "1") if name == "sweep" else ("--backend", "in-place")
    assert main([*kind.words, *here, "--workers", "2", "--out", str(tmp_path / "here")]) == 0
    node = cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    words = ["--backend", "ray", "--address", cluster.address, "--workers", "2", "--out", str(folder)]
    with (tmp_path / "said").open("w+") as said:
        driver = subprocess.Popen([sys.executable, "-m", "arena.cli", *kind.words, *words], stdout=said, stderr=said)
        try:
            until = time.monotonic() + 120
            while kind.kept(folder) < kind.enough:
                assert time.monotonic() < until and driver.poll() is None, (tmp_path / "said").read_text()
                time.sleep(0.02)
            cluster.remove_node(node, allow_graceful=False)
            for worker in playing():
                os.kill(worker, signal.SIGKILL)
            assert driver.wait(timeout=240) == 0, (tmp_path / "said").read_text()
        finally:
            driver.kill()
    assert kind.numbers(folder) == kind.numbers(tmp_path / "here")


def test_a_killed_driver_goes_on_without_repeating(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    words = ["--vary", "x.lr=log:0.02:0.5", "--turns", "800", "--trials", "5", "--seeds", "1", "--pruner", "successive-halving"]
    command = [sys.executable, "-m", "arena.cli", "sweep", "bilinear", *words, "--backend", "ray", "--workers", "2", "--out", str(folder)]
    driver = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 90
    while len(list((folder / "trials").glob("[0-9]*.json"))) < 2:
        assert time.monotonic() < until
        assert driver.poll() is None
        time.sleep(0.1)
    time.sleep(1.5)
    before = {path.name: path.stat().st_mtime_ns for path in (folder / "trials").glob("[0-9]*.json")}
    driver.kill()
    driver.wait()
    done = subprocess.run(
        [sys.executable, "-m", "arena.cli", "resume", str(folder)], capture_output=True, text=True, timeout=150, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert [record.number for record in read_all(folder)] == list(range(load(folder).options.trials))
    assert all((folder / "trials" / name).stat().st_mtime_ns == written for name, written in before.items())
