"""The live view of a run: how far it is, both players, the score beside that of real data, the game's signals, and the alarms.

A wide terminal has a row for each player, a narrow one a column, so that nothing is cut at 40 columns.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from arena.runs.usage import NARROW

COLOURS = ("dark_orange", "dodger_blue1")
"""Colours of the first and the second player, as in the pictures."""
NUMBERS = {
    "loss": "loss",
    "‖gradient‖": "gradient_norm",
    "‖update‖": "update_norm",
    "cosine": "update_cosine",
    "moves": "moves",
}
"""Shown numbers of a player by their heads."""


@dataclass
class View:
    """The view; rich draws it at any width.

    Args:
        title: Name of the game.
        roles: The two roles.
        turns: Turns of the whole run.
        oracle: Whether the score uses an oracle's labels.
        latest: The latest number of each field of the trace, `turn`, and `score_turn`, the turn of the score.
        judged: Players that the score judges.
        rate: Turns a second.
        ringing: Reasons of the alarms that are raised now, by name.
        played: Returns the turns played by now, which may be more than those of the latest row.

    Example:
        >>> view = View("ring", ("generator", "discriminator"), 400, latest={"turn": 400, "generator.loss": 0.7512, "score": 0.13})
        >>> Console(width=40, color_system=None).print(view)
        ring                          400 of 400
        ━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━
        <BLANKLINE>
                   generator discriminator
        loss          0.7512             –
        ‖gradient‖         –             –
        ‖update‖           –             –
        cosine             –             –
        moves              –             –
        <BLANKLINE>
        score   0.13
        alarms  none
    """

    title: str
    roles: Sequence[str]
    turns: int
    oracle: bool = False
    latest: dict[str, float] = field(default_factory=dict)
    judged: str = "raw"
    rate: float = 0.0
    ringing: Mapping[str, str] = field(default_factory=dict)
    played: Callable[[], int] = int

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        narrow = options.max_width < NARROW
        parts = [self._progress(narrow), Text(""), self._players(narrow), Text(""), self._facts(narrow)]
        yield Group(*parts)

    def number(self, name: str) -> str:
        """Return the latest value of a field in four digits; a dash if there is none."""
        value = self.latest.get(name)
        return "–" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:.4g}"

    def _progress(self, narrow: bool) -> Group | Table:
        turn = max(int(self.latest.get("turn", 0)), self.played())
        bar = ProgressBar(self.turns, turn, complete_style=COLOURS[1], finished_style=COLOURS[1])
        title, far = Text(self.title, "bold"), Text(f"{turn:,} of {self.turns:,}")
        speed = Text(f"{self.rate:,.0f} turns/s" if self.rate >= 10 else f"{self.rate:.2g} turns/s" if self.rate else "")
        left = Text(f"{clock((self.turns - turn) / self.rate)} left" if self.rate and turn < self.turns else "")
        if not narrow:
            line = Table.grid(padding=(0, 2), expand=True)
            line.add_column()
            line.add_column(ratio=1)
            line.add_row(title, bar, far, speed, left)
            return line
        whole = Table.grid(expand=True)
        whole.add_row(bar)
        return Group(_apart(title, far), whole, *([_apart(speed, left)] if speed or left else []))

    def _players(self, narrow: bool) -> Table:
        names = [Text(role, colour) for role, colour in zip(self.roles, COLOURS, strict=True)]
        values = [[self.number(f"{role}.{name}") for name in NUMBERS.values()] for role in self.roles]
        table = Table(box=None, padding=(0, 1, 0, 0) if narrow else (0, 2, 0, 0), pad_edge=False, header_style="" if narrow else "dim")
        table.add_column()
        for head in names if narrow else NUMBERS:
            table.add_column(head, justify="right", min_width=0 if narrow else 11, overflow="fold")
        rows = zip(NUMBERS, *values, strict=True) if narrow else ([name, *own] for name, own in zip(names, values, strict=True))
        for row in rows:
            table.add_row(*row)
        return table

    def _facts(self, narrow: bool) -> Table:
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column(style="dim")
        grid.add_column(overflow="fold")
        for name, text in self._score(narrow):
            grid.add_row(name, text)
        own = {name[5:]: self.number(name) for name in self.latest if name.startswith("game.")}
        if narrow:
            for name, value in own.items():
                grid.add_row(name, value)
        elif own:
            grid.add_row("signals", "   ".join(f"{name} {value}" for name, value in own.items()))
        if not self.ringing:
            grid.add_row("alarms", Text("none", "dim"))
        for place, (name, reason) in enumerate(self.ringing.items()):
            grid.add_row("alarms" if place == 0 else "", Text.assemble((name, "bold dark_orange"), f": {reason}"))
        return grid

    def _score(self, narrow: bool) -> Iterator[tuple[str, str]]:
        score = f"[bold]{self.number('score')}[/]{of(self.judged)}{self._when('score')}"
        best = f"{self.number('best')}{self._when('best')}{peeking(self.oracle)}" if "best" in self.latest else ""
        ceiling, real = self.latest.get("ceiling"), ""
        if ceiling is not None:
            ratio = self.latest["score"] / ceiling if ceiling and "score" in self.latest else None
            real = self.number("ceiling") + (f" ({ratio:.2f}×)" if ratio is not None else "")
        if narrow:
            yield from ((name, text) for name, text in (("score", score), ("real data", real), ("best", best)) if text)
        else:
            yield "score", ", ".join([score, *([f"real data {real}"] if real else []), *([f"best {best}"] if best else [])])

    def _when(self, name: str) -> str:
        """Return the turn of a number that was measured before the latest row, as a suffix."""
        turn = self.latest.get(f"{name}_turn")
        return f" in turn {turn:,}" if turn is not None and turn != self.latest["turn"] else ""


def _apart(left: Text, right: Text) -> Table:
    """Return a line with one text on the left and one on the right."""
    line = Table.grid(expand=True)
    line.add_column()
    line.add_column(justify="right")
    line.add_row(left, right)
    return line


def clock(seconds: float) -> str:
    """Return a time in its two largest units.

    Example:
        >>> clock(7.4), clock(267), clock(9000), clock(200000)
        ('7 s', '4 min 27 s', '2 h 30 min', '2 d 7 h')
    """
    units = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
    whole = round(seconds)
    first = next((place for place, (_, size) in enumerate(units) if whole >= size), len(units) - 1)
    (name, size), rest = units[first], units[first + 1 : first + 2]
    return f"{whole // size} {name}" + "".join(f" {whole % size // small} {unit}" for unit, small in rest)


def of(judged: str) -> str:
    """Return the suffix of a score of players that are not the live ones."""
    return "" if judged == "raw" else f" ({judged})"


def peeking(oracle: bool) -> str:
    """Return the suffix of a best score that uses oracle labels."""
    return " (an oracle's: it uses labels)" if oracle else ""
