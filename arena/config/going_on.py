"""The settings of a run that begins from another one: those of that run, apart from what is changed."""

from collections.abc import Sequence
from typing import Any

from arena.config.components import components_of, roles_of
from arena.config.configure import configure
from arena.config.files import load_file
from arena.config.settings import Settings, flatten, named_in, of_both
from arena.config.weights import checkpoint_in
from arena.registry.lookup import lookup


def game_of(source: str) -> Any:
    """Return the name of the game of a run, given as `RUN` or `RUN@TURN`; raise ArenaError if it is no run."""
    file, _ = checkpoint_in(source)
    return load_file(file.parent.parent / "config.yaml").get("game")


def settings_from(source: str, game: str, arguments: Sequence[str] = ()) -> Settings:
    """Return the settings with which a run begins from a checkpoint of another one.

    Those of a component that the arguments choose anew are left out, and all of them if it is a run of another game.

    Args:
        source: Run folder, with @TURN or @best if wanted.
        game: Id, import path or file of the game to play.
        arguments: Options of the command line.

    Raises:
        ArenaError: The folder is no run, or has no such checkpoint.
    """
    file, state = checkpoint_in(source)
    folder, entry = file.parent.parent, lookup("game", game)
    settings = load_file(folder / "config.yaml")
    place, there = f"{folder.resolve()}@{state['turn']}", state["arena"]["game"]
    roles = roles_of(entry.target)
    begin = {f"{role}.weights": place for role in roles if any(name.startswith(f"players.{role}.") for name in there)}
    kept: Settings = {}
    if lookup("game", str(settings.pop("game"))).id == entry.id:
        named = {name for name, _ in of_both([(name, None) for name in named_in({}, arguments)], roles)}
        anew = {c for c in components_of(entry.target) if {c.key, c.short} & named}
        dropped = [c.key for c in anew] + [f"{c.prefix}." for c in anew if c.kind in ("rule", "scheduler", "schedule")]
        if any(c.kind == "rule" for c in anew):
            dropped.append("scheduler.")  # a rule chooses its own
        flat = {name: value for name, value in flatten(settings).items() if not name.startswith(tuple(dropped) or ("\0",))}
        choices = {name: value for name, value in flat.items() if name.endswith((".name", ".player", ".optimizer"))}
        known = configure(game, choices, arguments).flat()
        kept = {name: value for name, value in flat.items() if name in known}
    return {**kept, "begin_from": place, **begin}
