"""List the games, players, rules, schedulers, schedules, optimizers, diagnostics and alarms there are.

arena list
arena list rules
"""

from collections.abc import Sequence

from arena.errors import UnknownName

USAGE = """\
usage: arena list [KIND]

List what there is, each with its one line.

  KIND   games, players, rules, schedulers, schedules, optimizers, diagnostics or alarms (default: all)"""


def main(arguments: Sequence[str]) -> int:
    if arguments and arguments[0] in ("-h", "--help"):
        print(USAGE)
        return 0
    from rich.console import Console
    from rich.table import Table

    from arena.registry.entries import KINDS, entries

    kinds = {f"{kind}s": kind for kind in KINDS}
    wanted = [word if word in kinds else f"{word}s" for word in arguments] or list(kinds)
    for name in wanted:
        if name not in kinds:
            raise UnknownName("kind", name.removesuffix("s"), kinds)
    console = Console()
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for i, name in enumerate(wanted):
        if i:
            table.add_row("", "")
        table.add_row(f"[bold]{name}[/]", "")
        for entry in entries(kinds[name]).values():
            also = ", ".join(getattr(entry.target, "also", ()))
            summary = entry.summary.replace("[", "\\[") + (f" Also: {also}." if also else "")
            table.add_row(f"  {entry.id}", f"[dim]{summary}[/]")
    console.print(table)
    return 0
