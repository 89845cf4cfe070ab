"""The Optuna backend: worker processes of one thread each, which take trials from a journal in the folder until none is left.

The trial of a killed worker is tried once more. Several drivers, each begun by `arena resume FOLDER`, share a sweep.
"""

import os
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from arena.experiments import ledger
from arena.experiments.executors import Resources, processes
from arena.runs.folders import disk_errors
from arena.runs.locks import hold
from arena.runs.signals import signals_interrupt
from arena.tuning.backends.base import Tell
from arena.tuning.backends.journal import open_study
from arena.tuning.backends.repairing import repair
from arena.tuning.backends.trial_queue import WORKERS, TrialQueue
from arena.tuning.objective import evaluate
from arena.tuning.plan import Sweep, load
from arena.tuning.samplers import pruner, sampler

PATIENCE = 20
"""Number of times that each worker may die before the sweep is stopped."""


def play(sweep: Sweep, folder: Path, workers: int, tell: Tell = lambda record: None) -> None:
    """Play the trials that are left; see `Backend`."""
    driver, told = uuid.uuid4().hex[:8], set[int]()

    def news(*_: object) -> None:
        """Report the trials that have ended since the last call."""
        for number in [n for n in ledger.numbers(folder) if n not in told]:
            if (ended := ledger.read(folder, number)) is not None:
                told.add(number)
                tell(ended)

    with signals_interrupt(), disk_errors("the sweep", folder), hold(folder / WORKERS / driver):
        sampler(sweep.options)  # reports a missing package before anything starts
        repair(sweep, folder)
        queue = TrialQueue(sweep, folder, open_study(sweep, folder))
        queue.prepare()
        try:
            while True:
                queue.recover_lost()
                to_begin, running = queue.left()
                if to_begin:
                    jobs, resources = range(1, 1 + min(workers, to_begin)), Resources(folder, workers, retries=PATIENCE)
                    processes.play(PlayTrials(folder, driver), jobs, news, news, resources)
                elif running:
                    time.sleep(0.5)  # by another driver
                else:
                    break
        finally:
            news()


@dataclass(frozen=True)
class PlayTrials:
    """Plays trials until none is left.

    Args:
        folder: of the sweep.
        driver: name of the driver.
    """

    folder: Path
    driver: str

    def __call__(self, number: int, ended: Callable[[int], None]) -> None:
        """Play trials as the worker of that number; report each that ends."""
        deaths = len(list((self.folder / WORKERS).glob(f"{self.driver}-{number}-*")))
        name = f"{self.driver}-{number}-{os.getpid()}"
        with disk_errors("the sweep", self.folder), hold(self.folder / WORKERS / name):
            sweep = load(self.folder)
            # The random streams of a driver's workers follow from the seed of the sweep; a worker that takes another's place has its own.
            study = open_study(sweep, self.folder, sampler(sweep.options, number + 1000 * deaths), pruner(sweep.options))
            queue = TrialQueue(sweep, self.folder, study)
            queue.recover_lost()
            while play_next(queue, name):
                ended(number)
        (self.folder / WORKERS / name).unlink(missing_ok=True)


def play_next(queue: TrialQueue, worker: str) -> bool:
    """Play the next trial; return whether there was one."""
    trial = queue.take(worker)
    if trial is None:
        return False
    prunes = queue.sweep.options.pruner != "none"

    def report(step: int, value: float, _: object) -> bool:
        if not prunes:
            return False
        trial.report(value, step)
        return trial.should_prune()

    point = {name: trial.params[name] for name in queue.sweep.space.names if name in trial.params}
    queue.tell(evaluate(queue.sweep, trial.number, point, report, retry_of=trial.user_attrs.get("retry_of")))
    return True
