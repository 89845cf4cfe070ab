"""The results of a comparison, read from the traces: one row for each run, one summary for each variant."""

import math
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arena.config.settings import flatten, load_file
from arena.core.field.frozen import PRODUCT
from arena.core.result_table import ResultTable, VariantResult
from arena.experiments.compare.plan import AS_IT_IS, PLAN, Job
from arena.experiments.compare.theory import claimed_map
from arena.experiments.map.reading import Trials
from arena.experiments.outcome import Outcome
from arena.experiments.values import Value
from arena.experiments.verdict import Verdict, contraction, verdict
from arena.registry.grammar import split
from arena.registry.lookup import lookup
from arena.rules.linear import LinearMap
from arena.runs.status import Status, status_of
from arena.trace import read_trace

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class TracedRun:
    """One run, read from its trace.

    Args:
        job: its settings.
        rows: the turns of its trace.
        status: how it ended; interrupted if it has not.
        reason: why it diverged, was undefined or was ended by an alarm.
        verdict: the reading of its scores.
        score: the last score; None if it was undefined or has not ended.
        ceiling: the score of real data.
        cost: gradient evaluations spent, a product counted as three.
        contraction: factor per turn on the distance to the solution.
    """

    job: Job
    rows: Rows
    status: Status
    reason: str | None
    verdict: Verdict
    score: float | None
    ceiling: float | None
    cost: int
    contraction: float | None

    def against_cost(self, name: str) -> tuple[list[float], list[float]]:
        """Return a traced quantity against gradient evaluations."""
        there = [(spent(row), row[name]) for row in self.rows if row.get(name) is not None]
        return [cost for cost, _ in there], [value for _, value in there]


@dataclass(frozen=True)
class Summary:
    """One variant over its seeds.

    Args:
        variant: its varied settings.
        outcomes: its runs.
        theory: its linear map near the solution; None if it is not known.
    """

    variant: str
    outcomes: list[TracedRun]
    theory: LinearMap | None

    @property
    def varied(self) -> dict[str, str]:
        """The varied values by setting.

        Example:
            >>> Summary("rule=unrolled(steps=3), coupling=0.5", [], None).varied
            {'rule': 'unrolled(steps=3)', 'coupling': '0.5'}
        """
        return {} if self.variant == AS_IT_IS else dict(part.partition("=")[::2] for part in split(self.variant))

    @property
    def verdicts(self) -> str:
        """The verdict; with counts if the seeds disagree."""
        counts = Counter(o.verdict for o in self.outcomes)
        if len(counts) == 1:
            return str(next(iter(counts)))
        return ", ".join(f"{verdict} {count}/{len(self.outcomes)}" for verdict, count in counts.most_common())

    def spread(self, name: str) -> tuple[float, float] | None:
        """Mean and standard deviation over the seeds of `score`, `cost` or `contraction`; None if a seed has none, or has not ended."""
        values: list[float] = [getattr(o, name) for o in self.outcomes if o.status != "interrupted" and getattr(o, name) is not None]
        if len(values) < len(self.outcomes) or not all(map(math.isfinite, values)):
            return None
        return statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else 0.0


def spent(row: Mapping[str, Any]) -> int:
    """Return the gradient evaluations up to a row of the trace, a product counted as three."""
    return row["gradient_evaluations"] + PRODUCT * row["products"]


def read_outcome(job: Job, folder: Path) -> TracedRun:
    """Return a run, read from its folder."""
    trace = folder / job.folder / "trace.jsonl"
    rows = read_trace(trace) if trace.is_file() else []
    end = rows.pop() if rows and rows[-1]["kind"] == "end" else {"status": "interrupted"}
    rows = [row for row in rows if row["kind"] == "turn"]
    scored = [row for row in rows if row.get("score") is not None]
    ceiling = scored[0].get("ceiling") if scored else None
    far = [(row["turn"], row["diagnostics.distance.total"]) for row in rows if row.get("diagnostics.distance.total") is not None]
    status = status_of(end["status"])
    return TracedRun(
        job=job,
        rows=rows,
        status=status,
        reason=end.get("reason"),
        verdict=verdict([row["score"] for row in scored], updates=_updates(rows) if far else (), ceiling=ceiling, status=status),
        score=scored[-1]["score"] if scored and status not in ("undefined", "interrupted") else None,
        ceiling=ceiling,
        cost=spent(rows[-1]) if rows else 0,
        contraction=contraction(*zip(*far, strict=True)) if far and status == "finished" else None,
    )


def summarise(jobs: Sequence[Job], folder: Path) -> list[Summary]:
    """Return a summary of each variant, in the order of the plan."""
    variants = dict.fromkeys(job.variant for job in jobs)
    summaries = []
    for variant in variants:
        own = [job for job in jobs if job.variant == variant]
        summaries.append(Summary(variant, [read_outcome(job, folder) for job in own], claimed_map(own[0].settings)))
    return summaries


def own_table(summaries: Sequence[Summary]) -> ResultTable | None:
    """Return the game's own table of a comparison; None if it has none."""
    game: Any = lookup("game", summaries[0].outcomes[0].job.settings["game"]).target
    own: ResultTable | None = game.comparison([_as_seen_by_the_game(s) for s in summaries])
    return own


def _as_seen_by_the_game(summary: Summary) -> VariantResult:
    ends = []
    for outcome in summary.outcomes:
        if outcome.status in ("finished", "solved"):
            ends.append({name: value for row in outcome.rows for name, value in row.items() if value is not None})
    return VariantResult(summary.varied, flatten(summary.outcomes[0].job.settings), ends, len(summary.outcomes))


def _updates(rows: Rows) -> list[float]:
    """Return the sizes of the updates per learning rate, row by row."""
    found = []
    for row in rows:
        roles = [name.removesuffix(".update_norm") for name in row if name.endswith(".update_norm")]
        steps = [row[f"{r}.update_norm"] / row[f"{r}.learning_rate"] for r in roles if row[f"{r}.learning_rate"] > 0]
        if steps and all(math.isfinite(s) for s in steps):
            found.append(math.hypot(*steps))
    return found


def trials(folder: Path) -> Trials:
    """Return the runs of a comparison's folder that have ended, for a report of another kind."""
    runs, ceiling = [], None
    jobs = load_file(folder / PLAN)["runs"]
    for job in (Job(row["variant"], int(row["seed"]), row["settings"]) for row in jobs):
        traced = read_outcome(job, folder)
        if traced.status != "interrupted":
            score, start = (math.nan if value is None else value for value in (traced.score, traced.rows[0].get("score")))
            point = {name: _value(word) for name, word in Summary(job.variant, [], None).varied.items()}
            ceiling = traced.ceiling
            status: Status = "diverged" if traced.verdict == Verdict.DIVERGED else traced.status
            runs.append((point, Outcome(status, traced.rows[-1]["turn"], score, start, traced.reason or "")))
    return Trials({**jobs[0]["settings"]}, (), runs, ceiling)


def _value(word: str) -> Value:
    try:
        return float(word)
    except ValueError:
        return word
