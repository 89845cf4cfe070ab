"""Plays the jobs of an experiment as tasks of Ray, on this machine or on a cluster whose nodes see the experiment's folder.

A task whose worker or node is killed is started again on another one, where a run continues from its latest checkpoint.
"""

import signal
import threading
from collections.abc import Sequence
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError

from arena.errors import ArenaError, RunFailed, typed
from arena.experiments.executors import Resources, Work
from arena.experiments.executors.base import Ended, Turns
from arena.registry.trust import as_here
from arena.runs.signals import signals_interrupt
from arena.tuning.backends.ray_cluster import connect, first_line

RETRIES = 4


def play(work: Work, jobs: Sequence[Any], ended: Ended, turns: Turns, resources: Resources) -> None:
    """Play all jobs; see `Executor`."""
    if not jobs:
        return
    with signals_interrupt():
        begun_here = connect(resources.address, resources.processes, resources.gpus)
        task = ray.remote(num_cpus=1, num_gpus=resources.gpus, max_retries=RETRIES, max_calls=0)(_play)
        there = ray.put(as_here(work))
        running = {task.remote(there, job): index for index, job in enumerate(jobs)}
        try:
            while running:
                for reference in ray.wait(list(running), timeout=0.5)[0]:
                    index = running.pop(reference)
                    try:
                        failed, result = ray.get(reference)
                    except RayTaskError as error:
                        raise RunFailed(f"{first_line(error)}. Fix that, then: arena resume {typed(resources.folder)}") from error
                    except RayError as error:
                        raise RunFailed(
                            f"Ray lost a run ({first_line(error)}). Continue with: arena resume {typed(resources.folder)}"
                        ) from error
                    if failed is not None:
                        raise (RunFailed if failed else ArenaError)(result)
                    ended(index, result)
        finally:
            for reference in running:
                ray.cancel(reference, force=True)
            if begun_here:
                ray.shutdown()


def _play(work: Work, job: Any) -> tuple[bool | None, Any]:
    """Play one job in a worker of Ray; an error comes back as a sentence."""
    import torch

    torch.set_num_threads(1)
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return None, work(job, lambda count: None)
    except ArenaError as error:
        return isinstance(error, RunFailed), str(error)
