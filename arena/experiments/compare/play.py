"""Plays a plan in parallel processes, resumes what was cut short, and writes what came of it.

The folder of a comparison holds `comparison.yaml` (the plan: what varies, and every run's complete configuration), a run folder for each
variant and seed, `comparison.csv`, the pictures and, where the game has a table of its own, `table.md`; TensorBoard opens it as a whole.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from arena.accelerate.process_group import refuse_distributed
from arena.core.result_table import ResultTable
from arena.errors import GameFault, RuleUndefined
from arena.experiments.compare.members import PlayRuns, grouped
from arena.experiments.compare.plan import Job, Plan, begin, plan, values_of
from arena.experiments.compare.results import Summary, summarise, trials_of_runs
from arena.experiments.executors import Resources
from arena.experiments.tables import write_csv
from arena.experiments.trials import Trials
from arena.experiments.values import Seeds

COLUMNS = ("variant", "seed", "verdict", "status", "score", "ceiling", "cost", "contraction", "theory", "reason")


@dataclass(frozen=True, repr=False)
class Comparison:
    """A comparison that has been played.

    Args:
        folder: where everything is.
        summaries: one for each variant.
        trials: the same for reports.
    """

    folder: Path
    summaries: list[Summary]
    trials: Trials

    def __repr__(self) -> str:
        runs = sum(len(summary.outcomes) for summary in self.summaries)
        return f"<comparison of {len(self.summaries)} variants by {runs} runs in {self.folder}>"

    @property
    def own_table(self) -> ResultTable | None:
        """The table of the game's literature; None if it has none."""
        return self.trials.own_table

    @property
    def pictures(self) -> list[Path]:
        return sorted(self.folder.glob("*.png"))


def compare(
    game: str,
    vary: Mapping[str, str | Sequence[Any]] = MappingProxyType({}),
    *,
    seeds: Seeds | None = None,
    settings: Mapping[str, Any] | None = None,
    budget: str = "gradients",
    out: str | Path | None = None,
    workers: int | None = None,
    backend: str = "processes",
    address: str = "",
    gpus: float = 0.0,
) -> Comparison:
    """Play every combination of the values in `vary` with equal budgets, and tell what became of each.

    Args:
        game: id, import path or file of a game.
        vary: values by setting, as a list or as words of the command line, such as `"int:1:5"`; without any, the seeds alone differ.
        seeds: `3` (0, 1 and 2), `"0:3"` or `(0, 1, 5)`; None takes the seed of the settings.
        settings: settings that all variants share.
        budget: gradients (as many gradient evaluations for each, products counted) or turns.
        out: the folder, which must not exist; None numbers one under `runs/`.
        workers: processes; None uses one for each core.
        backend: processes, in-place, population (runs of one structure are trained at once), or ray.
        address: of a running Ray cluster, whose nodes see the folder; empty starts one on this machine.
        gpus: that each run needs from Ray, such as 0.25.

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
    found = Plan(game, plan(game, settings or {}, (), values_of(vary), budget, seeds), backend, address, gpus)
    return finish(found, begin(found, out), workers)


def finish(found: Plan, folder: Path, workers: int | None = None, tell: Callable[[Job, str], None] = lambda job, how: None) -> Comparison:
    """Play the runs that have not ended, and write the table and the pictures.

    Args:
        found: the plan.
        folder: the comparison's folder.
        workers: processes; None uses one for each core.
        tell: called with each run that ends, and its status.

    Raises:
        RunFailed: if a process died or the disk failed. Runs that have ended are kept.
        KeyboardInterrupt: after Ctrl-C, when every run in play has saved itself.
    """
    refuse_distributed("a comparison")
    resources = Resources(folder.resolve(), workers or 0, found.address, found.gpus)
    play, alone = found.executor, PlayRun(resources.folder)
    if found.backend == "population":
        groups = grouped(found.jobs, folder)

        def ended(index: int, statuses: Sequence[str]) -> None:
            for job, status in zip(groups[index], statuses, strict=True):
                tell(job, status)

        play(PlayRuns(alone, resources.folder), groups, ended, lambda index, turns: None, resources)
    else:
        play(alone, found.jobs, lambda index, status: tell(found.jobs[index], status), lambda index, turns: None, resources)
    summaries = summarise(found.jobs, folder)
    write_csv(folder / "comparison.csv", table_rows(summaries))
    trials = trials_of_runs(summaries, folder)
    if trials.own_table is not None:
        (folder / "table.md").write_text(trials.own_table.markdown() + "\n", encoding="utf-8")
    from arena.experiments.compare.figures import draw

    draw(summaries, folder)
    return Comparison(folder, summaries, trials)


def table_rows(summaries: Sequence[Summary]) -> list[dict[str, Any]]:
    """Return one row for each run."""
    rows = []
    for s in summaries:
        known = s.theory.spectral_radius() if s.theory else None
        for o in s.outcomes:
            told = [s.variant, o.job.seed, o.verdict, o.status, o.score, o.ceiling, o.cost, o.contraction, known, o.reason]
            rows.append(dict(zip(COLUMNS, told, strict=True)))
    return rows


@dataclass(frozen=True)
class PlayRun:
    """Plays one run of a comparison in its folder.

    Args:
        folder: of the comparison.
    """

    folder: Path

    def __call__(self, job: Job, turns: Callable[[int], None]) -> str:
        """Play a run to its end, or on from its latest checkpoint; return its status.

        Raises:
            KeyboardInterrupt: after Ctrl-C, when the run has saved itself.
        """
        from arena.runs.play import resume, start

        own = self.folder / job.folder
        try:
            if (own / "config.yaml").is_file():
                status = resume(own, display=False).status
            else:
                if own.is_dir() and not any(own.iterdir()):
                    own.rmdir()  # killed between making its folder and writing into it
                status = start(job.config, own, display=False).status
        except (RuleUndefined, GameFault):
            return "undefined"  # its trace has the reason
        if status == "interrupted":
            raise KeyboardInterrupt
        return status
