"""The status of a run: a fact, in the same words everywhere. The verdict is a reading of it, in `arena.experiments.verdict`."""

from typing import Literal, get_args

Status = Literal["finished", "solved", "diverged", "undefined", "alarmed", "interrupted", "pruned", "lost"]
"""finished: the turns are spent; solved: the score reached the goal of the game; diverged: something was not finite, or the score fled;
undefined: the rule or the values have no answer, and the reason says why; alarmed: an alarm ended the run; interrupted: stopped, and can
be resumed; pruned: given up by a pruner; lost: the process that played it died."""

STATUSES: tuple[Status, ...] = get_args(Status)
WHOLE = ("finished", "solved")
"""Statuses of runs that came to their end. Only their numbers may enter a mean."""
OLD = {"complete": "finished", "impossible": "undefined"}
"""Words of version 0.1."""


def status_of(word: str) -> Status:
    """Return a status from a word of a folder, also of version 0.1.

    Raises:
        ValueError: for any other word.

    Example:
        >>> status_of("solved"), status_of("impossible")
        ('solved', 'undefined')
    """
    word = OLD.get(word, word)
    if word not in STATUSES:
        raise ValueError(f"'{word}' is no status of a run")
    return word
