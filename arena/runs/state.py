"""The state of a run in a checkpoint: what is saved, and how it is checked and restored."""

from pathlib import Path
from typing import Any

from arena.config.settings import check_unchanged
from arena.errors import CheckpointUnusable, cause, typed
from arena.runs.budget import MAY_CHANGE, go_on_to
from arena.runs.endings import ending
from arena.trackers.base import Started

SCHEMA: dict[str, tuple[type, ...]] = {
    "turn": (int,),
    "game": (str,),
    "arena": (dict,),
    "best": (int, float, type(None)),
    "trace": (int,),
}
"""Types of the parts that every checkpoint has."""
LATER: dict[str, tuple[type, ...]] = {
    "settings": (str,),
    "turn_of": (dict,),
    "path": (list,),
    "diagnostics": (dict,),
    "alarms": (dict,),
    "metrics": (dict,),
    "ended": (str, type(None)),
}
"""Types of the parts that those of earlier versions may lack."""


def state_of(run: Any) -> dict[str, Any]:
    """Return the state of an `arena.runs.run.Run`."""
    return {
        "turn": run.arena.turns_played,
        "game": run.config.game.id,
        "settings": run.settings,
        "arena": run.arena.state_dict(),
        "best": run.best,
        "turn_of": dict(run.turn_of),
        "path": [*run.arena.game.path],
        "trace": run.trace.position,
        "diagnostics": run.diagnostics.state_dict(),
        "alarms": run.alarms.state_dict(),
        "metrics": dict(run.metrics),
        "ended": run.ended,
    }


def restore(run: Any, path: Path, state: dict[str, Any]) -> None:
    """Put a run into the state of a checkpoint.

    Raises:
        CheckpointUnusable: A part is missing or of another type, or the state is that of another game, other settings or other players.
    """
    _check(path, state)
    if state["game"] != run.config.game.id:
        raise CheckpointUnusable(
            f"the checkpoint {path} is of the game '{state['game']}', but the run plays '{run.config.game.id}'; restore the config.yaml of "
            "the run"
        )
    check_unchanged(state.get("settings"), run.settings, run.folder / "config.yaml", path.name, MAY_CHANGE)
    try:
        run.arena.load_state_dict(state["arena"])
        run.diagnostics.load_state_dict(state.get("diagnostics", {}))
        if "alarms" in state:
            run.alarms.load_state_dict(state["alarms"])
        run.metrics, run.ended = dict(state.get("metrics", {})), state.get("ended")
        run.turn_of, run.arena.game.path = dict(state.get("turn_of", {})), [*state.get("path", [])]
    except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise CheckpointUnusable(
            f"the checkpoint {path} does not fit the players of this configuration ({cause(error)}); restore the config.yaml of the run"
        ) from error
    run.best = state["best"]
    go_on_to(run, state)


def started(run: Any, *, resumed: bool) -> Started:
    """Return what trackers learn of a run when it begins or goes on."""
    real = run.ceilings if run.ceiling is None else {"score": run.ceiling, **run.ceilings}
    about = run.config.game.id, run.folder, run.config.flat(), run.settings, run.arena.game.roles, run.arena.turns_played, resumed
    return Started(*about, real, run.arena, run.alarms, lambda: ending("verdict", run.folder))


def check_beginning(run: Any) -> None:
    """Let a run whose checkpoints are all damaged begin again, and say so; raise CheckpointUnusable if it began with another's weights."""
    if sources := {*run.config.sources().values(), run.config.run.begin_from} - {""}:
        raise CheckpointUnusable(
            f"{run.folder} has no whole checkpoint left, and began from {' and '.join(sorted(sources))}. Fix: start another run: "
            f"arena play --config {typed(run.folder / 'config.yaml')}"
        )
    run.display.note("no checkpoint is left, so that the run begins again")


def _check(path: Path, state: dict[str, Any]) -> None:
    for name, types in {**SCHEMA, **LATER}.items():
        if name not in state and name in LATER:
            continue
        value = state.get(name)
        negative = name in ("turn", "trace") and isinstance(value, int) and value < 0
        if name not in state or not isinstance(value, types) or isinstance(value, bool) or negative:
            found = "is missing" if name not in state else f"is {str(value)[:40]!r}"
            raise CheckpointUnusable(f"the checkpoint {path} is no state of a run: its part '{name}' {found}. Fix: remove it, then resume")
