"""A plain PyTorch loop for a game: sample, then zero_grad, backward, step for each mover.

It equals the arena with plain simultaneous or alternating gradient steps: from the same start and on the same batches both reach the same
parameters, to rounding (a test requires 1e-12 in float64). It is simple, but fast: each backward pass stops at its player's parameters. Its
optimizers are torch's in their default form, not fused.
"""

import contextlib
import copy
import inspect
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from arena.bench.recorded_turns import RecordedTurns
from arena.core.game import Batch, Game
from arena.core.rng import Rng
from arena.engine.env import Arena
from arena.engine.episode import place
from arena.errors import GameFault, cause
from arena.players.base import hooks

_FAST = ("fused", "foreach")


class BaselineLoop:
    """A plain loop over a copy of an arena's game.

    Args:
        arena: Source of players, random streams and settings; the optimizers start without memory.

    Raises:
        GameFault: The game cannot be copied.

    Example:
        >>> from arena import configure
        >>> from arena.bench.recorded_turns import record
        >>> arena = configure("bilinear", {"x.optimizer": "adam"}).build()
        >>> baseline = BaselineLoop(arena)
        >>> baseline.play(record(arena, 10))
        >>> all(torch.allclose(p, q) for p, q in zip(baseline.game.parameters(), arena.game.parameters()))
        True
    """

    def __init__(self, arena: Arena):
        self.game: Game = _copied(arena.game)
        self.device, self.dtype = arena.device, arena.dtype
        self.rng = Rng(self.device)
        self.rng.load_state_dict(arena.rng.state_dict())
        self.parameters = {key: [p for p in self.game.parameters_of(key).values() if p.requires_grad] for key in self.game.keys}
        self.optimizers = {role: _default(arena.optimizers[role], self._groups(role)) for role in self.game.roles}
        self._on_batch = hooks(self.game.players, "on_batch")
        self._projections = {role: hooks(player, "project_") for role, player in self.game.players.items()}
        self.batch: Batch = None

    def play(self, recorded: RecordedTurns) -> None:
        """Play recorded turns."""
        for turn in recorded.turns:
            if turn.draws:
                self.draw()
            for roles, keys in turn.moves:
                for role in roles:
                    self.optimizers[role].zero_grad()
                losses = self.game.losses(self.batch, turn.coupling, keys)
                for key in keys:
                    losses[key].backward(inputs=self.parameters[key], retain_graph=key != keys[-1])
                for role in roles:
                    for group in self.optimizers[role].param_groups:
                        group["lr"] = turn.rates[role]
                    self.optimizers[role].step()
                    for project_ in self._projections[role]:
                        project_(self.batch)

    def draw(self) -> None:
        """Draw a batch."""
        with contextlib.nullcontext() if self.device.type == "cpu" else self.device:
            self.batch = place(self.game.sample(self.rng), self.device, self.dtype)
        for on_batch in self._on_batch:
            on_batch(self.batch)

    def state_dict(self) -> dict[str, Any]:
        """Return copies of all state that later turns depend on."""
        optimizers = {role: optimizer.state_dict() for role, optimizer in self.optimizers.items()}
        kept = {"game": self.game.state_dict(), "optimizers": optimizers, "streams": self.rng.state_dict(), "batch": self.batch}
        return copy.deepcopy(kept)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the state from `state_dict`."""
        self.game.load_state_dict(state["game"])
        for role, optimizer in self.optimizers.items():
            optimizer.load_state_dict(copy.deepcopy(state["optimizers"][role]))  # because it does not copy the tensors
        self.rng.load_state_dict(state["streams"])
        self.batch = state["batch"]

    def _groups(self, role: str) -> list[dict[str, Any]]:
        return [{"params": self.parameters[key]} for key in self.game.keys_of(role)]


def _copied(game: Game) -> Game:
    try:
        return copy.deepcopy(game)
    except (TypeError, RuntimeError) as error:
        name = type(game).__name__
        raise GameFault(f"{name} cannot be copied ({cause(error)}); keep open files and the like out of its attributes") from error


def _default(optimizer: torch.optim.Optimizer, groups: list[dict[str, list[nn.Parameter]]]) -> torch.optim.Optimizer:
    """Return an optimizer of torch's class with the same hyperparameters, in torch's default form."""
    bases = [c for c in type(optimizer).__mro__ if not c.__module__.startswith("arena.") and c is not torch.optim.Optimizer]
    cls: Any = bases[0] if bases[0] is not object else type(optimizer)  # the arena's own optimizers have no torch form
    given = {name: value for name, value in optimizer.param_groups[0].items() if name not in ("params", *_FAST)}
    given["lr"] = given.pop("initial_lr", given["lr"])
    names = inspect.signature(cls).parameters
    arguments = {name: value for name, value in given.items() if name in names}
    if "momentum" in arguments:
        arguments["momentum"] = abs(arguments["momentum"])  # torch's constructor refuses negative momentum, but its update supports it
    default: torch.optim.Optimizer = cls(groups, **arguments)
    for group in default.param_groups:
        group |= {name: value for name, value in given.items() if name in arguments}
    return default
