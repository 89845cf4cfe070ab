"""Sweeps by Ray Tune: the same scores as by the other backends, pruning, and what becomes of a killed worker, node and driver."""

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

from arena.errors import ArenaError
from arena.experiments.ledger import read_all
from arena.tuning import Options, parse_space
from arena.tuning.plan import Sweep, begin, load, plan

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.slow]
RATES = parse_space({"x.lr": "log:0.02:0.5", "y.lr": "log:0.02:0.5"})


def _plan(turns: int, **options: Any) -> Sweep:
    return plan("bilinear", {"turns": turns, "dtype": "float64"}, space=RATES, options=Options(backend="ray", workers=2, **options))


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Two nodes of one CPU each."""
    from ray.cluster_utils import Cluster

    import arena.tuning.backends.ray  # noqa: F401  # which sets what Ray reads when it begins

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    made.add_node(num_cpus=1)
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


@pytest.mark.parametrize("name", ["compare", "map"])
def test_comparisons_and_maps_lose_no_run_with_a_node(cluster: Any, tmp_path: Path, name: str) -> None:
    """Of two nodes one is killed while it plays; what it played is played on the other."""
    from arena.experiments.compare import play as comparisons
    from arena.experiments.compare.plan import Plan
    from arena.experiments.compare.plan import plan as compare_plan
    from arena.experiments.map import play as maps
    from arena.experiments.map.plan import begin as begin_map
    from arena.experiments.map.plan import plan as map_plan

    node, ended = cluster.add_node(num_cpus=1), list[object]()
    cluster.wait_for_nodes()

    def tell(*news: object) -> None:
        if name == "compare" or news[2]:
            ended.append(news)
        if len(ended) == 1:
            cluster.remove_node(node, allow_graceful=False)

    if name == "compare":
        settings = {"turns": 1500, "trace.tensorboard": False, "checkpoint.every": 100}
        jobs = compare_plan("bilinear", settings, (), {"rule": ["simultaneous", "extragradient"]}, "turns", 3)
        found = Plan("bilinear", jobs, "ray")
        played = comparisons.finish(found, comparisons.begin(found, tmp_path / "c"), 2, tell)
        assert {run.status for summary in played.summaries for run in summary.outcomes} == {"finished"}
        assert [summary.verdicts for summary in played.summaries] == ["diverged", "converged"]
    else:
        drawn = map_plan("bilinear", {"turns": 1500}, [], "x.lr=0.01:0.1:2", "y.lr=0.01:0.1:2", "0:3", 1, backend="ray")
        table = maps.finish(drawn, begin_map(drawn, tmp_path / "m"), 2, tell)
        assert len(table.runs) == 12 and {run.status for run in table.runs.values()} <= {"finished", "diverged"}
    assert len(ended) == (6 if name == "compare" else 12)


def test_a_killed_worker_and_a_killed_node_lose_no_trial(cluster: Any, tmp_path: Path) -> None:
    from arena.tuning.backends import ray as ray_backend

    found = _plan(2500, trials=5, seeds=(0,), sampler="random", pruner="none")
    folder, done = begin(found, tmp_path / "s"), []
    node = next(iter(cluster.worker_nodes))

    def tell(record: Any) -> None:
        done.append(record.number)
        if len(done) == 1:
            os.kill(_playing(), signal.SIGKILL)
        if len(done) == 3:
            cluster.remove_node(node, allow_graceful=False)

    ray_backend.play(found, folder, 2, tell)
    records = read_all(folder)
    assert [record.number for record in records] == list(range(5))
    assert {record.status for record in records} == {"finished"}
    assert sum(record.resumed for record in records) >= 1


def _playing() -> int:
    """A process that plays a trial."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if path.read_bytes().startswith(b"ray::ImplicitFunc") and path.stat().st_uid == os.getuid():
                return int(path.parent.name)
        except OSError:
            continue
    raise AssertionError("no trial is played")


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
