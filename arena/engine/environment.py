"""The part that `Arena` and `Population` share: attributes of the present episode, the scheduled turn, and the state."""

import operator
from collections.abc import Mapping
from typing import Any

import torch

from arena.core.field.field import Field
from arena.core.game import Batch, Game
from arena.engine import snapshot, turn_engine
from arena.engine.episode import Episode
from arena.rules.base import UpdateRule


def of_episode(name: str) -> Any:
    """Return a property that reads and sets the attribute of that name of the present episode."""

    def put(environment: Any, value: Any) -> None:
        setattr(environment.episode, name, value)

    return property(operator.attrgetter(f"episode.{name}"), put)


class Environment:
    """A Gymnasium environment around an episode of one game or of a population."""

    episode: Episode
    game: Game = of_episode("game")
    field: Field = of_episode("field")
    rule: UpdateRule = of_episode("rule")
    optimizers: Mapping[str, torch.optim.Optimizer] = of_episode("optimizers")
    graphs: Any = of_episode("graphs")
    blocks: Any = of_episode("blocks")
    in_blocks: bool = of_episode("in_blocks")
    device: torch.device = of_episode("device")
    dtype: torch.dtype = of_episode("dtype")
    batch: Batch = of_episode("batch")
    signal_names: list[str] = of_episode("signal_names")

    def play_scheduled_turn(self, *, measure: bool = False) -> None:
        """Play one turn with the action of the scheduler; in a population, with each member's own."""
        turn_engine.play_scheduled(self.episode, measure)

    def play_scheduled_turns(self, most: int) -> None:
        """Play at least one turn with the actions of the scheduler, and at most so many, if blocks of turns are compiled."""
        turn_engine.play_ahead(self.episode, most)

    def on_device(self) -> Any:
        """Let torch's factory functions create on the device of the run within the block."""
        return self.episode.on_device()

    def state_dict(self) -> dict[str, Any]:
        """Return everything that the rest of the episode depends on, as tensors, numbers and strings."""
        return snapshot.state_dict(self.episode)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore a `state_dict`; the following turns are then the same bit for bit."""
        snapshot.load_state_dict(self.episode, state)
