"""Plays jobs in this process, one after the other."""

from collections.abc import Sequence
from typing import Any

from arena.experiments.executors.base import Ended, Resources, Turns, Work
from arena.runs.signals import signals_interrupt


def play(work: Work, jobs: Sequence[Any], ended: Ended, turns: Turns, resources: Resources) -> None:
    """Play all jobs; see `Executor`."""
    with signals_interrupt():
        for index, job in enumerate(jobs):
            ended(index, work(job, lambda count, index=index: turns(index, count)))  # type: ignore[misc]
