"""The command that plays a configuration."""

import shlex
from collections.abc import Sequence
from typing import Any

from arena.config.config import Config
from arena.config.configure import configure

RECORDING = ("trace.", "picture.", "checkpoint.", "score.every", "metrics.every")
"""What a run records, which changes nothing in it."""


def play_command(config: Config, leave_out: Sequence[str] = ()) -> str:
    """Return the command that plays a configuration: `arena play` with every setting that is not a default of the game.

    Args:
        config: What to play.
        leave_out: Beginnings of the names of settings that are left at their defaults, such as `RECORDING`.

    Example:
        >>> play_command(configure("swiss-roll", {"rule": "extragradient", "generator.hidden": (32, 32), "turns": 9}))
        'arena play swiss-roll --rule extragradient --turns 9 --generator.hidden 32,32'
    """
    flat = config.flat()
    words: list[str] = []
    skip = {"game", "device", *(["until_solved"] if config.game.target.solved_at is None else [])}  # type: ignore[attr-defined]
    while True:  # choices come first, one by one, because each has settings of its own, and a rule also chooses a scheduler
        usual = configure(config.game.id, {}, words).flat()
        wanted = {n: v for n, v in flat.items() if n not in skip and n in usual and not n.startswith(tuple(leave_out))}
        other = {n: v for n, v in wanted.items() if _word(usual[n]) != _word(v)}
        if not other:
            break
        choices = sorted((n for n in other if n.endswith((".name", ".player", ".optimizer"))), key=lambda n: not n.startswith("rule."))
        words += [f"--{name.removesuffix('.name')}={_word(flat[name])}" for name in (choices[:1] or other)]
    typed = [f"{name} {shlex.quote(value)}" for name, _, value in (word.partition("=") for word in words)]
    return " ".join(["arena play", shlex.quote(config.game.id), *typed])


def _word(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, (tuple, list)) else str(value).lower() if isinstance(value, bool) else str(value)
