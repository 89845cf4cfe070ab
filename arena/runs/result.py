"""The result of a run: its status, its numbers and the paths of its files."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from arena.engine.env import Arena
from arena.runs.status import Status


@dataclass(frozen=True)
class Result:
    """How a run ended, and where everything is.

    Args:
        folder: the run folder.
        status: finished (the turns are spent), solved, diverged, undefined (the rule had no answer), alarmed (an alarm ended the run) or
            interrupted.
        turns: turns played.
        score: last score; None where none was measured.
        best: lowest score.
        ceiling: what real data would score; None where that means nothing.
        metrics: the game's metrics by name, as they were last measured.
        ceilings: what real data would get, by the metric's name.
        alarms: by the name of each alarm that rang, the turn in which it first did, and why.
        reason: who went non-finite first, for a diverged run; what the rule lacked, for an undefined one; why the alarm rang.
        arena: the arena as the run left it; None where the run was over already when it was resumed.
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

    @property
    def picture(self) -> Path:
        return self.folder / "picture.png"

    @property
    def pictures(self) -> list[Path]:
        """All that the run ends with: the picture, then what lies beside it, then the last of each kind that lies only in `pictures/`."""
        beside = sorted(file for ending in ("gif", "png") for file in self.folder.glob(f"*.{ending}"))
        last = {file.name.rpartition("-turn-")[0]: file for file in sorted((self.folder / "pictures").glob("*-turn-*.png"))}
        inside = [file for kind, file in last.items() if self.folder / f"{kind}.png" not in beside]
        return sorted([*beside, *inside], key=lambda file: file != self.picture)

    @property
    def trace(self) -> Path:
        return self.folder / "trace.jsonl"
