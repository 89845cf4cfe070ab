"""Populations in parallel processes, each with one thread; none outlives the process that started it."""

import contextlib
import multiprocessing
import queue
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import torch

from arena.config.config import Config
from arena.errors import ArenaError, GameFault, RunFailed
from arena.experiments.map.plan import Key, Plan, load
from arena.experiments.map.results import Run, run_of
from arena.experiments.populations import play_alone, play_together
from arena.runs.processes import end_with_parent, leave_signals_to_parent, signals_interrupt

LOOK = 100
"""Turns between looks at the signals, by which runs that diverged are stopped."""

Job = tuple[int, bool, list[Key]]
"""A population's number, whether it is one (else its games are played one by one), and its runs."""

_plan: Plan
_news: Any


def play_in_processes(
    found: Plan,
    folder: Path,
    jobs: Sequence[Job],
    workers: int,
    tell: Callable[[int, int], None],
    ended: Callable[[int, Sequence[Key], Sequence[Run]], None],
) -> None:
    """Play populations, each in one of the processes.

    Args:
        found: the plan.
        folder: where the processes find it.
        jobs: what is played.
        workers: processes; 1 plays in this one.
        tell: called with a population's number and the turns that its members have played.
        ended: called with a population's number, its keys and what became of them.

    Raises:
        RunFailed: where a process died.
        KeyboardInterrupt: after Ctrl-C or SIGTERM.
    """
    with signals_interrupt():
        if workers == 1 or len(jobs) <= 1:
            _play_here(found, jobs, tell, ended)
            return
        spawn = multiprocessing.get_context("spawn")
        news = spawn.Queue()
        pool = ProcessPoolExecutor(min(workers, len(jobs)), mp_context=spawn, initializer=_begin_worker, initargs=(folder, news))
        try:
            waiting: dict[Future[list[Run]], Job] = {pool.submit(_play_there, job): job for job in jobs}
            while waiting:
                done, _ = wait(waiting, timeout=0.2, return_when=FIRST_COMPLETED)
                with contextlib.suppress(queue.Empty):
                    while True:
                        tell(*news.get_nowait())
                for future in done:
                    number, _, keys = waiting.pop(future)
                    ended(number, keys, future.result())
        except BrokenProcessPool as error:
            raise RunFailed(
                "a process of the map died; a script that draws one must do so under `if __name__ == '__main__':` (or with workers=1), "
                f"and else it may be memory that is short; go on by: arena resume {folder}"
            ) from error
        except BaseException:
            for process in multiprocessing.active_children():
                process.terminate()  # what it plays is played again when the map is resumed
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _play_here(
    found: Plan, jobs: Sequence[Job], tell: Callable[[int, int], None], ended: Callable[[int, Sequence[Key], Sequence[Run]], None]
) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(found.config(found.keys[0]).run.threads or threads)
    try:
        for number, together, keys in jobs:
            onwards = lambda turns, number=number: tell(number, turns)  # noqa: E731
            ended(number, keys, play_group([found.config(key) for key in keys], together, onwards))
    finally:
        torch.set_num_threads(threads)


def _begin_worker(folder: Path, news: Any) -> None:
    global _plan, _news
    leave_signals_to_parent()
    end_with_parent()
    torch.set_num_threads(1)
    _plan, _news = load(folder), news


def _play_there(job: Job) -> list[Run]:
    number, together, keys = job
    try:
        return play_group([_plan.config(key) for key in keys], together, lambda turns: _news.put((number, turns)))
    except ArenaError as error:
        raise ArenaError(str(error)) from None  # errors of more than one argument do not travel between processes


def play_group(configs: Sequence[Config], together: bool, tell: Callable[[int], None]) -> list[Run]:
    """Play one population, or games one by one, to the end."""
    try:
        outcomes = play_together(configs, LOOK, tell) if together else play_alone(configs, LOOK, tell)
    except GameFault:  # of the rule on all members; alone, each run says so itself
        outcomes = play_alone(configs, LOOK, tell)
    game = configs[0].example()
    return [run_of(outcome, game.collapsed(outcome.signals)) for outcome in outcomes]
