"""What a measurement shows in the terminal, and in words."""

from rich.bar import Bar
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from arena.bench.measurement import Measurement, Spread

SHADES = {
    "sampling": "#4aa3a2",
    "field": "#2b8a5a",
    "optimizer": "#d99a2b",
    "the rule": "#a8485f",
    "trace": "#8a5fa8",
    "the rest": "#9aa0a6",
}
"""Colours of the stages, in the terminal and in the picture."""
BY_HAND, FLOOR = "#6b7280", "#b4bac1"


def report(found: Measurement, console: Console) -> None:
    """The table, and what it says."""
    console.print(heading(found), highlight=False, soft_wrap=True)
    console.print()
    console.print(table(found, console))
    console.print()
    for sentence in words(found):
        console.print(sentence, highlight=False, soft_wrap=True)


def table(found: Measurement, console: Console) -> Table:
    """The turn and its stages, one after the other along the same axis, above the loop by hand and the floor."""
    made = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    made.add_column("", no_wrap=True)
    for head in ("µs a turn", "quartiles", "× the arena"):
        made.add_column(head, justify="right", no_wrap=True)
    made.add_column("", no_wrap=True)
    longest = max(found.arena.middle, found.by_hand.middle, found.floor.middle, sum(found.stages.values()))
    width = max(12, min(48, console.width - 64))

    def bar(begin: float, end: float, shade: str) -> RenderableType:
        return Bar(longest, begin, end, width=width, color=shade)

    made.add_row("[bold]the arena[/]", f"[bold]{micro(found.arena.middle)}[/]", _quartiles(found.arena), "1", "")
    begin = 0.0
    for name, time in found.stages.items():
        share = Text(f"{time / found.arena.middle:.2f}", style="dim")
        made.add_row(f"  {name}", Text(micro(time), style="dim"), "", share, bar(begin, begin + time, SHADES[name]))
        begin += time
    for label, spread, ratio, shade in (
        ("the loop by hand", found.by_hand, found.ratio, BY_HAND),
        ("the floor", found.floor, found.share, FLOOR),
    ):
        made.add_row(f"[bold]{label}[/]", micro(spread.middle), _quartiles(spread), f"{ratio.middle:.2f}", bar(0, spread.middle, shade))
    return made


def heading(found: Measurement) -> str:
    """What was played, in one line."""
    flat = found.config.flat()
    threads = "1 thread" if found.threads == 1 else f"{found.threads} threads"
    return (
        f"{found.config.game.name}: {flat['rule.name']} rule, {flat['scheduler.name']} scheduler, {flat['dtype']}, "
        f"on {flat['device']} with {threads}"
    )


def words(found: Measurement) -> list[str]:
    """What the numbers say, in sentences."""
    low, middle, high = found.ratio.low, found.ratio.middle, found.ratio.high
    rule = found.config.flat()["rule.name"]
    against = "the loop by hand" if found.plain else "a loop of plain gradient steps by hand"
    said = [
        f"A turn is [bold]{middle:.2f}×[/] as fast as {against} (quartiles {low:.2f}× – {high:.2f}×); "
        f"[bold]{100 * found.share.middle:.0f} %[/] of it would be the bare gradients that no loop avoids."
    ]
    if not found.plain:
        said.append(f"The loop by hand does not play the {rule} rule, so this shows what the rule costs.")
    over = sum(found.stages.values()) / found.arena.middle - 1
    if over > 0.02:
        said.append(f"The stages add up to {100 * over:.0f} % more than the turn, since each was timed apart.")
    said.append(f"[dim]Medians over {found.chunks} chunks of {found.turns:,} turns each, interleaved.[/]")
    return said


def micro(seconds: float) -> str:
    """A time in microseconds.

    Example:
        >>> micro(612.4e-6), micro(8.25e-6), micro(0.0123)
        ('612', '8.2', '12,300')
    """
    return f"{1e6 * seconds:,.0f}" if seconds >= 99.95e-6 else f"{1e6 * seconds:.1f}"


def _quartiles(spread: Spread) -> str:
    return f"{micro(spread.low)} – {micro(spread.high)}"
