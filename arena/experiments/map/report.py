"""What a map shows in the terminal."""

import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Table

from arena.config.config import Config
from arena.config.configure import configure
from arena.experiments.map.plan import Plan
from arena.experiments.map.played import Map
from arena.experiments.map.results import Cell, Run, State
from arena.runs.display import COLOURS, command, duration, terminal

SHADES = {State.CONVERGED: "green", State.COLLAPSED: "magenta", State.DIVERGED: "red", State.UNDEFINED: "yellow"}


class Progress:
    """A bar over all turns of all runs on a terminal, else a line for each population that ends.

    Args:
        found: the plan.
        folder: where it is played.
        workers: in how many processes.
    """

    def __init__(self, found: Plan, folder: Path, workers: int):
        self.console, self.folder = terminal(), folder
        self._runs, self._turns = len(found.keys), {key: found.config(key).run.turns for key in found.keys}
        seeds = f" × {len(found.seeds)} seeds" if len(found.seeds) > 1 else ""
        what = f"{len(found.x.values)} × {len(found.y.values)} cells{seeds}, in {workers} process{'es' if workers > 1 else ''}"
        self._say(f"[bold]{found.config(found.keys[0]).game.name}[/]: {found.x.name} against {found.y.name}, {what}, into {folder}")
        self._live = self.console.is_terminal and not self.console.is_dumb_terminal
        self._bar = Bar(
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=None, complete_style=COLOURS[1], finished_style=COLOURS[1]),
            TextColumn("{task.fields[runs]:,} of {task.fields[of]:,} runs"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self.console,
            expand=True,
            disable=not self._live,
        )
        self._task = self._bar.add_task("turns", total=sum(self._turns.values()), runs=0, of=self._runs)
        self._done: dict[int, int] = {}
        self._ended = 0
        self._begun = time.monotonic()

    @property
    def seconds(self) -> float:
        """Since it began."""
        return time.monotonic() - self._begun

    def __enter__(self) -> "Progress":
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bar.stop()

    def explain(self, why: str) -> None:
        """Why games are played one by one."""
        self._say(f"[dim]some are played one by one: {why}[/]")

    def tell(self, group: int, turns: int, runs: Sequence[Run]) -> None:
        """A population has played so many turns; its runs, once it has ended."""
        self._done[group] = max(turns, self._done.get(group, 0))
        self._ended += len(runs)
        self._bar.update(self._task, completed=sum(self._done.values()), runs=self._ended)
        if runs and not self._live:
            counts = Counter("collapsed" if run.collapsed else run.status for run in runs)
            text = ", ".join(f"{count} {status}" for status, count in counts.most_common())
            self._say(f"{self._ended:>6,} of {self._runs:,} runs   the latest: {text}")

    def interrupted(self) -> None:
        """Ctrl-C."""
        self._bar.stop()
        self._say(f"stopped with {self._ended:,} of {self._runs:,} runs kept. Go on with:  {command('arena')} resume {self.folder}")

    def _say(self, text: str) -> None:
        self.console.print(text, highlight=False, soft_wrap=True)


def report(found: Map, seconds: float | None = None, console: Console | None = None) -> None:
    """What became of the cells, the best of them as a command, and where everything is."""
    console = console or terminal()

    def line(name: str, text: str) -> None:
        console.print(f"  {name:<12}{text}", highlight=False, soft_wrap=True, markup=False)

    console.print(table(found))
    reasons = Counter(run.reason for run in found.runs.values() if run.status == "undefined")
    for reason, count in reasons.most_common(1):
        line("undefined", f"{reason} ({count} of the runs)")
    if (best := found.best) is not None:
        line("best", play_command(best_config(found, best)))
    line("picture", str(found.picture))
    line("table", str(found.table))
    line("replay", f"{command('arena')} map --config {found.folder / 'config.yaml'}")
    if seconds is not None:
        line("took", duration(seconds))


def table(found: Map) -> Table:
    """One row for each thing that became of cells, with how many, and the best of them."""
    made = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for head, side in (("cells", "left"), ("", "right"), ("share", "right"), ("lowest score", "right")):
        made.add_column(head, justify=side, no_wrap=True)  # type: ignore[arg-type]
    if found.ceiling is not None:
        made.add_column("× real data", justify="right", no_wrap=True)
    for name in (found.plan.x.name, found.plan.y.name):
        made.add_column(name, justify="right", no_wrap=True)
    cells = found.cells
    for state in State:
        own = [cell for cell in cells if cell.state == state]
        if not own:
            continue
        low = min((cell for cell in own if cell.score == cell.score), key=lambda cell: cell.score, default=None)
        shade = SHADES.get(state, "default")
        row = [f"[{shade}]{state}[/]", f"{len(own):,}", f"{len(own) / len(cells):.1%}", "–" if low is None else f"{low.score:.4g}"]
        if found.ceiling is not None:
            row.append("–" if low is None else f"{low.score / found.ceiling:.2f}")
        made.add_row(*row, *(["–", "–"] if low is None else [str(low.x), str(low.y)]))
    return made


def best_config(found: Map, cell: Cell) -> Config:
    """The configuration of a cell, with the first seed."""
    return found.plan.config((cell.x, cell.y, found.plan.seeds[0]))


def play_command(config: Config) -> str:
    """What to type to play a configuration: `arena play` with every setting that is not the game's own.

    Example:
        >>> play_command(configure("swiss-roll", {"rule": "extragradient", "generator.hidden": (32, 32), "turns": 9}))
        'arena play swiss-roll --rule extragradient --turns 9 --generator.hidden 32,32'
    """
    flat = config.flat()
    words: list[str] = []
    skip = {"game", "device", *(["until_solved"] if config.game.target.solved_at is None else [])}  # type: ignore[attr-defined]
    while True:  # a choice brings settings of its own, and a rule its scheduler, so that they come first, one by one
        usual = configure(config.game.id, {}, words).flat()
        other = {n: v for n, v in flat.items() if n not in skip and n in usual and _word(usual[n]) != _word(v)}
        if not other:
            break
        choices = sorted((n for n in other if n.endswith((".name", ".player", ".optimizer"))), key=lambda n: not n.startswith("rule."))
        words += [f"--{name.removesuffix('.name')}={_word(flat[name])}" for name in (choices[:1] or other)]
    typed = [word.replace("=", " ", 1) for word in words]
    return " ".join(["arena play", config.game.id, *typed])


def _word(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, (tuple, list)) else str(value).lower() if isinstance(value, bool) else str(value)
