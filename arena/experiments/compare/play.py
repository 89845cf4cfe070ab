"""Plays a plan in parallel processes, resumes what was cut short, and writes what came of it.

The folder of a comparison holds `comparison.yaml` (the plan: what varies, and every run's complete configuration), a run folder for each
variant and seed, `comparison.csv`, the pictures and, where the game has a table of its own, `table.md`; TensorBoard opens it as a whole.
"""

import csv
import multiprocessing
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from arena.accelerate.process_group import refuse_distributed
from arena.config.settings import load_file, plain
from arena.core.result_table import OwnTable
from arena.errors import ArenaError, GameFault, RuleUndefined, RunFailed
from arena.experiments.compare.plan import Job, Vary, parse_vary, plan
from arena.experiments.compare.results import Summary, own_table, summarise
from arena.experiments.values import Seeds
from arena.runs.folders import new_folder, stem
from arena.runs.processes import leave_signals_to_parent, signals_interrupt

PLAN = "comparison.yaml"


@dataclass(frozen=True, repr=False)
class Comparison:
    """A comparison that has been played.

    Args:
        folder: where everything is.
        summaries: one for each variant.
        own_table: the table of the game's literature, where the game has one.
    """

    folder: Path
    summaries: list[Summary]
    own_table: OwnTable | None = None

    def __repr__(self) -> str:
        runs = sum(len(summary.outcomes) for summary in self.summaries)
        return f"<comparison of {len(self.summaries)} variants by {runs} runs in {self.folder}>"

    @property
    def pictures(self) -> list[Path]:
        return sorted(self.folder.glob("*.png"))


def compare(
    game: str,
    vary: Mapping[str, str | Sequence[Any]],
    *,
    seeds: Seeds | None = None,
    settings: Mapping[str, Any] | None = None,
    budget: str = "gradients",
    out: str | Path | None = None,
    workers: int | None = None,
) -> Comparison:
    """Play every combination of the values in `vary` with equal budgets, and tell what became of each.

    Args:
        game: id, import path or file of a game.
        vary: values by setting, as a list or as words of the command line, such as `"int:1:5"`.
        seeds: `3` (0, 1 and 2), `"0:3"` or `(0, 1, 5)`; None takes the seed of the settings.
        settings: settings that all variants share.
        budget: gradients (as many gradient evaluations for each, products counted) or turns.
        out: the folder, which must not exist; None numbers one under `runs/`.
        workers: processes; None uses one for each core.

    Raises:
        ArenaError: before anything starts, for input that cannot be used.

    Example:
        >>> import tempfile
        >>> found = compare("bilinear", {"rule": ["simultaneous", "extragradient"]}, workers=1,
        ...                 settings={"turns": 300, "trace.tensorboard": False}, out=tempfile.mkdtemp() + "/c")
        >>> [(s.variant, s.verdicts, f"{s.spread('contraction')[0]:.4f}") for s in found.summaries]
        [('rule=simultaneous', 'diverged', '1.0050'), ('rule=extragradient', 'converging', '0.9950')]
        >>> found  # doctest: +ELLIPSIS
        <comparison of 2 variants by 2 runs in /.../c>
    """
    refuse_distributed("a comparison")
    words: dict[str, Sequence[str]] = {}
    for key, values in vary.items():
        if isinstance(values, str):
            words |= parse_vary([f"{key}={values}"])
        else:
            words[key] = [value if isinstance(value, str) else str(plain(value)) for value in values]
    jobs = plan(game, settings or {}, (), words, budget, seeds)
    folder = begin(game, jobs, out)
    return finish(jobs, folder, workers)


def begin(game: str, jobs: Sequence[Job], out: str | Path | None = None) -> Path:
    """Make the comparison's folder and write the plan into it.

    Raises:
        FolderInTheWay: where the folder exists.
    """
    rows = [{"variant": job.variant, "seed": job.seed, "settings": plain(job.settings)} for job in jobs]
    text = yaml.safe_dump({"game": game, "runs": rows}, sort_keys=False, allow_unicode=True)
    return new_folder(out, f"compare-{stem(game)}", "a comparison", {PLAN: text})


