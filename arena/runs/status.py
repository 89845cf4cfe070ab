"""The status of a run: how it ended. The verdict on its dynamics is in `arena.experiments.verdict`."""

from typing import Literal, get_args

from arena.errors import ArenaError, GameFault

Status = Literal["finished", "solved", "diverged", "undefined", "failed", "alarmed", "stopped", "interrupted", "pruned", "lost"]
"""finished: the turns are spent; solved: the score reached the goal of the game; diverged: a number was not finite, or the score fled;
undefined: the rule or the settings are undefined here, for the given reason; failed: the game or the rule raised an error, or the score is
NaN; alarmed: an alarm ended the run; stopped: a tracker did, such as
`on_look`; interrupted: stopped, and can be resumed; pruned: stopped by a pruner; lost: its process died."""

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


def status_of_error(error: ArenaError) -> Status:
    """Return the status of a run that an error ended: failed if the game or the rule broke, undefined if it has no answer here.

    Example:
        >>> from arena.errors import RuleUndefined
        >>> status_of_error(GameFault("TugOfWar.score failed")), status_of_error(RuleUndefined("the system is singular"))
        ('failed', 'undefined')
    """
    return "failed" if isinstance(error, GameFault) else "undefined"
