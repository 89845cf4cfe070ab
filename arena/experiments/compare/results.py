"""The results of a comparison, read from the traces: one row for each run, one summary for each variant."""

import dataclasses
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from arena.config.settings import flatten
from arena.core.field.frozen import PRODUCT
from arena.core.result_table import ResultTable, VariantResult
from arena.experiments.compare.plan import AS_IT_IS, Job, load
from arena.experiments.compare.theory import claimed_map
from arena.experiments.outcome import Outcome
from arena.experiments.trials import Trials, record_of
from arena.experiments.values import Point, value_of_word
from arena.experiments.verdict import contraction, over_seeds, verdict_of_rows
from arena.registry.grammar import split
from arena.registry.lookup import lookup
from arena.rules.linear import LinearMap
from arena.runs.status import WHOLE, Status, status_of
from arena.trace import read_trace

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class TracedRun:
    """One run, read from its trace.

    Args:
        job: its settings.
        rows: the turns of its trace.
        status: how it ended; interrupted if it has not.
        reason: why it diverged, failed, was undefined or was ended by an alarm.
        verdict: the reading of its numbers; of a game with a table of its own, the verdict there.
        score: the last score; None if it diverged, failed, was undefined or has not ended.
        ceiling: the score of real data.
        cost: gradient evaluations spent, a product counted as three.
        contraction: factor per turn on the distance to the solution.
    """

    job: Job
    rows: Rows
    status: Status
    reason: str | None
    verdict: str
    score: float | None
    ceiling: float | None
    cost: int
    contraction: float | None

    @property
    def last(self) -> dict[str, Any]:
        """The last number of each field of its trace."""
        return {name: value for row in self.rows for name, value in row.items() if value is not None}

    @property
    def outcome(self) -> Outcome:
        """Its outcome, with the contraction among its signals."""
        score, start = (math.nan if value is None else value for value in (self.score, self.rows[0].get("score") if self.rows else None))
        signals = {"contraction": self.contraction} if self.contraction is not None else {}
        return Outcome(self.status, self.rows[-1]["turn"] if self.rows else 0, score, start, self.reason or "", signals)

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
        return over_seeds([o.verdict for o in self.outcomes])

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
    far = [(row["turn"], row["diagnostics.distance.total"]) for row in rows if row.get("diagnostics.distance.total") is not None]
    status, reason = status_of(end["status"]), end.get("reason")
    if status in WHOLE and end.get("score", 0.0) is None:
        status, reason = "failed", "the score is NaN"
    return TracedRun(
        job=job,
        rows=rows,
        status=status,
        reason=reason,
        verdict=verdict_of_rows(rows, status),
        score=scored[-1]["score"] if scored and status not in ("diverged", "undefined", "failed", "interrupted") else None,
        ceiling=scored[0].get("ceiling") if scored else None,
        cost=spent(rows[-1]) if rows else 0,
        contraction=contraction(*zip(*far, strict=True)) if far and status == "finished" else None,
    )


def summarise(jobs: Sequence[Job], folder: Path) -> list[Summary]:
    """Return a summary of each variant, in the order of the plan."""
    variants = dict.fromkeys(job.variant for job in jobs)
    summaries = []
    for variant in variants:
        own = [job for job in jobs if job.variant == variant]
        summaries.append(Summary(variant, [read_outcome(job, folder) for job in own], claimed_map(own[0].config)))
    table = own_table(summaries)
    if table is None or "verdict" not in table.head:
        return summaries
    verdicts = [row[table.head.index("verdict")] for row in table.rows]
    return [_judged(summary, word) for summary, word in zip(summaries, verdicts, strict=True)]


def own_table(summaries: Sequence[Summary]) -> ResultTable | None:
    """Return the table of the game's literature, with a row for each variant; None if the game has none."""
    if not summaries:
        return None
    game: Any = lookup("game", summaries[0].outcomes[0].job.settings["game"]).target
    made: ResultTable | None = game.comparison([_as_seen_by_the_game(summary) for summary in summaries])
    return made


def _judged(summary: Summary, word: str) -> Summary:
    """Return a summary whose runs that reached their end have the verdict of the game's own table."""
    runs = [dataclasses.replace(run, verdict=word) if run.status in WHOLE else run for run in summary.outcomes]
    return dataclasses.replace(summary, outcomes=runs)


def trials_of_runs(summaries: Sequence[Summary], folder: Path) -> Trials:
    """Return the trials of a comparison, one for each variant.

    Args:
        summaries: of its variants.
        folder: of the comparison.
    """
    points = [{name: value_of_word(word) for name, word in summary.varied.items()} for summary in summaries]
    runs = {(tuple(point.items()), run.job.seed): run for point, s in zip(points, summaries, strict=True) for run in s.outcomes}
    starts = [row["score"] for run in runs.values() for row in run.rows[:1] if row.get("score") is not None]
    untrained = statistics.median(starts or [1.0]) or 1.0
    records = []
    for number, (point, summary) in enumerate(zip(points, summaries, strict=True)):
        own = [(run.job.seed, run.outcome, str(run.verdict)) for run in summary.outcomes]
        records.append(record_of(number, point, own, untrained, sum(run.cost for run in summary.outcomes)))
    first = summaries[0].outcomes[0].job
    varied = dict.fromkeys(name for summary in summaries for name in summary.varied)
    return Trials(
        folder=folder,
        records=records,
        base=first.config,
        config=lambda point, seed: runs[tuple(point.items()), seed].job.config,
        vary={name: ",".join(dict.fromkeys(s.varied[name] for s in summaries if name in s.varied)) for name in varied},
        active=lambda point: _of_variant(point, points),
        ceiling=next((run.ceiling for run in runs.values() if run.ceiling is not None), None),
        theory={number: summary.theory.spectral_radius() for number, summary in enumerate(summaries) if summary.theory is not None},
        own_table=own_table(summaries),
    )


def _of_variant(point: Point, variants: Sequence[Point]) -> Point:
    """Return a point with those settings alone that the variant with the same words has.

    Example:
        >>> _of_variant({"rule": "lola", "rule.gamma": 0.3}, [{"rule": "consensus", "rule.gamma": 1.0}, {"rule": "lola"}])
        {'rule': 'lola'}
    """
    alike = (own for own in variants if all(point.get(name) == value for name, value in own.items() if isinstance(value, str)))
    return {name: point[name] for name in next(alike, point) if name in point}


def trials(folder: Path) -> Trials:
    """Return the trials of a comparison's folder."""
    return trials_of_runs(summarise(load(folder).jobs, folder), folder)


def _as_seen_by_the_game(summary: Summary) -> VariantResult:
    ends = [run.last for run in summary.outcomes if run.status in WHOLE]
    return VariantResult(summary.varied, flatten(summary.outcomes[0].job.settings), ends, len(summary.outcomes))
