"""Check that a game keeps the contract of a game.

arena check swiss-roll
arena check my_game.py
"""

from collections.abc import Sequence

from arena.errors import ArenaError, DataUnavailable

USAGE = """\
usage: arena check [GAME ...]

Put games through every check, cheapest first; with a message that names the part at fault.

  GAME   a game's id, an import path, or a file such as my_game.py (default: all registered games)"""


def main(arguments: Sequence[str]) -> int:
    if arguments and arguments[0] in ("-h", "--help"):
        print(USAGE)
        return 0
    from rich.console import Console

    from arena.check import CHECKS, examine
    from arena.registry import entries, lookup

    console = Console()
    chosen = [lookup("game", name) for name in arguments] or list(entries("game").values())
    faults = 0
    for entry in chosen:
        try:
            report = examine(entry.target)
        except DataUnavailable as error:
            console.print(f"[yellow]–[/] [bold]{entry.id}[/]  not checked: {error}", highlight=False, soft_wrap=True)
            continue
        faults += report.fault is not None
        sign = "[red]✗[/]" if report.fault else "[green]✓[/]"
        told = f"{len(report.passed)} of {len(CHECKS)} checks hold"
        told += f"; not claimed: {', '.join(report.skipped)}" if report.skipped and not report.fault else ""
        console.print(f"{sign} [bold]{entry.name}[/]  {told}", highlight=False, soft_wrap=True)
        if report.fault:
            console.print(f"  {report.fault}", highlight=False, markup=False, soft_wrap=True)
    if faults:
        raise ArenaError(f"{faults} of {len(chosen)} games broke the contract; mend what the check names and run it again")
    return 0
