"""The footage of a run: what its folder tells, and the moments that a film shows.

A moment is a state of both players after a turn. A film has moments at equally spaced places on its axis, which counts turns or gradient
evaluations. A moment's own turn is the first one at which the place is reached.
"""

import bisect
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from arena.config.config import Config
from arena.config.configure import configure
from arena.config.files import load_file
from arena.core.field.frozen import PRODUCT
from arena.errors import ArenaError, CheckpointDamaged, CheckpointUnusable, typed
from arena.runs.folders import check_own
from arena.runs.replay import Moment, ReplayDiffers, replay
from arena.trace import read_trace
from arena.trace.checkpoint import Checkpoints

AXES = {"turns": "turn", "evaluations": "gradient evaluations"}
"""By name of an axis, its label."""
CHECKED = 4
"""Scores of the trace that a replay must meet."""
SHORT = 2000
"""Fewest turns that are worth a process of their own."""


class Part(NamedTuple):
    """A part of a run that is played again.

    Args:
        begin: The checkpoint from which it goes on; None is the beginning of the run.
        until: Its last turn.
    """

    begin: Path | None
    until: int


class Footage:
    """A run, read from its folder.

    Args:
        folder: The run folder.

    Attributes:
        config: Its configuration.
        rows: The turns of its trace.
        end: The end row of its trace; empty if the run has not ended.

    Raises:
        ArenaError: The folder is no run, or has no turns yet.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        if not (folder / "config.yaml").is_file():
            raise ArenaError(f"{folder} is not a run folder (it has no config.yaml). Fix: give one that `arena runs` lists")
        check_own(folder)
        settings = load_file(folder / "config.yaml")
        if not isinstance(settings.get("game"), str):
            raise ArenaError(f"{folder / 'config.yaml'} names no game. Fix: restore its line 'game: …'")
        self.config: Config = configure(settings["game"], settings)
        everything = read_trace(folder / "trace.jsonl") if (folder / "trace.jsonl").is_file() else []
        self.rows: list[dict[str, Any]] = [row for row in everything if row["kind"] == "turn"]
        self.end: Mapping[str, Any] = everything[-1] if everything and everything[-1]["kind"] == "end" else {}
        if not self.rows:
            raise ArenaError(f"{folder} has no turns in its trace yet. Fix: arena resume {typed(folder)}")

    @property
    def last_turn(self) -> int:
        """The last turn of the trace."""
        return int(self.rows[-1]["turn"])

    @property
    def ended_early(self) -> str:
        """The status of a run that ended before its turns were spent, such as diverged; otherwise nothing."""
        status = str(self.end.get("status", ""))
        return status if status != "finished" and self.last_turn < self.config.run.turns else ""

    @property
    def ceiling(self) -> float | None:
        """Score of real data; None if it is not defined."""
        return next((row["ceiling"] for row in self.rows if row.get("ceiling") is not None), None)

    def length(self, by: str) -> int:
        """Return the end of the run on an axis."""
        return self.last_turn if by == "turns" else self._spent(self.rows[-1])

    def scores(self, by: str = "turns") -> tuple[list[int], list[float]]:
        """Return the recorded scores, and their places on an axis."""
        there = [row for row in self.rows if row.get("score") is not None and math.isfinite(row["score"])]
        return [row["turn"] if by == "turns" else self._spent(row) for row in there], [row["score"] for row in there]

    def latest_score(self, turn: int) -> tuple[int, float] | None:
        """Return the latest turn up to `turn` whose score is recorded, and that score."""
        turns, scores = self.scores()
        place = bisect.bisect_right(turns, turn) - 1
        return None if place < 0 else (turns[place], scores[place])

    def spent(self, turn: int) -> int:
        """Return the gradient evaluations up to a recorded turn, or up to the one before it that is recorded."""
        place = bisect.bisect_right([row["turn"] for row in self.rows], turn) - 1
        return self._spent(self.rows[max(place, 0)])

    def parts(self, count: int) -> list[Part]:
        """Return at most `count` parts of the run of similar length, which begin at checkpoints that were kept; one if it is short."""
        checkpoints = Checkpoints(self.folder / "checkpoints")
        kept = {int(path.stem.rpartition("-")[2]): path for path in checkpoints.paths()}
        parts: list[Part] = []
        begin = 0
        while len(parts) < count - 1:
            wish = begin + (self.last_turn - begin) / (count - len(parts))
            later = [turn for turn in kept if begin + SHORT <= turn <= self.last_turn - SHORT]
            if not later:
                break
            turn = min(later, key=lambda turn: abs(turn - wish))
            try:
                checkpoints.load(kept[turn])
            except (CheckpointDamaged, CheckpointUnusable):
                del kept[turn]
                continue
            parts.append(Part(kept.get(begin), turn))
            begin = turn
        return [*parts, Part(kept.get(begin), self.last_turn)]

    def replay(
        self, targets: Sequence[int], by: str, into: Path, played: Callable[[int], None] = lambda turn: None, part: Part | None = None
    ) -> list[Moment]:
        """Play the run, or a part of it, again, and record its states at places of an axis; see `arena.runs.replay.replay`.

        Raises:
            ReplayDiffers: The replay does not meet the scores of the trace.
        """
        begin, until = part or Part(None, self.last_turn)
        state = None if begin is None else Checkpoints(begin.parent).load(begin)
        turns, scores = self.scores()
        within = [place for place, at in enumerate(self.scores(by)[0]) if at <= targets[-1]]
        chosen = {within[round(k * (len(within) - 1) / (CHECKED - 1))] for k in range(CHECKED)} if within else set()
        try:
            checked = {turns[place]: scores[place] for place in chosen}
            return replay(self.config, self.last_turn, targets, by, into, checked, played, begin=state, until=until)
        except ReplayDiffers as error:
            raise ReplayDiffers(
                f"{self.folder}: {error}. Another machine, device or version played it, or its files were changed. "
                f"Fix: arena film {typed(self.folder)} --recorded"
            ) from error

    @staticmethod
    def _spent(row: Mapping[str, Any]) -> int:
        return int(row.get("gradient_evaluations", 0) + PRODUCT * row.get("products", 0))


def places(runs: Sequence[Footage], by: str, count: int) -> list[int]:
    """Return equally spaced places on the axis of a film, with its beginning and its end.

    It ends with the shortest of the runs that spent their turns; those that ended early, such as diverged ones, stand still.
    """
    whole = [run.length(by) for run in runs if not run.ended_early]
    end = min(whole) if whole else max(run.length(by) for run in runs)
    count = max(2, min(count, end + 1))
    return [round(k * end / (count - 1)) for k in range(count)]


def moment_at(moments: Sequence[Moment], place: int, by: str) -> Moment:
    """Return the first moment that reaches a place on the axis; the last one if none does."""
    return next((moment for moment in moments if moment.at(by) >= place), moments[-1])


def labels(runs: Sequence[Footage]) -> list[str]:
    """Return for each run the settings in which it differs from the others; the names of the folders if there are none."""
    flat = [run.config.flat() for run in runs]
    names = [*dict.fromkeys(name for own in flat for name in own)]
    paced = ("trace.", "score.", "metrics.", "picture.", "checkpoint.", "diagnostics.", "alarms.")
    differ = [name for name in names if len({str(own.get(name)) for own in flat}) > 1 and not name.startswith(paced)]
    differ = [name for name in differ if name != "turns"] or differ  # turns follow from equal budgets
    words = []
    for own in flat:
        chosen = [name for name in differ if name in own]
        alone = [name for name in chosen if name.endswith(".name") and sum(other.get(name) == own[name] for other in flat) == 1]
        told = {name.removesuffix("name") for name in alone}  # the only one of its name needs no arguments
        chosen = [name for name in chosen if not any(name.startswith(part) and name != f"{part}name" for part in told)]
        words.append(", ".join(str(own[name]) if name == "rule.name" else f"{name.removesuffix('.name')} {own[name]}" for name in chosen))
    if all(words) and len({*words}) == len(words):
        return words
    folders = [run.folder.name for run in runs]
    return folders if len({*folders}) == len(folders) else [str(run.folder) for run in runs]
