"""The result of a run: its status, its numbers and the paths of its files."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from arena.engine.env import Arena
from arena.runs import cells
from arena.runs.status import Status


@dataclass(frozen=True)
class Result:
    """The end of a run, its numbers and its files.

    Args:
        folder: The run folder.
        status: The status (`arena.runs.status`).
        turns: Turns played.
        score: Last score; None if none was measured, or after a divergence.
        best: Lowest score.
        ceiling: Score of real data; None if it is not defined.
        reason: First player that was not finite, if the run diverged; the reason, if the rule was undefined or an alarm ended the run.
        arena: The arena at the end; None if the run had ended before it was resumed.
        metrics: Last metrics of the game, by name.
        ceilings: Metrics of real data, by name.
        alarms: By the name of each raised alarm, the turn in which it was first raised, and its sentence.
        judged: Players that the score judges: `raw` for the live ones, `averaged`, or `averaged ROLE` if the rule averages one role.
        oracle: Whether the score uses an oracle's labels.
        turn_of: Turns in which `score`, `best` and `metrics` were measured, by name.
    """

    folder: Path
    status: Status
    turns: int
    score: float | None
    best: float | None
    ceiling: float | None
    reason: str | None
    arena: Arena | None
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    ceilings: Mapping[str, float] = field(default_factory=dict)
    alarms: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    judged: str = "raw"
    turn_of: Mapping[str, int] = field(default_factory=dict)
    oracle: bool = False

    def when(self, name: str) -> str:
        """Return the turn of a number as a suffix, such as ` in turn 1,500`; nothing if it is the last turn, or unknown."""
        turn = self.turn_of.get(name, self.turns)
        return f" in turn {turn:,}" if turn != self.turns else ""

    def _repr_html_(self) -> str:
        """Return what a notebook shows: how the run ended, its numbers and its picture."""
        numbers: dict[str, object] = {"score": self.score, "best": self.best, "real data": self.ceiling, **self.metrics}
        rows = [("status", f"{self.status} after {self.turns:,} turns"), *([("reason", self.reason)] if self.reason else [])]
        rows += [(name, cells.shown(value)) for name, value in numbers.items() if value is not None]
        rows += [(f"alarm {name}", f"turn {turn:,}: {reason}") for name, (turn, reason) in self.alarms.items()]
        rows += [("run folder", str(self.folder)), *([("report", str(self.report))] if self.report.is_file() else [])]
        return cells.table(rows) + cells.picture(self.picture)

    @property
    def picture(self) -> Path:
        return self.folder / "picture.png"

    @property
    def pictures(self) -> list[Path]:
        """The last pictures: `picture`, then the others beside it, then the last of each kind that is only in `pictures/`."""
        beside = sorted(file for ending in ("gif", "png") for file in self.folder.glob(f"*.{ending}"))
        last = {file.name.rpartition("-turn-")[0]: file for file in sorted((self.folder / "pictures").glob("*-turn-*.png"))}
        inside = [file for kind, file in last.items() if self.folder / f"{kind}.png" not in beside]
        return sorted([*beside, *inside], key=lambda file: file != self.picture)

    @property
    def report(self) -> Path:
        return self.folder / "report.html"

    @property
    def trace(self) -> Path:
        return self.folder / "trace.jsonl"
