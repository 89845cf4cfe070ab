"""The monitor of one run of a sweep: its alarms, and its scores at the rungs."""

import math
from collections.abc import Mapping
from typing import NamedTuple

from arena.alarms.active import Alarms
from arena.core.game import Game
from arena.experiments.ledger import SeedResult
from arena.experiments.outcome import Outcome, value_of
from arena.experiments.verdict import Verdict, verdict, verdict_of
from arena.tuning.plan import Sweep


class RungResult(NamedTuple):
    """A run's score and criterion at one moment."""

    turn: int
    score: float
    criterion: float


class TrialMonitor:
    """Evaluates the alarms of one run of a sweep, and judges the run at the rungs.

    Args:
        sweep: the plan.
        game: that is played.
        seed: of the run.
    """

    def __init__(self, sweep: Sweep, game: Game, seed: int):
        self.sweep, self.seed, self.alarms = sweep, seed, Alarms(sweep.alarms, game)
        self.history: list[RungResult] = []
        self.result: SeedResult | None = None
        self._ceiling = {} if sweep.ceiling is None else {"ceiling": sweep.ceiling}
        self._stopped_by = ""

    def due(self, progress: float) -> bool:
        """Whether it is to be judged at that progress, in [0, 1]. At the end it always is."""
        return len(self.history) - 1 < math.floor(progress * self.sweep.options.rungs + 1e-9) and progress < 1

    def begin(self, score: float) -> None:
        """Record the score before the first turn."""
        self.history.append(RungResult(0, score, score))
        self.alarms.look({"turn": 0, "progress": 0.0, "score": score, **self._ceiling})

    def look(self, turn: int, progress: float, values: Mapping[str, float], judged: RungResult | None = None) -> str | None:
        """Evaluate the alarms on a run's signals and its judgement; return the reason to stop it, or None."""
        row: dict[str, float] = {**values, "turn": turn, "progress": progress}
        if judged is not None:
            self.history.append(judged)
            row |= {"score": judged.score, **self._ceiling}
        self.alarms.look(row)
        self._stopped_by = next((name for name in self.sweep.fatal if name in self.alarms.ringing), "")
        return f"{self._stopped_by}: {self.alarms.ringing[self._stopped_by]}" if self._stopped_by else None

    def end(self, outcome: Outcome) -> None:
        """Set the result of the run, which has ended."""
        if math.isfinite(outcome.score):
            self.history.append(RungResult(outcome.turns, outcome.score, outcome.criterion))
        status = "diverged" if outcome.status == "finished" and not math.isfinite(outcome.criterion) else outcome.status
        scores = [judged.score for judged in self.history]
        told = verdict_of(self._stopped_by) if status == "alarmed" else verdict(scores, ceiling=self.sweep.ceiling, status=status)
        value = value_of(outcome.status, outcome.criterion, told, self.sweep.untrained)
        self.result = SeedResult.of(self.seed, outcome, told, value, self.history)

    def pruned(self) -> SeedResult:
        """Return what there is of the result of a run that is given up."""
        turn, score, criterion = self.history[-1]
        value = min(criterion, self.sweep.penalty) if math.isfinite(criterion) else self.sweep.penalty
        return SeedResult.of(self.seed, Outcome("pruned", turn, score), Verdict.UNFINISHED, value, self.history)

    @property
    def latest(self) -> SeedResult:
        """Its result, or what there is of it."""
        return self.result or self.pruned()