def load(folder: str | Path) -> list[Job]:
    """The plan of a comparison's folder.

    Raises:
        ArenaError: where it cannot be read.
    """
    data = load_file(Path(folder) / PLAN)
    try:
        return [Job(row["variant"], int(row["seed"]), row["settings"]) for row in data["runs"]]
    except (KeyError, TypeError, ValueError) as error:
        raise ArenaError(f"{Path(folder) / PLAN} is not a comparison's plan ({error}); restore it, or compare again") from error


def finish(
    jobs: Sequence[Job], folder: Path, workers: int | None = None, tell: Callable[[Job, str], None] = lambda job, how: None
) -> Comparison:
    """Play what has not been played to its end, and write what came of everything.

    Args:
        jobs: the plan.
        folder: the comparison's folder.
        workers: processes; None uses one for each core.
        tell: called with each run that ends, and how.

    Raises:
        RunFailed: where a process died or a disk failed; what was played is kept.
        KeyboardInterrupt: after Ctrl-C, when every run in play has saved itself.
    """
    refuse_distributed("a comparison")
    _play_all(jobs, folder, workers or len(os.sched_getaffinity(0)), tell)
    summaries = summarise(jobs, folder)
    write_csv(summaries, folder / "comparison.csv")
    own = own_table(summaries)
    if own is not None:
        (folder / "table.md").write_text(own.markdown() + "\n", encoding="utf-8")
    from arena.experiments.compare.figures import draw

    draw(summaries, folder)
    return Comparison(folder, summaries, own)


def write_csv(summaries: Sequence[Summary], path: Path) -> None:
    """One line for each run."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["variant", "seed", "verdict", "status", "score", "ceiling", "cost", "contraction", "theory", "reason"])
        for s in summaries:
            known = s.theory.spectral_radius() if s.theory else None
            for o in s.outcomes:
                row = [s.variant, o.job.seed, o.verdict, o.status, o.score, o.ceiling, o.cost, o.contraction, known, o.reason]
                writer.writerow(["" if value is None else value for value in row])


# Processes ----------------------------------------------------------------------------------------------------------------------


def _play_all(jobs: Sequence[Job], folder: Path, workers: int, tell: Callable[[Job, str], None]) -> None:
    with signals_interrupt():
        if workers == 1:
            for job in jobs:
                tell(job, play_job(job, folder))
            return
        spawn = multiprocessing.get_context("spawn")
        pool = ProcessPoolExecutor(min(workers, len(jobs)), mp_context=spawn, initializer=leave_signals_to_parent)
        try:
            waiting: dict[Future[str], Job] = {pool.submit(play_job, job, folder): job for job in jobs}
            while waiting:
                done, _ = wait(waiting, return_when=FIRST_COMPLETED)
                for future in done:
                    tell(waiting.pop(future), future.result())
        except BrokenProcessPool as error:
            raise RunFailed(
                "a process of the comparison died; a script that compares must do so under `if __name__ == '__main__':` (or with "
                f"workers=1), and else it may be memory that is short; go on by: arena resume {folder}"
            ) from error
        except KeyboardInterrupt:
            for process in multiprocessing.active_children():
                if process.pid is not None:
                    os.kill(process.pid, signal.SIGINT)  # each run in play ends its turn and saves itself
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def play_job(job: Job, folder: Path) -> str:
    """Play one run to its end, or on from where it was cut short; returns how it ended."""
    from arena.config.configure import configure
    from arena.runs.play import resume, start

    own = folder / job.folder
    try:
        if (own / "config.yaml").is_file():
            return resume(own, display=False).status
        if own.is_dir() and not any(own.iterdir()):
            own.rmdir()  # killed between making its folder and writing into it
        settings = {key: value for key, value in job.settings.items() if key != "game"}
        return start(configure(job.settings["game"], settings), own, display=False).status
    except (RuleUndefined, GameFault):
        return "undefined"  # its trace says why


__all__ = ["PLAN", "Comparison", "Vary", "begin", "compare", "finish", "load", "play_job"]
