"""A sweep on Ray whose driver, workers or nodes are killed."""

import contextlib
import importlib.util
import os
import random
import signal
import time
from pathlib import Path
from typing import Any

from benchmarks.faults.fault import Fault
from benchmarks.faults.unbroken import Unbroken, words_of
from tests.support import commands

KIND = "sweep, ray"
PATIENCE = 300
TEST = "tests/tuning/test_ray.py"


def faults(unbroken: Unbroken) -> list[Fault]:
    if importlib.util.find_spec("ray") is None:
        return []
    how = "SIGKILL, at a random moment after the first trial"

    def row(who: str, attempt: Any) -> Fault:
        return Fault(f"kill {who} of {KIND}", how, 5, lambda folder, chance: attempt(unbroken, folder, chance), TEST)

    return [row("the driver", driver_killed), row("a worker", worker_killed), row("a node", node_killed)]


def driver_killed(unbroken: Unbroken, folder: Path, chance: random.Random) -> str:
    """Kill the driver, whose cluster ends with it, and resume."""
    out = folder / "e"
    with commands.arena(*words_of(KIND, 2), "--out", str(out), folder=folder) as driver:
        if (wrong := _until_a_trial(out, driver)) is not None:
            return wrong
        time.sleep(2 * chance.random())
        driver.kill()
    with commands.arena("resume", str(out), folder=folder) as again:
        if again.wait(PATIENCE) != 0:
            return f"resume ended with {again.returncode}: {again.output()[1][-200:]}"
    return "survived" if _same(unbroken, out) else "other values"


def worker_killed(unbroken: Unbroken, folder: Path, chance: random.Random) -> str:
    """Kill a process that plays; the sweep goes on by itself."""
    out = folder / "e"
    with commands.arena(*words_of(KIND, 2), "--out", str(out), folder=folder) as driver:
        if (wrong := _until_a_trial(out, driver)) is not None:
            return wrong
        time.sleep(2 * chance.random())
        for worker in playing()[:1]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
        if driver.wait(PATIENCE) != 0:
            return f"exit {driver.returncode}: {driver.output()[1][-200:]}"
    return "survived" if _same(unbroken, out) else "other values"


def node_killed(unbroken: Unbroken, folder: Path, chance: random.Random) -> str:
    """Kill one of the two nodes of a cluster; the sweep goes on by itself."""
    from ray.cluster_utils import Cluster

    import arena.tuning.backends.ray  # noqa: F401  # which sets what Ray reads when it begins

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        node, out = cluster.add_node(num_cpus=1), folder / "e"
        words = (*words_of(KIND, 2), "--address", str(cluster.address), "--out", str(out))
        with commands.arena(*words, folder=folder) as driver:
            if (wrong := _until_a_trial(out, driver)) is not None:
                return wrong
            time.sleep(2 * chance.random())
            cluster.remove_node(node, allow_graceful=False)
            if driver.wait(PATIENCE) != 0:
                return f"exit {driver.returncode}: {driver.output()[1][-200:]}"
    finally:
        cluster.shutdown()
    return "survived" if _same(unbroken, out) else "other values"


def _same(unbroken: Unbroken, out: Path) -> bool:
    """Whether a sweep ended with the values of one to which nothing happened, which is played in a process of its own."""
    if not (unbroken.folder / KIND).exists():
        with commands.arena(*words_of(KIND, 2), "--out", str(unbroken.folder / KIND), folder=unbroken.folder) as whole:
            assert whole.wait(PATIENCE) == 0, whole.output()
    return unbroken.same(KIND, out)


def _until_a_trial(out: Path, driver: commands.Process) -> str | None:
    """Wait for the first trial; return what went wrong."""
    until = time.monotonic() + PATIENCE
    while not any((out / "trials").glob("[0-9]*.json")):
        if driver.poll() is not None:
            return f"ended with {driver.returncode} before a trial: {driver.output()[1][-200:]}"
        if time.monotonic() > until:
            return "no trial in time"
        time.sleep(0.02)
    return None


def playing() -> list[int]:
    """Processes of Ray that play."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if path.read_bytes().startswith((b"ray::ImplicitFunc", b"ray::_play")) and path.stat().st_uid == os.getuid():
                found.append(int(path.parent.name))
    return found
