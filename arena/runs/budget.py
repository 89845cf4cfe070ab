"""A longer run: the turn budget of a run that is over or under way is declared anew."""

from typing import Any

import yaml

from arena.config.config import Config
from arena.config.settings import SAME_NUMBERS, check_unchanged, flatten
from arena.errors import ArenaError, CheckpointDamaged, typed
from arena.runs.result import Result
from arena.trace.checkpoint import Checkpoints
from arena.trace.writing import write_whole

MAY_CHANGE = (*SAME_NUMBERS, "turns", "trackers", "trace.tensorboard", "trace.histograms")
"""Settings of a run that may change from one resume to the next."""


def is_longer(config: Config, over: Result) -> bool:
    """Return whether a run that is over has turns left under its present configuration.

    Raises:
        CheckpointUnusable: Another setting has changed.
        ArenaError: The budget is below the turns played, the run ended for another reason than its budget, or no checkpoint is left.
    """
    folder, turns, file = over.folder, config.run.turns, over.folder / "config.yaml"
    checkpoints = Checkpoints(folder / "checkpoints")
    paths, longer = checkpoints.paths(), over.status == "finished" and turns > over.turns
    try:
        state = checkpoints.load(paths[-1]) if paths else {}
    except CheckpointDamaged as error:
        if longer:
            raise CheckpointDamaged(f"{error}. Fix: restore it, or remove it, and the run goes on from the one before") from error
        return False
    if longer and not state:
        raise ArenaError(f"{folder} is over and has no checkpoint to go on from. Fix: arena play --config {typed(file)} --turns {turns}")
    before = state.get("settings")
    if before is not None:
        check_unchanged(before, config.dump(), file, paths[-1].name, MAY_CHANGE)
    if over.status == "finished":
        check_budget(turns, over.turns, turns == over.turns)
    elif before is not None and _turns(before) != turns:
        raise ArenaError(
            f"{folder} {_ENDED.get(over.status, f'is {over.status}')} at turn {over.turns:,} of {_turns(before):,}, so that a budget of "
            f"{turns:,} turns changes nothing. Fix: start another run: arena play --from {typed(folder)} --turns {turns}"
        )
    return longer


_ENDED = {"solved": "was solved", "diverged": "diverged", "alarmed": "was stopped by an alarm", "stopped": "was stopped by a tracker"}


def check_budget(turns: int, played: int, same: bool = False) -> None:
    """Raise ArenaError if a new budget leaves no turn to play.

    Example:
        >>> check_budget(100, 250)
        Traceback (most recent call last):
        ...
        arena.errors.ArenaError: the budget is 100 turns, but the run has played 250. Expected more than 250
    """
    if turns <= played and not same:
        raise ArenaError(f"the budget is {turns:,} turns, but the run has played {played:,}. Expected more than {played:,}")


def go_on_to(run: Any, state: dict[str, Any]) -> None:
    """Let an `arena.runs.run.Run` in the state of a checkpoint go on to the turns of its configuration, and say what changes."""
    turns, played = run.config.run.turns, state["turn"]
    before = _turns(state["settings"]) if "settings" in state else played  # those of version 0.1 do not say
    if before == turns:
        return
    check_budget(turns, played)
    if run.is_main:
        write_whole(run.folder / "config.yaml", run.settings)
    run.display.note(
        f"the budget is {turns:,} turns instead of {before:,}: schedules run over the new one, from progress {played / turns:.3g} on "
        f"instead of {played / before:.3g}; where they are constant, the run is that of {turns:,} turns in one go"
    )


def _turns(settings: str) -> int:
    return int(flatten(yaml.safe_load(settings)).get("turns", 0))
