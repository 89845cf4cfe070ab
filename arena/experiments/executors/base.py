"""The interface of executors: play jobs, report each one that ends, and stop within two seconds of Ctrl-C.

A job is anything that can be pickled, and so is the work, a callable that plays one job to its end. An interrupted job either has saved
itself or is played again on resume, so an executor may end it at any moment.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Protocol

from arena.errors import BadSetting, check_number
from arena.registry.lookup import is_path, located, lookup
from arena.registry.plug_ins import plug_in
from arena.runs.locks import alone_in
from arena.runs.processes import cores

Work = Callable[[Any, Callable[[int], None]], Any]
"""Plays a job, given a function that takes the turns played so far; returns the result. Raises KeyboardInterrupt if it was stopped."""
Ended = Callable[[int, Any], None]
"""Takes the index of a job that has ended, and its result."""
Turns = Callable[[int, int], None]
"""Takes the index of a job, and the turns that it has played."""


@dataclass(frozen=True)
class Resources:
    """The machines that an executor may use.

    Args:
        folder: of the experiment; every machine must see it under this path.
        workers: processes, at least 1; 0 takes one for each core.
        address: of a running cluster; empty begins one on this machine.
        gpus: for each job, such as 0.25.
        retries: number of times that a job is played again because its process died.
    """

    folder: Path
    workers: int = 0
    address: str = ""
    gpus: float = 0.0
    retries: int = 1

    @property
    def processes(self) -> int:
        """The number of processes."""
        return self.workers or cores()


class Executor(Protocol):
    """Plays jobs somewhere."""

    def __call__(self, work: Work, jobs: Sequence[Any], ended: Ended, turns: Turns, resources: Resources) -> None:
        """Play all jobs.

        Args:
            work: plays one job; picklable.
            jobs: all that are to be played; picklable.
            ended: called in this process with each job that ends.
            turns: called in this process while jobs are played, as far as the executor can.
            resources: the machines to use.

        Raises:
            RunFailed: if a process keeps dying, or the disk failed. Jobs that have ended are kept.
            KeyboardInterrupt: after Ctrl-C or SIGTERM, within two seconds.
        """


def executor(name: str) -> Executor:
    """Return an executor by its name, import path (`package.module.play`) or file (`mine.py:play`).

    Raises:
        UnknownName: if no installed package offers it.
        ArenaError: if it needs a package that is missing, or a path leads to no executor.

    Example:
        >>> executor("arena.experiments.executors.processes.play") is executor("processes")
        True
    """
    found: Executor = lookup("executor", name).target if is_path(name) else plug_in("arena.executors", "backend", name)
    return found


@dataclass(kw_only=True)
class Where:
    """Where the jobs of a plan are played.

    Args:
        backend: an executor, by name, import path or file; population sorts the jobs into groups, which processes play.
        address: of a running cluster; empty begins one on this machine.
        gpus: for each job, such as 0.25.
    """

    backend: str = "processes"
    address: str = ""
    gpus: float = 0.0

    def __post_init__(self) -> None:
        for name in ("backend", "address"):
            if not isinstance(found := getattr(self, name), str):
                raise BadSetting(name, found, "text")
        check_number("gpus", self.gpus, least=0)
        self.backend = located("executor", self.backend)

    @property
    def executor(self) -> Executor:
        """The executor.

        Raises:
            ArenaError: if it is unknown, or needs a package that is missing.
        """
        return executor("processes" if self.backend == "population" else self.backend)

    @property
    def where(self) -> dict[str, Any]:
        """The arguments that differ from the defaults, as plans are saved with them."""
        return {name: value for name in WHERE if (value := getattr(self, name)) != getattr(Where, name)}

    def play(self, work: Work, jobs: Sequence[Any], ended: Ended, turns: Turns, folder: Path, workers: int = 0) -> None:
        """Play jobs; see `Executor` and `Resources`."""
        with alone_in(folder):
            self.executor(work, jobs, ended, turns, Resources(folder.resolve(), workers, self.address, self.gpus))


WHERE = tuple(field.name for field in fields(Where))
