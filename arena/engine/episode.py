"""An episode: one game, or K games side by side, with everything that a turn reads and changes.

`arena.engine.turn_engine` plays an `Episode`. A single game counts in plain numbers; a population (`BatchedEpisode`) counts in arrays
of shape (K,), one number for each member.
"""

import contextlib
import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from arena.core.directions import Number
from arena.core.faults import faults_of
from arena.core.field.field import Field
from arena.core.field.members import Members
from arena.core.game import Batch, Game
from arena.core.memory import in_memory
from arena.core.preserve import preserve_state, rest, wake
from arena.core.rng import Rng, global_streams
from arena.engine.cuda_graph import Graphs
from arena.engine.members.per_member import Shares
from arena.engine.scheduled_buffers import ScheduledBuffers
from arena.engine.streams import block_turns
from arena.errors import ArenaError, BadSetting
from arena.optimizers.factories import OptimizerFactory
from arena.optimizers.groups import Grouped
from arena.players.base import hooks
from arena.rules.base import UpdateRule
from arena.rules.turn import Turn


class Moving(NamedTuple):
    """The movers of a turn.

    Args:
        roles: Roles that move, in order.
        keys: Keys that move.
        masks: By role, the members that move it, if not all do.
    """

    roles: tuple[str, ...]
    keys: tuple[str, ...]
    masks: dict[str, Tensor]


class Episode:
    """The part that one game and a population have in common.

    Attributes:
        game: The game; in a population, the stacked game.
        members: The members of a population; None for one game.
        field: The vector field.
        turn: The turn through which the rule moves the players.
        rule: The update rule.
        signals: The telemetry of the turns.
        scheduled_buffers: Values that depend on the turn, in the game's buffers.
        graphs: Recorded turns, if CUDA graphs are used.
        in_blocks: Whether blocks of turns are played by XLA, and `blocks`, which plays them; it is made with the first turn.
        batch: The latest batch.
        batch_spent: Whether the next turn draws a new batch.
        coupling: λ of the latest action, in [0, 1].
        turns_played: Turns played; in a population, per member.
        moves: By role, the number of its moves; in a population, per member.
        own_names: Names of the game's own signals.
    """

    device: torch.device
    dtype: torch.dtype
    rule: UpdateRule
    game: Game
    members: Members | None = None
    field: Field
    turn: Turn
    graphs: Graphs | None
    in_blocks: bool
    blocks: Any
    signals: Any
    scheduled_buffers: ScheduledBuffers
    batch: Batch
    batch_spent: bool
    coupling: Any
    coupling_played: Any
    """λ of the latest turn that each member played; only in a population, whose `coupling` also has that of members that are over."""
    turns_played: Any
    progress: Any
    moves: dict[str, Any]
    own_names: list[str]
    score: Any
    """Score when it was last measured, per member."""

    def __init__(self) -> None:
        self._rule_start = copy.deepcopy(self.rule.state_dict())
        self._block_turns: int | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy needs; it compiles its own blocks."""
        return vars(self) | {"blocks": None}

    def _start(self, field: Field, optimizers: Mapping[str, torch.optim.Optimizer], cuda_graphs: bool, in_blocks: bool) -> None:
        """Start an episode with this field and these optimizers."""
        self.field = field
        self.turn = Turn(field, optimizers, self.freeze_afresh)
        self.graphs = Graphs(field, self.turn, self.rule) if cuda_graphs else None
        self.in_blocks, self.blocks = in_blocks, None
        self.rule.attach(field)
        self.rule.load_state_dict(copy.deepcopy(self._rule_start))
        self.on_batch = hooks(self.game.players, "on_batch")
        self.scheduled_buffers = ScheduledBuffers(self.game, self.members)
        self.batch, self.batch_spent, self.coupling, self.resting = None, True, 0.0, False
        self.movers: tuple[str, ...] = ()
        self.masks: dict[str, Tensor] = {}

    def _build(self, make: Callable[[], Game], seed: int) -> Game:
        """Build a game under the first of the seed's streams."""
        with global_streams([self.device] if self.device.type == "cuda" else [], streams_of(seed)[0]):
            game = make().to(self.device, self.dtype)
        wake(game)
        return game

    def rest(self) -> None:
        """Put the players into evaluation mode; the next turn, or the next episode, trains them again."""
        rest(self.game)
        self.resting = True

    def wake(self) -> None:
        """Restore the training flags from before `rest`."""
        wake(self.game)
        self.resting = False

    def _trial(self, game: Game, seed: int) -> Batch:
        """Return a throw-away batch, from which the names of the game's signals and the length of a block of batches are found."""
        _, data, noise, self._looks = streams_of(seed)
        with preserve_state(game), self.on_device(), self.in_memory(game):
            with faults_of(f"{type(game).__name__}.sample"):
                batch = self.sample_of(game, Rng(self.device).seed_both(data, noise))
            with faults_of(f"{type(game).__name__}.signals"):
                self.own_names = list(game.signals(batch))
            if self._block_turns is None:
                self._block_turns = block_turns(lambda rng: self.sample_of(game, rng), Rng(self.device).seed_both(data, noise))
        return batch

    @property
    def optimizers(self) -> Mapping[str, torch.optim.Optimizer]:
        """The torch optimizer of each role."""
        return self.turn.optimizers

    @property
    def signal_names(self) -> list[str]:
        """Names of an observation's entries, in order."""
        return ["coupling", "progress", *self.signals.names, *(f"game.{name}" for name in self.own_names)]

    # Batches and the field --------------------------------------------------------------------------------------------------

    def on_device(self) -> Any:
        """Let torch's factory functions create on the device of the run within the block; a game does not depend on the device."""
        return contextlib.nullcontext() if self.device.type == "cpu" else self.device

    def in_memory(self, game: Game) -> contextlib.AbstractContextManager[None]:
        """Report a lack of memory within the block as that of a batch."""
        return in_memory(f"the memory of {self.device} does not hold a batch of {type(game).__name__}", "take a smaller batch")

    def sample_of(self, game: Game, rng: Rng) -> Batch:
        """Draw a batch of a game on the device and in the precision of the run."""
        with self.on_device():
            return place(game.sample(rng), self.device, self.dtype)

    def freeze(self) -> None:
        """Freeze the field on the batch for this turn's movers."""
        seed = self.mask_seed() if self.field.stochastic else self.look_seed if self.field.unseen else None
        self.field.freeze(self.batch, self.lam, self.movers, seed, self.masks)

    def freeze_afresh(self) -> None:
        """Freeze the field on a fresh batch within a turn."""
        self.draw()
        first, self.field.first = self.field.first, None
        self.freeze()
        self.field.first = first  # the turn's signals are those of the position and batch at its beginning

    # Different in one game and in a population ------------------------------------------------------------------------------

    def begin(self, seed: Any) -> None:
        """Begin a new episode: build or restore the game, its optimizers and the random streams."""
        raise NotImplementedError

    @property
    def observes(self) -> bool:
        """Whether the scheduler reads the signals of the latest turn."""
        return False

    def action(self, signals: Mapping[str, float]) -> tuple[Shares, Shares, Shares]:
        """Return the scheduler's action: both shares and the coupling."""
        raise NotImplementedError

    def checked(self, action: Any) -> tuple[Shares, Shares, Shares]:
        """Return an action given from outside: both shares and the coupling, each in [0, 1]."""
        raise NotImplementedError

    def who_moves(self, first: Shares, second: Shares) -> tuple[Moving, dict[str, Any]]:
        """Return the movers, and by role their share of the learning rate."""
        raise NotImplementedError

    def factors(self, shares: dict[str, Any]) -> Mapping[str, Number]:
        """Return the multiple of the learning rate by role: the share times the schedule."""
        raise NotImplementedError

    def next_batch(self) -> Batch:
        """Draw the next batch."""
        raise NotImplementedError

    @property
    def drawn_ahead(self) -> bool:
        """Whether the batches of many turns can be drawn together."""
        raise NotImplementedError

    def take(self, count: int) -> Batch:
        """Draw the next batches together, each leaf with a leading axis of `count`, if they are `drawn_ahead`."""
        raise NotImplementedError

    def draw(self) -> None:
        """Draw the next batch, and show it to the players."""
        raise NotImplementedError

    @property
    def look_seed(self) -> int:
        """Seed of the players' own randomness in measurements after this turn."""
        return (self._looks + int(np.max(self.turns_played))) % 2**63

    def mask_seed(self) -> int | Sequence[int]:
        """Return the seed of this turn's dropout masks; in a population, one for each stream."""
        raise NotImplementedError

    @property
    def lam(self) -> Number:
        """λ of this turn, in [0, max_coupling]."""
        raise NotImplementedError

    def update_buffers(self, moving: Moving, shares: Mapping[str, Any]) -> None:
        """Write the scheduled values of this turn into the game's buffers."""
        raise NotImplementedError

    def count(self, shares: Mapping[str, Any]) -> None:
        """Count a turn and its moves."""
        raise NotImplementedError

    def moved(self, shares: Mapping[str, Any]) -> Any:
        """Return by role the members that have moved; None for one game."""
        return None

    def fault(self, error: Exception) -> ArenaError:
        """Return the error to raise for an error within a turn."""
        raise NotImplementedError


