"""Interfaces of higher rooms that lower rooms read: classes of higher rooms have these members, and import nothing from this file."""

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
        why_not: Reason for which nothing is compiled; None if everything is.
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
    """A game that is being played, as pictures read it: an `Arena`, or a `Population` with the tensors of one member in place."""

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
        """Device of the run."""

    @property
    def turns_played(self) -> int:
        """Turns played in this episode."""

    @property
    def latest_coupling(self) -> float:
        """The coupling in force, in [0, 1]."""

    def sample(self, rng: Rng) -> Batch:
        """Draw a batch on the device and in the precision of the run."""


class MemberConfig(Protocol):
    """The configuration of one member of a population, such as `arena.config.Config`.

    Attributes:
        game: The game's entry in the registry.
        settings: Every setting as nested plain data.
        objects: Objects given instead of data, by the key of their component.
    """

    game: Any
    settings: dict[str, Any]
    objects: dict[str, Any]

    @property
    def run(self) -> Any:
        """The options of the run."""

    @property
    def evaluation(self) -> Any:
        """The evaluation of the game."""

    def flat(self) -> dict[str, Any]:
        """Return the settings by dotted name."""

    def parts(self) -> dict[str, Any]:
        """Return the arguments of `Arena`."""

    def build(self) -> Any:
        """Return the single run of this configuration."""
