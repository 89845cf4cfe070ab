"""List the games, players, rules, schedulers, schedules, optimizers, diagnostics, alarms, ailments and trackers there are.

arena list
arena list rules
"""

from collections.abc import Sequence

from arena.errors import UnknownName
from arena.runs.command_line import wants_help
from arena.runs.index import load, refresh
from arena.runs.usage import NARROW, show_usage

USAGE = """\
usage: arena list [KIND]

List what there is, each with its one line.

  KIND   games, players, rules, schedulers, schedules, optimizers, diagnostics, alarms, ailments or trackers (default: all)"""


def main(arguments: Sequence[str]) -> int:
    if wants_help(arguments):
        show_usage(USAGE)
        return 0
    from rich.console import Console
    from rich.padding import Padding
    from rich.table import Table

    from arena.registry.entries import KINDS

    kinds = {f"{kind}s": kind for kind in KINDS}
    wanted = [word if word in kinds else f"{word}s" for word in arguments] or list(kinds)
    for name in wanted:
        if name not in kinds:
            raise UnknownName("kind", name.removesuffix("s"), kinds)
    console, known = Console(), (load() or refresh())["kinds"]
    narrow = console.width < NARROW
    table = Table(box=None, padding=(0, 0 if narrow else 2, 0, 0), show_header=False)
    table.add_column(no_wrap=not narrow, overflow="fold")
    if not narrow:
        table.add_column(overflow="fold")
    for i, name in enumerate(wanted):
        if i:
            table.add_row("")
        table.add_row(f"[bold]{name}[/]")
        for id, entry in known[kinds[name]].items():
            summary = entry["summary"].replace("[", "\\[") + (f" Also: {', '.join(entry['also'])}." if entry["also"] else "")
            table.add_row(f"  {id}", *([] if narrow else [f"[dim]{summary}[/]"]))
            if narrow:
                table.add_row(Padding(f"[dim]{summary}[/]", (0, 0, 0, 6)))
    console.print(table)
    return 0
