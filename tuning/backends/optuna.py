"""The Optuna backend: worker processes of one thread each, a journal in the folder, and a driver that replaces workers.

The trial of a killed worker is tried once more. Several drivers, each begun by `arena resume FOLDER`, share a sweep.
"""

import os
import uuid
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import torch

from arena.errors import RunFailed
from arena.experiments import ledger as record
from arena.runs.processes import signals_interrupt, start_worker, take_signals_from_parent
from arena.tuning.backends.base import Tell
from arena.tuning.backends.journal import open_study
from arena.tuning.backends.locks import hold
from arena.tuning.backends.trial_queue import WORKERS, TrialQueue
from arena.tuning.objective import evaluate
from arena.tuning.plan import Sweep, load
from arena.tuning.samplers import pruner, sampler

PATIENCE = 20
"""Number of workers that may die in succession, with no trial ending between, before the sweep is stopped."""


def play(sweep: Sweep, folder: Path, workers: int, tell: Tell = lambda record: None) -> None:
    """Play the trials that are left; see `Backend`."""
    driver, told, deaths, begun = uuid.uuid4().hex[:8], set[int](), 0, 0
    with signals_interrupt(), hold(folder / WORKERS / driver):
        sampler(sweep.options)  # reports a missing package before anything starts
        ledger = TrialQueue(sweep, folder, open_study(sweep, folder))
        ledger.prepare()
        ledger.recover_lost()
        alive: dict[Any, _Worker] = {}

        def news() -> int:
            """Report the trials that have ended since the last call; return their number."""
            fresh = [n for n in record.numbers(folder) if n not in told]
            for number in fresh:
                if (ended := record.read(folder, number)) is not None:
                    told.add(number)
                    tell(ended)
            return len(fresh)

        try:
            while True:
                to_begin, running = ledger.left()
                while to_begin > 0 and len(alive) < min(workers, to_begin + len(alive)):
                    begun += 1
                    started = _Worker(folder, driver, begun)
                    alive[started.process.sentinel] = started
                    to_begin -= 1
                if not alive and not running:
                    break
                for sentinel in wait([*alive], timeout=0.5):
                    ended = alive.pop(sentinel)
                    if ended.failed is not None:
                        raise RunFailed(f"{ended.failed}. Fix that, then: arena resume {folder}")
                    deaths += ended.process.exitcode != 0
                if news():
                    deaths = 0
                ledger.recover_lost()
                if deaths >= PATIENCE:
                    raise RunFailed(
                        f"the processes of the sweep keep dying, perhaps because memory is short. Fix that, then: arena resume {folder}"
                    )
        finally:
            for worker in alive.values():
                worker.process.kill()  # what it plays is played again when the sweep is resumed
            for worker in alive.values():
                worker.process.join()
            news()


class _Worker:
    """A process that plays trials until none is left."""

    def __init__(self, folder: Path, driver: str, number: int):
        self.process, self._news = start_worker(_work, folder, driver, number)

    @property
    def failed(self) -> str | None:
        """The reason to stop the sweep, if the worker sent one before it ended."""
        try:
            return self._news.recv() if self._news.poll() else None
        except EOFError:
            return None


def _work(news: Connection, folder: Path, driver: str, number: int) -> None:
    take_signals_from_parent()
    torch.set_num_threads(1)
    name = f"{driver}-{number}-{os.getpid()}"
    try:
        with hold(folder / WORKERS / name):
            sweep = load(folder)
            ledger = TrialQueue(sweep, folder, open_study(sweep, folder, sampler(sweep.options, _stream(name)), pruner(sweep.options)))
            while play_next(ledger, name):
                pass
        (folder / WORKERS / name).unlink(missing_ok=True)
    except OSError as error:
        where = error.filename or f"a file in {folder}"
        news.send(f"the sweep stopped because {where} could not be written ({error.strerror or error})")
    except Exception as error:
        news.send(f"the sweep stopped because a worker failed ({type(error).__name__}: {' '.join(str(error).split())})")


def _stream(name: str) -> int:
    """Return the number of a worker's random stream. The streams of the first driver's workers follow from the sweep's seed alone."""
    return int(name.split("-")[1])


def play_next(ledger: TrialQueue, worker: str) -> bool:
    """Play the next trial; return whether there was one."""
    trial = ledger.take(worker)
    if trial is None:
        return False
    prunes = ledger.sweep.options.pruner != "none"

    def report(step: int, value: float) -> bool:
        if not prunes:
            return False
        trial.report(value, step)
        return trial.should_prune()

    ledger.tell(evaluate(ledger.sweep, trial.number, dict(trial.params), report, retry_of=trial.user_attrs.get("retry_of")))
    return True
