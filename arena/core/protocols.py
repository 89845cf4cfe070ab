"""Interfaces of higher rooms that lower rooms read.

A lower room names here the attributes and methods it needs; a class of a higher room has them, and imports nothing from this file.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol

import torch
from torch import Tensor

from arena.core.directions import Direction
from arena.core.game import Batch, Game
from arena.core.rng import Rng


class CompiledField(Protocol):
    """Losses and gradients of a set of movers in one call, such as `arena.accelerate.compiled_field.Compiled`.

    Attributes:
        why_not: why nothing is compiled; None while everything is.
    """

    why_not: str | None

    def __call__(
        self,
        keys: Mapping[str, Mapping[str, Tensor]],
        rest: Mapping[str, Tensor],
        buffers: Mapping[str, Tensor],
        batch: Batch,
        coupling: float | Tensor,
        *,
        jointly: bool = False,
    ) -> tuple[dict[str, Tensor], Direction] | None:
        """Return the losses by key and the gradients by parameter; None if this field cannot be compiled."""


class PlayedGame(Protocol):
    """A game that is being played, as pictures read it: an `Arena`, or a `Population` of which one member is in place."""

    @property
    def game(self) -> Game:
        """The game."""

    def on_device(self) -> Any:
        """While inside, factory functions of torch create on the device of the run."""

    def evaluated_parameters(self) -> AbstractContextManager[None]:
        """While inside, the players have the parameters that are evaluated."""


class MeasuredGame(PlayedGame, Protocol):
    """A game that is being played, as diagnostics read it: an `Arena`."""

    @property
    def device(self) -> torch.device:
        """Where the game is played."""

    @property
    def turns_played(self) -> int:
        """Turns of this episode."""

    @property
    def latest_coupling(self) -> float:
        """The coupling in force, in [0, 1]."""

    def sample(self, rng: Rng) -> Batch:
        """Draw a batch on the device and in the precision of the run."""


class MemberConfig(Protocol):
    """The configuration of one member of a population, such as `arena.config.Config`."""

    @property
    def game(self) -> Any:
        """The game's entry in the registry."""

    @property
    def settings(self) -> dict[str, Any]:
        """Every setting as nested plain data."""

    @property
    def objects(self) -> dict[str, Any]:
        """Objects given in the place of data, by the key of their component."""

    @property
    def run(self) -> Any:
        """The settings of the run itself."""

    @property
    def evaluation(self) -> Any:
        """The metric and the way of measuring."""

    def flat(self) -> dict[str, Any]:
        """Return the settings by dotted name."""

    def parts(self) -> dict[str, Any]:
        """Return the arguments of `Arena`."""

    def build(self) -> Any:
        """Return the single run of this configuration."""
