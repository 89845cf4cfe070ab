"""The status of a run: how it ended. The verdict on its dynamics is in `arena.experiments.verdict`."""

from typing import Literal, get_args

Status = Literal["finished", "solved", "diverged", "undefined", "alarmed", "interrupted", "pruned", "lost"]
"""finished: the turns are spent; solved: the score reached the goal of the game; diverged: a number was not finite, or the score fled;
undefined: the rule or the settings are undefined here, for the given reason; alarmed: an alarm ended the run; interrupted: stopped, and can
be resumed; pruned: stopped by a pruner; lost: the process that played it died."""

STATUSES: tuple[Status, ...] = get_args(Status)
WHOLE = ("finished", "solved")
"""Statuses of complete runs; only their numbers enter means."""
OLD = {"complete": "finished", "impossible": "undefined"}
"""Words of version 0.1."""


def status_of(word: str) -> Status:
    """Return the status of a word in a folder, also of version 0.1; raise ValueError for any other word.

    Example:
        >>> status_of("solved"), status_of("impossible")
        ('solved', 'undefined')
    """
    word = OLD.get(word, word)
    if word not in STATUSES:
        raise ValueError(f"'{word}' is no status of a run")
    return word
