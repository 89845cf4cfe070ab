"""The report of a measurement in the terminal: a table and sentences."""

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
"""Colours of the stages, in the terminal and in the figure."""
BASELINE, FLOOR = "#6b7280", "#b4bac1"


def report(measured: Measurement, console: Console) -> None:
    """Print the table and its summary."""
    console.print(heading(measured), highlight=False, soft_wrap=True)
    console.print()
    console.print(table(measured, console))
    console.print()
    for sentence in words(measured):
        console.print(sentence, highlight=False, soft_wrap=True)


def table(measured: Measurement, console: Console) -> Table:
    """Return the table of the turn, its stages along one axis, the plain loop and the floor."""
    rows = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    rows.add_column("", no_wrap=True)
    for head in ("µs a turn", "quartiles", "× the arena"):
        rows.add_column(head, justify="right", no_wrap=True)
    rows.add_column("", no_wrap=True)
    longest = max(measured.arena.middle, measured.baseline.middle, measured.floor.middle, sum(measured.stages.values()))
    width = max(12, min(48, console.width - 64))

    def bar(begin: float, end: float, shade: str) -> RenderableType:
        return Bar(longest, begin, end, width=width, color=shade)

    rows.add_row("[bold]the arena[/]", f"[bold]{micro(measured.arena.middle)}[/]", _quartiles(measured.arena), "1", "")
    begin = 0.0
    for name, time in measured.stages.items():
        share = Text(f"{time / measured.arena.middle:.2f}", style="dim")
        rows.add_row(f"  {name}", Text(micro(time), style="dim"), "", share, bar(begin, begin + time, SHADES[name]))
        begin += time
    for label, spread, ratio, shade in (
        ("the plain loop", measured.baseline, measured.ratio, BASELINE),
        ("the floor", measured.floor, measured.share, FLOOR),
    ):
        rows.add_row(f"[bold]{label}[/]", micro(spread.middle), _quartiles(spread), f"{ratio.middle:.2f}", bar(0, spread.middle, shade))
    return rows


def heading(measured: Measurement) -> str:
    """Return the game and its main settings in one line."""
    flat = measured.config.flat()
    threads = "1 thread" if measured.threads == 1 else f"{measured.threads} threads"
    return (
        f"{measured.config.game.name}: {flat['rule.name']} rule, {flat['scheduler.name']} scheduler, {flat['dtype']}, "
        f"on {flat['device']} with {threads}"
    )


def words(measured: Measurement) -> list[str]:
    """Return the summary in sentences."""
    low, middle, high = measured.ratio.low, measured.ratio.middle, measured.ratio.high
    rule = measured.config.flat()["rule.name"]
    against = "the plain loop" if measured.plain else "a plain loop of gradient steps"
    sentences = [
        f"A turn is [bold]{middle:.2f}×[/] as fast as {against} (quartiles {low:.2f}× – {high:.2f}×); "
        f"[bold]{100 * measured.share.middle:.0f} %[/] of it would be the bare gradients that no loop avoids."
    ]
    if not measured.plain:
        sentences.append(f"The plain loop does not play the {rule} rule, so that the ratio includes the cost of the rule.")
    over = sum(measured.stages.values()) / measured.arena.middle - 1
    if over > 0.02:
        sentences.append(f"The stages add up to {100 * over:.0f} % more than the turn, because each was timed separately.")
    sentences.append(f"[dim]Medians over {measured.chunks} chunks of {measured.turns:,} turns each, interleaved.[/]")
    return sentences


def micro(seconds: float) -> str:
    """Format a time in microseconds.

    Example:
        >>> micro(612.4e-6), micro(8.25e-6), micro(0.0123)
        ('612', '8.2', '12,300')
    """
    return f"{1e6 * seconds:,.0f}" if seconds >= 99.95e-6 else f"{1e6 * seconds:.1f}"


def _quartiles(spread: Spread) -> str:
    return f"{micro(spread.low)} – {micro(spread.high)}"