def parameter_groups(field: Field, role: str, factory: OptimizerFactory) -> Any:
    """Return a role's parameters as its optimizer takes them: one group for each key, or those that the factory asks for."""
    keys = field.game.keys_of(role)
    if isinstance(factory, Grouped):
        return factory.split({n.removeprefix(f"players.{role}."): p for key in keys for n, p in field.parameters[key].items()})
    return [{"params": list(field.parameters[key].values())} for key in keys]


def as_numbers(given: Any, name: str, expected: str) -> np.ndarray:
    """Return what was given for an action as numbers; raise BadSetting if it is none."""
    try:
        numbers = np.asarray(given.detach().cpu() if isinstance(given, Tensor) else given)
    except (ValueError, TypeError, RuntimeError) as error:  # ragged lists, and whatever an object's own conversion raises
        raise BadSetting(name, given, expected) from error
    if numbers.dtype.kind not in "biuf":
        raise BadSetting(name, numbers.tolist() if numbers.size < 10 else f"an array of {numbers.dtype}", expected)
    return numbers.astype(np.float64)


def place(batch: Batch, device: torch.device, dtype: torch.dtype) -> Batch:
    """Move a batch to the device and precision of the run; tensors that are there stay the same objects."""

    def moved(leaf: Any) -> Any:
        return leaf.to(device, dtype if leaf.is_floating_point() else leaf.dtype) if isinstance(leaf, Tensor) else leaf

    return moved(batch) if isinstance(batch, Tensor) or batch is None else tree_map(moved, batch)


def streams_of(seed: int) -> tuple[int, int, int, int]:
    """Return the seeds of an episode's four random streams: initialisation, data, noise, dropout."""
    initial, data, noise, masks = (int(n) >> 1 for n in np.random.SeedSequence(seed).generate_state(4, np.uint64))
    return initial, data, noise, masks
