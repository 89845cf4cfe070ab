"""The part that `Arena` and `Population` share: attributes of the present episode, the scheduled turn, and the state."""

import dataclasses
import operator
from collections.abc import Mapping
from typing import Any

import torch
from gymnasium.envs.registration import EnvSpec
from gymnasium.error import ClosedEnvironmentError, ResetNeeded

from arena.core.field.field import Field
from arena.core.game import Batch, Game
from arena.engine import snapshot, turn_engine
from arena.engine.episode import Episode
from arena.errors import ArenaError, BadSetting
from arena.rules.base import UpdateRule


def of_episode(name: str) -> Any:
    """Return a property that reads and sets the attribute of that name of the present episode."""

    def put(environment: Any, value: Any) -> None:
        setattr(environment.episode, name, value)

    return property(operator.attrgetter(f"episode.{name}"), put)


class MustReset(ArenaError, ResetNeeded):
    """A step before the first reset, or after the end of an episode."""


class Closed(ArenaError, ClosedEnvironmentError):
    """A step or a reset after `close`."""


class Environment:
    """A Gymnasium environment around an episode of one game or of a population."""

    metadata: dict[str, Any]
    render_mode: str | None
    _waits_for_reset: str | None = "a new environment waits for it"
    _is_closed = False
    _most_turns: int
    _spec: EnvSpec | None = None

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

    @property
    def spec(self) -> EnvSpec | None:
        """The spec with which Gymnasium made the environment, with its turns as `max_episode_steps`; None without Gymnasium."""
        return self._spec and dataclasses.replace(self._spec, max_episode_steps=self._most_turns)

    @spec.setter
    def spec(self, given: EnvSpec | None) -> None:
        self._spec = given

    def close(self, **_: Any) -> None:
        """Refuse steps and resets from now on."""
        self._is_closed = self.closed = True

    def _check_open(self) -> None:
        if self._is_closed:
            raise Closed("the environment is closed. Fix: make another one")

    def _check_step(self) -> None:
        """Raise if a step is not allowed."""
        self._check_open()
        if self._waits_for_reset:
            raise MustReset(f"a step needs env.reset() before it; {self._waits_for_reset}")

    def _check_render_mode(self) -> None:
        if self.render_mode not in (None, *self.metadata["render_modes"]):
            modes = ", ".join(self.metadata["render_modes"])
            raise BadSetting("render_mode", self.render_mode, f"{modes} or None; gymnasium.make shows 'human' in a window with pygame")

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
        self._waits_for_reset = None
