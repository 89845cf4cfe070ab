"""List the runs and experiments in a folder.

arena runs
arena runs --best swiss-roll
"""

import contextlib
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import entry_points
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from arena.errors import ArenaError
from arena.experiments.verdict import verdict_of_rows
from arena.runs.command_line import CommandLine
from arena.runs.display import fits, show_table, table_of, terminal
from arena.trace.jsonl import rows_and_damage
from arena.trace.reading import read_text

USAGE = """\
usage: arena runs [FOLDER] [--game GAME] [--best GAME]

List the runs and the experiments in a folder: game, status, score, verdict and when, the latest first.

  FOLDER       where to look, at most two folders deep (default: runs)
  --game GAME  those of one game
  --best GAME  the complete runs of one game, the lowest score first"""


@dataclass(frozen=True)
class Listed:
    """A run or an experiment in a list.

    Args:
        folder: Its folder.
        kind: `run`, or the kind of experiment.
        game: The game's name.
        when: Seconds since 1970 of its last change.
        status: How it ended; `unfinished` if it has not, `damaged` if its trace cannot be read.
        score: Its last score.
        ceiling: Score of real data.
        verdict: The reading of its scores.
        turns: Turns played.
    """

    folder: Path
    kind: str
    game: str
    when: float
    status: str = ""
    score: float | None = None
    ceiling: float | None = None
    verdict: str = ""
    turns: int | None = None


def main(arguments: Sequence[str]) -> int:
    line = CommandLine(["runs", *arguments] if not arguments or arguments[0].startswith("-") else arguments, USAGE, "arena runs")
    if line.exit_code is not None:
        return line.exit_code
    best, game = line.pop("best"), line.pop("game")
    folder, *more = line.words
    if more:
        raise ArenaError(f"'{more[0][:60]}' is too much: `arena runs` takes a folder, --game GAME and --best GAME")
    if not Path(folder).is_dir():
        raise ArenaError(f"there is no folder {folder}. Fix: arena runs FOLDER, or play something first")
    found = [item for item in listed(Path(folder)) if item.game == (best or game or item.game)]
    if best is not None:
        whole = [item for item in found if item.kind == "run" and item.status in ("finished", "solved") and item.score is not None]
        found = sorted(whole, key=lambda item: item.score or 0.0)
    if not found:
        what = f"no complete run of {best}" if best else f"nothing of {game}" if game else "no run"
        raise ArenaError(f"there is {what} in {folder}. Fix: arena play {best or game or 'swiss-roll'}")
    _show(found)
    return 0


def listed(folder: Path) -> Iterator[Listed]:
    """Yield what is in a folder, the latest first; the runs of an experiment are part of it."""
    marks = {point.name: point.value for point in entry_points(group="arena.trials")}
    inside = [path for level in ("*", "*/*") for path in folder.glob(level) if path.is_dir() and not path.is_symlink()]
    there = [(path, mark) for path in [folder, *inside] if (mark := _mark(path, marks)) is not None]
    experiments = [path for path, mark in there if mark in marks]
    for path, mark in sorted(there, key=lambda pair: -_time(*pair)):
        if any(path != experiment and path.is_relative_to(experiment) for experiment in experiments):
            continue
        yield _run(path) if mark not in marks else Listed(path, Path(mark).stem, _game(path, mark), _time(path, mark))


def _mark(path: Path, marks: Collection[str]) -> str | None:
    """Return the file that says what a folder is; None if it is neither a run nor an experiment."""
    return next((mark for mark in [*marks, "trace.jsonl"] if (path / mark).is_file()), None)


def _run(path: Path) -> Listed:
    game, when = _game(path, "config.yaml"), _time(path, "config.yaml")
    try:
        rows, _ = rows_and_damage(path / "trace.jsonl")
    except ArenaError:
        return Listed(path, "run", game, when, "damaged")
    end = rows[-1] if rows and rows[-1]["kind"] == "end" else {}
    turns = [row for row in rows if row["kind"] == "turn"]
    scored = [row for row in turns if row.get("score") is not None]
    status = end.get("status", "unfinished")
    score = scored[-1]["score"] if scored and status != "diverged" else None
    verdict = str(verdict_of_rows(turns, end.get("status", "interrupted")))
    ceiling = scored[0].get("ceiling") if scored else None
    return Listed(path, "run", game, when, status, score, ceiling, verdict, rows[-1]["turn"] if rows else 0)


def _game(path: Path, mark: str) -> str:
    """Return the game that a folder's configuration names; `?` if there is none."""
    for name in (mark, "config.yaml"):
        with contextlib.suppress(OSError, ValueError):
            if found := re.search(r"^game: *[\"']?([^\s\"']+)", read_text(path / name), re.MULTILINE):
                return found[1]
    return "?"


def _time(path: Path, mark: str) -> float:
    return max((file.stat().st_mtime for name in ("trace.jsonl", mark) if (file := path / name).is_file()), default=0.0)


def _show(found: Sequence[Listed]) -> None:
    """Print as many columns as fit, and on a narrow terminal each run as a block of lines."""
    rows, console = [_row(item) for item in found], terminal()
    tables = [_table(rows, heads) for heads in (WORDS + NUMBERS, *FEWER)]
    show_table(console, next((table for table in tables if fits(console, table)), tables[0]))


WORDS, NUMBERS = ("folder", "game", "kind", "status", "verdict"), ("score", "× real data", "turns", "when")
FEWER = (
    ("folder", "game", "status", "verdict", "score", "× real data", "when"),
    ("folder", "verdict", "score", "× real data", "when"),
)
"""Columns for terminals that have no room for all."""


def _row(item: Listed) -> dict[str, str]:
    found = {name: str(getattr(item, name)) for name in WORDS}
    found["verdict"] = item.verdict or item.kind
    found["score"] = "" if item.score is None else f"{item.score:.4g}"
    found["× real data"] = "" if item.score is None or not item.ceiling else f"{item.score / item.ceiling:.2f}"
    found["turns"] = "" if item.turns is None else f"{item.turns:,}"
    return {**found, "when": datetime.fromtimestamp(item.when).strftime("%Y-%m-%d %H:%M")}


def _table(rows: Sequence[dict[str, str]], heads: Sequence[str]) -> Table:
    made = table_of([head for head in heads if head in WORDS], [head for head in heads if head in NUMBERS])
    for row in rows:
        cells = {head: row[head] if head != "verdict" or "kind" not in heads or row["kind"] == "run" else "" for head in heads}
        made.add_row(*map(escape, cells.values()))
    return made
