"""The monitor of one run of a sweep: its alarms, and its scores at the rungs."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from arena.alarms.active import Alarms
from arena.core.game import Game
from arena.experiments.ledger import SeedResult
from arena.experiments.outcome import FLED, Outcome, value_of
from arena.experiments.verdict import Verdict, verdict, verdict_of
from arena.runs.status import Status


class RungResult(NamedTuple):
    """A run's score and criterion at one moment."""

    turn: int
    score: float
    criterion: float


class TrialMonitor:
    """Evaluates the alarms of one run, and judges it.

    Args:
        game: that is played.
        seed: of the run.
        alarms: that are evaluated, as words.
        fatal: those of them that stop it.
        rungs: the number of times that it is judged.
        untrained: the criterion of untrained players.
        ceiling: the score of real data.
    """

    def __init__(
        self,
        game: Game,
        seed: int,
        alarms: Sequence[str],
        fatal: Sequence[str],
        rungs: int,
        untrained: float,
        ceiling: float | None,
    ):
        self.seed, self.fatal, self.rungs, self.ceiling = seed, fatal, rungs, ceiling
        self.untrained, self.penalty = untrained, FLED * untrained
        self.alarms = Alarms(alarms, game)
        self.history: list[RungResult] = []
        self.result: SeedResult | None = None
        self._stopped_by = ""

    def due(self, progress: float) -> bool:
        """Whether it is to be judged at that progress, in [0, 1]. At the end it always is."""
        return len(self.history) - 1 < math.floor(progress * self.rungs + 1e-9) and progress < 1

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
        self._stopped_by = next((name for name in self.fatal if name in self.alarms.ringing), "")
        return f"{self._stopped_by}: {self.alarms.ringing[self._stopped_by]}" if self._stopped_by else None

    def end(self, outcome: Outcome) -> SeedResult:
        """Return the result of the run, once it has ended."""
        status, score = outcome.status, outcome.score
        if math.isfinite(score):
            self.history.append(RungResult(outcome.turns, score, outcome.criterion))
        whole = status in ("finished", "solved") and math.isfinite(outcome.criterion)
        told = (
            verdict_of(self._stopped_by)
            if status == "alarmed"
            else self._verdict("diverged" if not whole and status == "finished" else status)
        )
        value = value_of(status, outcome.criterion, told, self.untrained)
        self.result = self._made(
            status, value, score if math.isfinite(score) else None, outcome.turns, told, outcome.reason, outcome.signals
        )
        return self.result

    def pruned(self) -> SeedResult:
        """Return the partial result of a pruned run."""
        turn, score, criterion = self.history[-1] if self.history else RungResult(0, math.nan, self.penalty)
        value = min(criterion, self.penalty) if math.isfinite(criterion) else self.penalty
        return self.result or self._made("pruned", value, score if math.isfinite(score) else None, turn, Verdict.UNFINISHED, "", {})

    @property
    def latest(self) -> float:
        """Its value at this moment."""
        return (self.result or self.pruned()).value

    @property
    def _ceiling(self) -> dict[str, float]:
        return {} if self.ceiling is None else {"ceiling": self.ceiling}

    def _verdict(self, status: str) -> str:
        return str(verdict([judged.score for judged in self.history], ceiling=self.ceiling, status=status))

    def _made(
        self, status: Status, value: float, score: float | None, turns: int, told: str, reason: str, signals: Mapping[str, float]
    ) -> SeedResult:
        last = {name: number for name, number in signals.items() if math.isfinite(number)}
        return SeedResult(self.seed, status, value, score, turns, told, reason, tuple(map(tuple, self.history)), last)  # type: ignore[arg-type]
