"""Plays jobs in worker processes of one thread each, on this machine.

The workers are forked from a server that has imported torch, once for all of them. A worker takes one job at a time. If it dies, another
one plays that job again. Ctrl-C interrupts every worker: a run saves itself, anything else is dropped. What has not ended after
`GRACE` seconds is killed.
"""

import os
import signal
import time
from collections import deque
from collections.abc import Sequence
from multiprocessing.connection import Connection, wait
from typing import Any

from arena.core.memory import out_of_memory
from arena.errors import ArenaError, RunFailed, typed
from arena.experiments.executors import in_place
from arena.experiments.executors.base import Ended, Resources, Turns, Work
from arena.registry.trust import as_here
from arena.runs.processes import start_worker, take_signals_from_parent
from arena.runs.signals import signals_interrupt

GRACE = 1.5
STILLBORN = 3
"""Number of workers that may die one after the other before any of them could take a job."""


def play(work: Work, jobs: Sequence[Any], ended: Ended, turns: Turns, resources: Resources) -> None:
    """Play all jobs; see `Executor`. One worker, or one job, needs no further process."""
    if min(resources.processes, len(jobs)) <= 1:
        in_place.play(work, jobs, ended, turns, resources)
        return
    pool = _Pool(work, jobs, ended, turns, resources)
    with signals_interrupt():
        try:
            while pool.step():
                pass
        except KeyboardInterrupt:
            pool.interrupt()
            raise
        finally:
            pool.close()


class _Worker:
    """A process that plays jobs until it is sent None."""

    def __init__(self, work: Work):
        self.job: int | None = None
        self.ready = False
        self.process, self.pipe = start_worker(_play_jobs, as_here(work))


class _Pool:
    """Workers, and the jobs that are left."""

    def __init__(self, work: Work, jobs: Sequence[Any], ended: Ended, turns: Turns, resources: Resources):
        self.work, self.jobs, self.ended, self.turns, self.resources = work, jobs, ended, turns, resources
        self.left, self.deaths = deque(range(len(jobs))), [0] * len(jobs)
        self.workers: list[_Worker] = []
        self.stillborn = 0

    def step(self) -> bool:
        """Start workers and handle their messages; return whether there is more to do."""
        busy = sum(worker.job is not None for worker in self.workers)
        if not self.left and not busy:
            return False
        while len(self.workers) < min(self.resources.processes, len(self.left) + busy):
            self.workers.append(_Worker(self.work))
        for pipe in wait([worker.pipe for worker in self.workers]):
            worker = next(worker for worker in self.workers if worker.pipe is pipe)
            try:
                kind, said = worker.pipe.recv()
            except (EOFError, ConnectionResetError):
                self._lost(worker)
            else:
                self._heard(worker, kind, said)
        return True

    def _heard(self, worker: _Worker, kind: str, said: Any) -> None:
        index = worker.job
        if kind == "failed":
            raise (RunFailed if said[0] else ArenaError)(said[1])
        if kind == "crashed":
            raise RunFailed(f"a worker failed ({said}). Fix that, then: arena resume {typed(self.resources.folder)}")
        if kind == "turns" and index is not None:
            self.turns(index, said)
            return
        worker.ready, worker.job, self.stillborn = True, None, 0
        if kind == "ended" and index is not None:
            self.ended(index, said)
        worker.job = self.left.popleft() if self.left else None
        worker.pipe.send(None if worker.job is None else self.jobs[worker.job])

    def _lost(self, worker: _Worker) -> None:
        """Remove a worker whose process has ended; queue its job once more."""
        self.workers.remove(worker)
        worker.process.join()
        self.stillborn += not worker.ready
        if worker.job is None and self.stillborn < STILLBORN:
            return
        if worker.job is None or self.deaths[worker.job] >= self.resources.retries:
            raise RunFailed(
                "a process of the experiment died. A script that starts processes must do so under `if __name__ == '__main__':` (or with "
                f"workers=1); otherwise memory may be short. Fix that, then: arena resume {typed(self.resources.folder)}"
            )
        self.deaths[worker.job] += 1
        self.left.appendleft(worker.job)

    def interrupt(self) -> None:
        """Interrupt all workers, and wait for them for at most `GRACE` seconds."""
        for worker in self.workers:
            if worker.process.pid is not None and worker.process.is_alive():
                os.kill(worker.process.pid, signal.SIGINT)
        until = time.monotonic() + GRACE
        for worker in self.workers:
            worker.process.join(max(0.0, until - time.monotonic()))

    def close(self) -> None:
        """End all workers."""
        for worker in self.workers:
            worker.pipe.close()
            if worker.job is None:
                worker.process.join(0.5)
            worker.process.kill()
            worker.process.join()


def _play_jobs(pipe: Connection, work: Work) -> None:
    try:
        take_signals_from_parent()
        import torch

        torch.set_num_threads(1)
        pipe.send(("ready", None))
        while (job := pipe.recv()) is not None:
            pipe.send(("ended", work(job, lambda count: pipe.send(("turns", count)))))
    except (KeyboardInterrupt, EOFError, BrokenPipeError):
        pass  # the parent stops the experiment, or has ended
    except ArenaError as error:
        pipe.send(("failed", (isinstance(error, RunFailed), str(error))))
    except Exception as error:
        if out_of_memory(error):
            pipe.send(("failed", (True, "memory has run out; take fewer --workers, a smaller batch or smaller players")))
            return
        pipe.send(("crashed", f"{type(error).__name__}: {' '.join(str(error).split())}"))
        raise
