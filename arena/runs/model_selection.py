"""Model selection: the checkpoint that each criterion chooses from the trace of a run, and its quality.

The criteria of a game (`Game.criteria`) are metrics that a run measures every `--metrics.every` turns. Each criterion chooses the turn at
which it was best; `last` chooses the last turn. The one criterion that uses labels, the oracle, judges all choices. Nothing is played
again.
"""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from arena.config.files import load_file
from arena.core.measures import Criterion, Rows, is_finite
from arena.core.result_table import ResultTable
from arena.errors import ArenaError
from arena.registry.lookup import lookup
from arena.trace import read_trace


@dataclass(frozen=True)
class Choice:
    """The choice of a criterion in one run.

    Args:
        turn: Chosen turn.
        truth: Oracle's metric at that turn; NaN if the data have no labels.
        kept: Whether the run has a checkpoint of that turn.
    """

    turn: int
    truth: float
    kept: bool


def choices(rows: Rows, criteria: Sequence[Criterion], folder: Path | None = None, after: int = 0) -> dict[str, Choice]:
    """Return the choice of each criterion by name, and those of `last` and `oracle`; exactly one criterion uses labels.

    `rows` are those of a trace, `folder` is that of the run, for its checkpoints. Turns before `after` are no candidates.
    """
    rows = [row for row in rows if row["turn"] >= after]
    oracle = next(criterion for criterion in criteria if criterion.uses_oracle)
    blind = [criterion for criterion in criteria if not criterion.uses_oracle]
    judged = [row for row in rows if is_finite(row.get(oracle.field))]
    looked = judged or [row for row in rows if any(is_finite(row.get(criterion.field)) for criterion in blind)]
    chosen = {"last": looked[-1] if looked else None}
    chosen |= {criterion.name: criterion.best(looked) for criterion in blind}
    chosen["oracle"] = oracle.best(judged)
    return {
        name: Choice(
            row["turn"],
            row.get(oracle.field, math.nan),
            folder is not None and (folder / f"checkpoints/turn-{row['turn']:08d}.pt").is_file(),
        )
        for name, row in chosen.items()
        if row is not None
    }


EARLY = 0.1
"""Share of a run whose measurements are no candidates, because criteria without labels may prefer untrained players."""


def side_by_side(folders: Sequence[Path], after: int | None = None) -> ResultTable:
    """Return a table of the choices of all criteria: means over runs of one game, and the distance to the oracle.

    Turns before `after` are no candidates; None leaves out the first `EARLY` of each run.

    Raises ArenaError if a folder is not a run, or its game has no criteria.
    """
    chosen: list[dict[str, Choice]] = []
    measurements, firsts = list[int](), list[int]()
    for folder in folders:
        settings = load_file(folder / "config.yaml")
        criteria = lookup("game", str(settings.get("game"))).target.criteria()  # type: ignore[attr-defined]
        if not any(criterion.uses_oracle for criterion in criteria):
            raise ArenaError(
                f"{folder} is of the game '{settings.get('game')}', which has no criteria for a choice. Expected a run of another game"
            )
        rows = [row for row in read_trace(folder / "trace.jsonl") if row["kind"] == "turn"]
        measurements.append(sum(any(name.startswith("metrics.") for name in row) for row in rows))
        first = math.ceil(EARLY * rows[-1]["turn"]) if after is None and rows else after or 0
        firsts.append(first)
        chosen.append(choices(rows, criteria, folder, first))
        if not chosen[-1]:
            since = f" from turn {first:,} on" if first else ""
            raise ArenaError(f"the trace of {folder} has no metrics to choose by{since}. Fix: play longer, or lower --metrics.every")
    labelled = all("oracle" in of_run for of_run in chosen)
    oracle = [of_run["oracle"].truth if labelled else math.nan for of_run in chosen]
    several = len(chosen) > 1
    table = []
    for name in chosen[0]:
        by_name = [of_run[name] for of_run in chosen if name in of_run]
        truths, kept = [choice.truth for choice in by_name], sum(choice.kept for choice in by_name)
        complete = len(by_name) == len(chosen)
        behind = statistics.fmean(best - truth for best, truth in zip(oracle, truths, strict=True)) if complete else math.nan
        table.append(
            [
                name + (" (uses labels)" if name == "oracle" else ""),
                ", ".join(f"{choice.turn:,}" for choice in by_name),
                _percent(truths, several) if labelled else "–",
                "–" if name == "oracle" or not labelled else f"{100 * behind:.1f}",
                f"{kept} of {len(by_name)}" if several else "yes" if kept else "no",
            ]
        )
    truth = next(c.name for c in criteria if c.uses_oracle).replace("-", " ")
    head = ["chosen by", "turn" + ("s" if several else ""), f"{truth} %" + (" (mean ± SD)" if several else ""), "behind the oracle", "kept"]
    note = f"{min(measurements)} measurements in a run (`--metrics.every`); `--checkpoint.every` and `--checkpoint.keep` keep checkpoints."
    early = [f"Turns before {max(firsts):,} are no candidates (`--after`)."] if max(firsts) else []
    blind = "The data have no labels, so that the choices cannot be judged."
    return ResultTable(head, table, [note, *early] if labelled else [note, *early, blind])


def runs_in(folder: Path) -> dict[str, list[Path]]:
    """Return the runs of a folder by variant: the folder itself, or the runs of a comparison; raise ArenaError if there are none."""
    if (folder / "config.yaml").is_file() and (folder / "trace.jsonl").is_file():
        return {folder.name: [folder]}
    runs: dict[str, list[Path]] = {}
    for trace in sorted(folder.glob("*/seed-*/trace.jsonl"), key=lambda path: (path.parts[-3], int(path.parts[-2].removeprefix("seed-")))):
        runs.setdefault(trace.parent.parent.name, []).append(trace.parent)
    if not runs:
        raise ArenaError(f"{folder} is neither a run nor a comparison. Expected a folder of `arena play` or `arena compare`")
    return runs


def _percent(values: Sequence[float], several: bool) -> str:
    mean = f"{100 * statistics.fmean(values):.1f}"
    return f"{mean} ± {100 * statistics.stdev(values):.1f}" if several and len(values) > 1 else mean
