"""Load the game, or one player, of a run folder as plain modules."""

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from arena.config.config import Config
from arena.config.configure import configure
from arena.config.files import load_file
from arena.core.game import Game
from arena.core.preserve import preserve_state
from arena.core.rng import Rng
from arena.engine.env import Arena
from arena.errors import ArenaError, CheckpointUnusable, UnknownName, cause
from arena.registry.trust import only
from arena.runs.folders import check_own
from arena.trace.checkpoint import At, Checkpoints, checkpoint_of


@dataclass(frozen=True)
class Loaded:
    """A game in evaluation mode, as a checkpoint has it.

    Args:
        game: The game, with the averages in place of the players where the rule keeps them.
        config: The configuration of the run.
        turn: Turn of the checkpoint.
        file: The checkpoint.
        judged: The players that it has: `raw`, `averaged`, or `averaged ROLE`.
        arena: The environment, after as many turns.
    """

    game: Game
    config: Config
    turn: int
    file: Path
    judged: str
    arena: Arena


def load(run: str | Path, at: At = "last", *, trust: bool = False) -> Loaded:
    """Return the game of a run folder with the state of one of its checkpoints.

    Args:
        run: Run folder.
        at: `last`, `best`, which is that of the lowest score, or a turn that has a checkpoint.
        trust: Import code that the folder names and that is not in the registry, also if the run was not made here by this user.

    Raises:
        ArenaError: The folder is no run, has no such checkpoint, or names code that is not trusted.
        CheckpointUnusable: The checkpoint is damaged or does not fit the configuration.
    """
    folder = Path(run)
    if not (folder / "config.yaml").is_file():
        raise ArenaError(f"{folder} is not a run folder (it has no config.yaml); give the folder that `arena play` named")
    check_own(folder)
    with only(None if trust else ()):
        settings = load_file(folder / "config.yaml")
        config = configure(str(settings.get("game")), settings)
        file = checkpoint_of(folder, at)
        state = Checkpoints(file.parent).load(file)
        arena = config.restored().build()
        arena.reset(seed=config.run.seed)
    try:
        arena.load_state_dict(state["arena"])
    except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise CheckpointUnusable(
            f"the checkpoint {file} does not fit the players of {folder / 'config.yaml'} ({cause(error)}); restore the config.yaml of the "
            "run"
        ) from error
    episode, judged = arena.episode, arena.judged
    if (averages := episode.rule.evaluated_parameters()) is not None:
        live = {**dict(episode.game.named_parameters()), **dict(episode.game.named_buffers())}
        with torch.no_grad():
            for name, tensor in averages.items():
                live[name].copy_(tensor)
    arena.rest()
    return Loaded(arena.game, config, int(state["turn"]), file, judged, arena)


def load_game(run: str | Path, at: At = "last", *, trust: bool = False) -> Game:
    """Return the game of a run folder as a module in evaluation mode; its players are under `players`.

    Where the rule keeps an average, as `averaging` and `lookahead` do, the players are the averages, which the score judges.

    Args:
        run: Run folder.
        at: `last`, `best`, which is that of the lowest score, or a turn that has a checkpoint.
        trust: Import code that the folder names and that is not in the registry, also if the run was not made here by this user.

    Raises:
        ArenaError: The folder is no run, has no such checkpoint, or names code that is not trusted.

    Example:
        >>> import arena, tempfile
        >>> out = tempfile.mkdtemp() + "/run"
        >>> run = arena.play("bilinear", turns=5, out=out, display=False, **{"trace.tensorboard": False})
        >>> game = load_game(run.folder)
        >>> bool(torch.equal(game.players["x"](), run.arena.game.players["x"]())), game.training
        (True, False)
    """
    return load(run, at, trust=trust).game


def load_player(run: str | Path, role: str, at: At = "last", *, trust: bool = False) -> nn.Module:
    """Return one player of a run folder as a module of its own in evaluation mode; see `load_game`.

    Args:
        run: Run folder.
        role: Such as `generator`.
        at: `last`, `best`, or a turn that has a checkpoint.
        trust: Import code that the folder names and that is not in the registry.

    Raises:
        UnknownName: The game has no such role.
        ArenaError: As for `load_game`.
    """
    return player_of(load(run, at, trust=trust), role)


def player_of(loaded: Loaded, role: str) -> nn.Module:
    """Return a copy of one player that shares nothing with the game."""
    if role not in loaded.game.players:
        raise UnknownName("role", role, dict.fromkeys(loaded.game.players))
    player = copy.deepcopy(loaded.game.players[role])
    for parameter in player.parameters():
        parameter.grad = None
    return player.eval()


def example_of(loaded: Loaded, role: str) -> tuple[Any, ...]:
    """Return what a player was first called with in the losses of a batch: an example of its arguments.

    Raises:
        ArenaError: The losses do not call it.
    """
    game, given = loaded.game, list[tuple[Any, ...]]()
    hook = game.players[role].register_forward_pre_hook(lambda module, arguments: given.append(arguments))
    try:
        with preserve_state(game, seed=loaded.config.run.seed), loaded.arena.episode.on_device():
            batch = loaded.arena.sample(Rng(loaded.arena.device).seed_both(0, 1))
            game.losses(batch, 1.0, game.keys)
    finally:
        hook.remove()
    if not given:
        raise ArenaError(f"the losses of '{loaded.config.game.name}' do not call the {role}, so that there is no example of its input")
    return tuple(value.detach().clone() if isinstance(value, torch.Tensor) else value for value in given[0])
