"""Check that a game, or an update rule, is what it claims to be.

arena check swiss-roll
arena check my_game.py
arena check --rules my_rule.py:MyRule
"""

from collections.abc import Sequence

from arena.errors import ArenaError, DataUnavailable
from arena.runs.command_line import wants_help
from arena.runs.usage import show_usage

USAGE = """\
usage: arena check [GAME ...]
       arena check --rules [RULE ...]

Put games, or update rules, through every check, cheapest first; with a message that names what is at fault.

  GAME   a game's id, an import path, or a file such as my_game.py (default: all registered games)
  RULE   a rule's id, an import path, or a file such as my_rule.py (default: all registered rules)"""


def main(arguments: Sequence[str]) -> int:
    if wants_help(arguments):
        show_usage(USAGE)
        return 0
    from rich.console import Console

    from arena.checks import engines
    from arena.checks import games as check
    from arena.checks import rules as check_rules
    from arena.checks.subject import Subject
    from arena.registry.entries import entries
    from arena.registry.lookup import lookup

    names = [word for word in arguments if word != "--rules"]
    kind = "game" if len(names) == len(arguments) else "rule"
    examine, total = (check.examine, len(check.CHECKS)) if kind == "game" else (check_rules.examine_rule, len(check_rules.CHECKS))
    console = Console()
    chosen = [lookup(kind, name) for name in names] or list(entries(kind).values())
    faults = 0
    for entry in chosen:
        try:
            report = examine(entry.target)
        except DataUnavailable as error:
            console.print(f"[yellow]–[/] [bold]{entry.id}[/]  not checked: {error}", highlight=False, soft_wrap=True)
            continue
        faults += report.fault is not None
        sign = "[red]✗[/]" if report.fault else "[green]✓[/]"
        told = f"{len(report.passed)} of {total} checks hold"
        if report.fault:
            told += f", 1 does not, and {total - len(report.passed) - len(report.skipped) - 1} after it were not tried"
        elif report.skipped:
            told += f"; not claimed: {', '.join(report.skipped)}"
        console.print(f"{sign} [bold]{entry.name}[/]  {told}", highlight=False, soft_wrap=True)
        if report.fault:
            console.print(f"  {report.fault}", highlight=False, markup=False, soft_wrap=True)
        elif kind == "game" and names and (told := engines.in_blocks(Subject(entry.target))):
            console.print(f"  {told}", highlight=False, markup=False, soft_wrap=True)
    if faults:
        raise ArenaError(f"{faults} of {len(chosen)} {kind}s broke the contract; correct the fault printed under each and check again")
    return 0
