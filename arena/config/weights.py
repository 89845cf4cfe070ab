"""Pretrained weights: the players of a run begin with those of a file or of another run.

A file is one of `torch.save`, read without executing anything (`weights_only`), or of safetensors; both hold a state dict. Of a run folder
the latest checkpoint is read, or with `@TURN`, `@best` that one: its live players, not the average that a rule may keep.
"""

import functools
import io
import warnings
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from arena.errors import ArenaError, ArenaWarning, CheckpointUnusable, cause
from arena.trace.checkpoint import MOST, Checkpoints, checkpoint_of
from arena.trace.reading import read_bytes

NAMED = 3
"""Most names of tensors in a sentence."""


@dataclass(frozen=True)
class Start:
    """The start of a player.

    Args:
        weights: Weights that the player begins with: a file of torch.save or safetensors with a state dict, or a run folder, with @TURN or
            @best if wanted. What does not fit begins as usual, and is named.
    """

    weights: str = ""


def place_of(source: str) -> tuple[Path, str]:
    """Return the path of a source, and which checkpoint is meant.

    Example:
        >>> place_of("runs/ring-1@200"), place_of("generator.pt")
        ((PosixPath('runs/ring-1'), '200'), (PosixPath('generator.pt'), 'last'))
    """
    path, mark, at = source.rpartition("@")
    return (Path(path), at) if mark and not Path(source).exists() else (Path(source), "last")


def checkpoint_in(source: str) -> tuple[Path, dict[str, Any]]:
    """Return the checkpoint of a source that is a run, and its content; raise ArenaError if it is none, or it cannot be used."""
    folder, at = place_of(source)
    if not (folder / "config.yaml").is_file():
        what = "is not a run folder (it has no config.yaml)" if folder.exists() else "does not exist"
        raise ArenaError(f"{folder} {what}. Expected a folder that `arena play` named, with @TURN if wanted")
    file = checkpoint_of(folder, at)
    state = Checkpoints(file.parent).load(file)
    if (
        not isinstance(state.get("turn"), int)
        or not isinstance(state.get("arena"), dict)
        or not isinstance(state["arena"].get("game"), dict)
    ):
        raise CheckpointUnusable(f"the checkpoint {file} is no state of a run. Fix: name another one, as RUN@TURN")
    return file, state


def weights_of(source: str, role: str) -> dict[str, Tensor]:
    """Return the weights of a role by name.

    Raises:
        ArenaError: The source cannot be read, or has no weights.
    """
    path, _ = place_of(source)
    if path.is_dir():
        file, state = checkpoint_in(source)
        return player_in(file, state, role)
    try:
        data = read_bytes(path, MOST)
    except OSError as error:
        raise ArenaError(
            f"{role}.weights: {path} cannot be read ({error.strerror}). Expected a state dict in a file, or a run folder"
        ) from error
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load

            found: Any = load(data)
        else:
            found = torch.load(io.BytesIO(data), weights_only=True, map_location="cpu")
    except ModuleNotFoundError as error:
        raise ArenaError(f"{role}.weights: {path} needs safetensors. Fix: pip install 'two-player-arena[export]'") from error
    except Exception as error:  # the unpickler raises errors of many classes
        raise ArenaError(
            f"{role}.weights: {path} is no state dict that can be read without executing code ({cause(error)[:120]}). Expected "
            "torch.save(module.state_dict(), FILE), or safetensors"
        ) from error
    if isinstance(found, Mapping) and isinstance(found.get("state_dict"), Mapping):
        found = found["state_dict"]
    tensors = {n: t for n, t in found.items() if isinstance(n, str) and isinstance(t, Tensor)} if isinstance(found, Mapping) else {}
    if not tensors:
        raise ArenaError(f"{role}.weights: {path} holds no tensors by name. Expected torch.save(module.state_dict(), FILE), or safetensors")
    return tensors


def player_in(file: Path, state: Mapping[str, Any], role: str) -> dict[str, Tensor]:
    """Return the weights of a role in a checkpoint; raise ArenaError if there are none."""
    game, start = state["arena"]["game"], f"players.{role}."
    found = {name.removeprefix(start): t for name, t in game.items() if name.startswith(start) and isinstance(t, Tensor)}
    if not found:
        roles = {name.split(".")[1] for name in game if name.startswith("players.")}
        raise ArenaError(f"{role}.weights: {file} has no {role}. Expected one of {', '.join(sorted(roles)) or 'its players'}")
    return found


def begin_with(player: nn.Module, role: str, source: str, weights: Mapping[str, Tensor]) -> str:
    """Give a player the weights that fit; return a sentence on those that do not, or nothing.

    Raises ArenaError if none fits.

    Example:
        >>> begin_with(nn.Linear(2, 1), "generator", "g.pt", {"weight": torch.ones(1, 2), "scale": torch.ones(1)})
        'generator.weights: 1 of 2 tensors are from g.pt; not in it: bias; not in the generator: scale'
    """
    own = {name: tensor for name, tensor in player.state_dict().items() if isinstance(tensor, Tensor)}
    fit = {name: tensor for name, tensor in weights.items() if name in own and _alike(own[name], tensor)}
    if not fit:
        raise ArenaError(
            f"{role}.weights: nothing in {source} fits the {role}: it has {_few(_sized(weights))}. Expected {_few(_sized(own))}"
        )
    try:
        player.load_state_dict(fit, strict=False)
    except (NotImplementedError, RuntimeError, TypeError, ValueError) as error:
        raise ArenaError(f"{role}.weights: {source} holds tensors that cannot be copied ({cause(error)}). Expected dense ones") from error
    shapes = [f"{name} ({_size(weights[name])}, not {_size(own[name])})" for name in own if name in weights and name not in fit]
    left = {
        "not in it": [n for n in own if n not in weights],
        f"not in the {role}": [n for n in weights if n not in own],
        "of another shape": shapes,
    }
    parts = [f"{why}: {_few(names)}" for why, names in left.items() if names]
    return f"{role}.weights: {len(fit)} of {len(own)} tensors are from {source}; {'; '.join(parts)}" if parts else ""


def _alike(own: Tensor, given: Tensor) -> bool:
    return own.shape == given.shape and own.is_complex() == given.is_complex()


def _few(names: Collection[str]) -> str:
    more = len(names) - NAMED
    return ", ".join(name[:80] for name in [*names][:NAMED]) + (f" and {more} more" if more > 0 else "")


def _sized(tensors: Mapping[str, Tensor]) -> list[str]:
    return [f"{name} ({_size(tensor)})" for name, tensor in tensors.items()]


def _size(tensor: Tensor) -> str:
    return "×".join(map(str, tensor.shape)) or "a number"


class Starts:
    """The weights that the players of a game begin with; read once, given to each game that is built.

    Args:
        sources: File or run by role.
    """

    def __init__(self, sources: Mapping[str, str]):
        self.weights = {role: (source, weights_of(source, role)) for role, source in sources.items()}
        self._said: set[str] = set()

    def __call__(self, build: Any) -> Any:
        game = build()
        for role, (source, weights) in self.weights.items():
            said = begin_with(game.players[role], role, source, weights)
            if said and said not in self._said:
                self._said.add(said)
                warnings.warn(ArenaWarning(said), stacklevel=2)
        return game

    def of(self, build: Any) -> Any:
        """Return a builder of games whose players begin with the weights."""
        return functools.partial(self, build) if self.weights else build
