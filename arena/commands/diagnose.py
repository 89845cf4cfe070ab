"""Diagnose a run: what ails it, why, and which change to try.

arena diagnose runs/swiss-roll-1
"""

from collections.abc import Sequence
from pathlib import Path

from arena.errors import ArenaError
from arena.runs.command_line import wants_help
from arena.runs.usage import show_usage

USAGE = """\
usage: arena diagnose RUN [MORE ...]

Say what ails a run, from its trace and its configuration alone: the evidence, the likeliest cause, one change, and the command
that tries it. The findings are rules of thumb; `arena list ailments` lists them, and docs/doctor.md says how often they are right.

  RUN   a run folder, also of a run that goes on or is damaged"""


def main(arguments: Sequence[str]) -> int:
    if not arguments or wants_help(arguments):
        show_usage(USAGE)
        return 0 if arguments else 2
    if unknown := next((word for word in arguments if word.startswith("--")), None):
        raise ArenaError(f"'{unknown[:60]}' is no option of `arena diagnose`, which takes run folders alone")
    from arena.doctor.diagnosis import diagnose

    for place, word in enumerate(arguments):
        if len(arguments) > 1:
            print(word if place == 0 else f"\n{word}")
        print(diagnose(Path(word)))
    return 0
