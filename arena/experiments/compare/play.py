"""Plays a plan in parallel processes, resumes what was cut short, and writes what came of it.

The folder of a comparison holds `comparison.yaml` (the plan: what varies, and every run's complete configuration), a run folder for each
variant and seed, `comparison.csv`, TensorBoard's HParams in `hparams/`, the pictures and, where the game has a table of its own,
`table.md`; TensorBoard opens it as a whole.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from arena.accelerate.process_group import refuse_distributed
from arena.core.result_table import ResultTable
from arena.experiments import hparams
from arena.experiments.compare.plan import Job, Plan, begin, plan, values_of
from arena.experiments.compare.results import Summary, read_outcome, summarise, trials_of_runs
from arena.experiments.compare.runs import PlayRuns, grouped
from arena.experiments.tables import write_csv
from arena.experiments.trials import Trials
from arena.experiments.values import Seeds
from arena.runs import cells
from arena.runs.folders import disk_errors
from arena.runs.pictures import undrawn
from arena.trace.writing import write_whole

Tell = Callable[[Job, str, int], None]
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

    def _repr_html_(self) -> str:
        """Return what a notebook shows: a line for each variant, and the pictures."""
        rows = []
        for summary in self.summaries:
            score = summary.spread("score")
            told = "–" if score is None else f"{score[0]:.4g}" + (f" ± {score[1]:.2g}" if len(summary.outcomes) > 1 else "")
            rows.append((summary.variant, summary.verdicts, len(summary.outcomes), told))
        pictures = "".join(map(cells.picture, self.pictures))
        return cells.table(rows, ("variant", "verdict", "runs", "score")) + pictures + cells.table([("folder", self.folder)])

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
    **where: Any,
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
        where: backend (processes, in-place, population, which trains runs of one structure at once, or ray), address (of a running Ray
            cluster) and gpus (for each run).

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
    found = Plan(game, plan(game, settings or {}, (), values_of(vary), budget, seeds), **where)
    return finish(found, begin(found, out), workers)


def finish(found: Plan, folder: Path, workers: int | None = None, tell: Tell = lambda job, how, turns: None) -> Comparison:
    """Play the runs that have not ended, and write the table and the pictures.

    Args:
        found: the plan.
        folder: the comparison's folder.
        workers: processes; None uses one for each core.
        tell: called with a run, its status and its turns; on the way, the status is empty.

    Raises:
        RunFailed: if a process died or the disk failed. Runs that have ended are kept.
        KeyboardInterrupt: after Ctrl-C, when every run in play has saved itself.
    """
    refuse_distributed("a comparison")
    left = []
    for job in found.jobs:
        status = read_outcome(job, folder).status
        if status == "interrupted" or (found.backend != "population" and undrawn(folder / job.folder, status)):
            left.append(job)
        else:
            tell(job, status, job.settings["turns"])
    groups = grouped(left) if found.backend == "population" else [[job] for job in left]

    def ended(index: int, statuses: Sequence[str]) -> None:
        for job, status in zip(groups[index], statuses, strict=True):
            tell(job, status, job.settings["turns"])

    def turns(index: int, count: int) -> None:
        for job in groups[index]:
            tell(job, "", count // len(groups[index]))

    with disk_errors("the comparison", folder):
        found.play(PlayRuns(folder.resolve()), groups, ended, turns, folder, workers or 0)
        summaries = summarise(found.jobs, folder)
        return _written(summaries, trials_of_runs(summaries, folder), folder)


def _written(summaries: list[Summary], trials: Trials, folder: Path) -> Comparison:
    """Write the tables and the pictures."""
    from arena.experiments.compare.figures import draw

    if any(job.settings["trace"]["tensorboard"] for summary in summaries for job in (o.job for o in summary.outcomes)):
        hparams.write(folder, trials.records)
    write_csv(folder / "comparison.csv", table_rows(summaries))
    if trials.own_table is not None:
        write_whole(folder / "table.md", trials.own_table.markdown() + "\n")
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
