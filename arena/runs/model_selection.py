"""Choosing a checkpoint: what each criterion would have taken, from a run's trace, and how good that was.

A game names its criteria (`Game.criteria`): metrics that are measured while a run goes on, every `--metrics.every` turns. Each of them
takes the turn at which it was best, `last` takes the last one; what they took is judged by the one criterion that peeks, which is the
oracle. As the choice is made from the trace, nothing needs to be played again.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from arena.config.settings import load_file
from arena.core.measures import Criterion, Rows, is_finite
from arena.core.result_table import ResultTable
from arena.errors import ArenaError
from arena.registry.lookup import lookup
from arena.trace import read_trace


@dataclass(frozen=True)
class Choice:
    """What a criterion takes in one run.

    Args:
        turn: that it takes.
        truth: what the oracle's metric is there; NaN where the data have no labels.
        kept: whether the run has a checkpoint of that turn.
    """

    turn: int
    truth: float
    kept: bool


def choices(rows: Rows, criteria: Sequence[Criterion], folder: Path | None = None) -> dict[str, Choice]:
    """By the name of each criterion, and `last` and `oracle`, what it takes.

    Args:
        rows: of a trace.
        criteria: of the game; exactly one of them peeks.
        folder: of the run, in which checkpoints may be.
    """
    oracle = next(criterion for criterion in criteria if criterion.uses_oracle)
    blind = [criterion for criterion in criteria if not criterion.uses_oracle]
    judged = [row for row in rows if is_finite(row.get(oracle.field))]
    looked = judged or [row for row in rows if any(is_finite(row.get(criterion.field)) for criterion in blind)]
    found = {"last": looked[-1] if looked else None}
    found |= {criterion.name: criterion.best(looked) for criterion in blind}
    found["oracle"] = oracle.best(judged)
    return {
        name: Choice(
            row["turn"],
            row.get(oracle.field, math.nan),
            folder is not None and (folder / f"checkpoints/turn-{row['turn']:08d}.pt").is_file(),
        )
        for name, row in found.items()
        if row is not None
    }


def side_by_side(folders: Sequence[Path]) -> ResultTable:
    """Every criterion's choice in some runs of one game: means over the runs, and how far they stay behind the oracle.

    Raises:
        ArenaError: for a folder that is no run, and a game that has no criteria.
    """
    made: list[dict[str, Choice]] = []
    looks: list[int] = []
    for folder in folders:
        settings = load_file(folder / "config.yaml")
        criteria = lookup("game", str(settings.get("game"))).target.criteria()  # type: ignore[attr-defined]
        if not any(criterion.uses_oracle for criterion in criteria):
            raise ArenaError(
                f"{folder} is of the game '{settings.get('game')}', which names no criteria to choose by; give a run of another"
            )
        rows = [row for row in read_trace(folder / "trace.jsonl") if row["kind"] == "turn"]
        looks.append(sum(any(name.startswith("metrics.") for name in row) for row in rows))
        made.append(choices(rows, criteria, folder))
        if not made[-1]:
            raise ArenaError(f"the trace of {folder} has no looks to choose from; play longer, or look more often by --metrics.every")
    labelled = all("oracle" in of_run for of_run in made)
    oracle = [of_run["oracle"].truth if labelled else math.nan for of_run in made]
    several = len(made) > 1
    rows_of_words = []
    for name in made[0]:
        own = [of_run[name] for of_run in made if name in of_run]
        truths = [choice.truth for choice in own]
        behind = statistics.fmean(best - truth for best, truth in zip(oracle, truths, strict=True)) if len(own) == len(made) else math.nan
        kept = sum(choice.kept for choice in own)
        rows_of_words.append(
            [
                name + (" (peeks at labels)" if name == "oracle" else ""),
                ", ".join(f"{choice.turn:,}" for choice in own),
                _percent(truths, several) if labelled else "–",
                "–" if name == "oracle" or not labelled else f"{100 * behind:.1f}",
                f"{kept} of {len(own)}" if several else "yes" if kept else "no",
            ]
        )
    truth = next(c.name for c in criteria if c.uses_oracle).replace("-", " ")
    head = ["chosen by", "turn" + ("s" if several else ""), f"{truth} %" + (" (mean ± SD)" if several else ""), "behind the oracle", "kept"]
    note = (
        f"{min(looks)} looks in a run; `--metrics.every` takes more, and `--checkpoint.every` and `--checkpoint.keep` keep the checkpoints."
    )
    blind = "The data have no labels, so that how good a choice is cannot be told."
    return ResultTable(head, rows_of_words, [note] if labelled else [note, blind])


def runs_in(folder: Path) -> dict[str, list[Path]]:
    """The runs of a folder by variant: itself, or those of a comparison.

    Raises:
        ArenaError: where there are none.
    """
    if (folder / "config.yaml").is_file() and (folder / "trace.jsonl").is_file():
        return {folder.name: [folder]}
    found: dict[str, list[Path]] = {}
    for trace in sorted(folder.glob("*/seed-*/trace.jsonl"), key=lambda path: (path.parts[-3], int(path.parts[-2].removeprefix("seed-")))):
        found.setdefault(trace.parent.parent.name, []).append(trace.parent)
    if not found:
        raise ArenaError(f"{folder} is neither a run nor a comparison; give the folder that `arena play` or `arena compare` named")
    return found


def _percent(values: Sequence[float], several: bool) -> str:
    mean = f"{100 * statistics.fmean(values):.1f}"
    return f"{mean} ± {100 * statistics.stdev(values):.1f}" if several and len(values) > 1 else mean
