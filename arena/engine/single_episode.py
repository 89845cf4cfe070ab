"""An episode of one game."""

import copy
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch

from arena.accelerate.autocast import Autocast, cast_losses
from arena.accelerate.compiled_field import Compiled
from arena.accelerate.process_group import ProcessGroup
from arena.accelerate.sharded_field import ShardedField
from arena.core.directions import Number
from arena.core.faults import described
from arena.core.field.field import Field
from arena.core.game import Batch, Clock, Game
from arena.core.memory import out_of_memory, short_of_memory
from arena.core.rng import Rng
from arena.engine.episode import Episode, Moving, as_numbers, parameter_groups, streams_of
from arena.engine.signals import Signals
from arena.engine.streams import BatchStream, channels_last
from arena.errors import ArenaError, BadSetting, GameFault, UnknownName, check_number
from arena.optimizers.factories import OptimizerFactory, adam
from arena.rules.base import UpdateRule
from arena.rules.simultaneous import Simultaneous as SimultaneousRule
from arena.schedulers.base import Moment, Scheduler
from arena.schedulers.simultaneous import Simultaneous
from arena.schedules import Schedule


@dataclass
class Setup:
    """A game and how it is played: arguments of `arena.engine.env.Arena`, where each is described."""

    game: Game | Callable[[], Game]
    rule: UpdateRule | None
    optimizers: Mapping[str, OptimizerFactory]
    rates: Mapping[str, Schedule]
    scheduler: Scheduler | None
    coupling: Schedule
    turns: int
    device: torch.device
    dtype: torch.dtype
    start: Callable[[Any], str] | None = None

    def __post_init__(self) -> None:
        check_number("turns", self.turns, least=1, whole=True)
        for progress in (0.0, 0.25, 0.5, 0.75, 1.0):
            if not 0 <= float(self.coupling(progress)) <= 1:
                when = f" at all times, unlike at progress {progress:g}" if progress else ""
                raise BadSetting("coupling", self.coupling(progress), f"in [0, 1]{when}")


Compile = Literal[False, True, "xla"]
"""Plain code, compiled losses and gradients, or blocks of turns as programs of XLA."""
ACTION = "three numbers in [0, 1]: share of player 1, share of player 2, coupling"
"""What an action is, in words."""


@dataclass
class Acceleration:
    """Means that make turns faster or smaller: arguments of `arena.engine.env.Arena`, where each is described."""

    compile: Compile
    cuda_graphs: bool
    micro_batches: int
    autocast: Autocast
    channels_last: bool
    ranks: ProcessGroup | None

    def __post_init__(self) -> None:
        check_number("micro_batches", self.micro_batches, least=1, whole=True)
        if self.cuda_graphs and self.split:
            raise BadSetting("cuda_graphs", self.cuda_graphs, "false if a batch is split")

    @property
    def split(self) -> bool:
        """Whether a batch is split, into parts or among processes."""
        return self.micro_batches > 1 or self.ranks is not None


class SingleEpisode(Episode):
    """An episode of one game.

    Args:
        setup: The game and how it is played.
        acceleration: Means that make turns faster or smaller.
        seed: Seed of the first episode.

    Attributes:
        latest_share: By role, the share with which it last moved.
        latest_rate: By role, the value of its schedule when it last moved; before its first move, that of the start.
        began: A sentence on what it began with from another run; nothing if it began by itself.
    """

    score: float | None

    def __init__(self, setup: Setup, acceleration: Acceleration, seed: int):
        self.setup, self.acceleration, self.device, self.dtype = setup, acceleration, setup.device, setup.dtype
        self.rule, self.scheduler = setup.rule or SimultaneousRule(), setup.scheduler or Simultaneous()
        self.ranks, self.turns, self.rates = acceleration.ranks, int(setup.turns), dict(setup.rates)
        self._scheduler_start = copy.deepcopy(self.scheduler.state_dict())
        self._game_start: dict[str, Any] = {}
        if isinstance(setup.game, Game):
            self._game_start = copy.deepcopy(setup.game.state_dict())
            self.game = setup.game.to(self.device, self.dtype)
        super().__init__()
        self.begin(seed)
        for role in {*setup.optimizers, *setup.rates} - set(self.game.roles):
            raise UnknownName("role", role, self.game.roles)

    def begin(self, seed: int) -> None:
        setup, acceleration = self.setup, self.acceleration
        _, data, noise, masks = streams_of(seed)
        if isinstance(setup.game, Game):
            self.wake()
            self.game.load_state_dict(self._game_start)
        else:
            self.game = self._build(setup.game, seed)
        self.mask_stream = torch.Generator().manual_seed(masks)
        if acceleration.channels_last:
            self.game.to(memory_format=torch.channels_last)
        cast_losses(self.game, self.device, acceleration.autocast)
        if self.ranks is not None:
            self.ranks.share(self.game)
        parts = int(acceleration.micro_batches)
        field = ShardedField(self.game, parts, self.ranks) if acceleration.split else Field(self.game)
        field.compiled = Compiled(self.game) if acceleration.compile is True else None
        optimizers = {}
        for role in self.game.roles:
            factory = setup.optimizers.get(role, adam)
            optimizers[role] = factory(parameter_groups(field, role, factory))
        self._start(field, optimizers, acceleration.cuda_graphs, acceleration.compile == "xla")
        self.scheduler.load_state_dict(copy.deepcopy(self._scheduler_start))
        self.signals = Signals(self.game)
        roles = self.game.roles
        self._moving: dict[tuple[bool, bool], Moving] = {}
        for first, second in itertools.product((False, True), repeat=2):
            movers = tuple(role for role, moves in zip(roles, (first, second), strict=True) if moves)
            self._moving[first, second] = Moving(movers, tuple(key for role in movers for key in self.game.keys_of(role)), {})
        self._first = roles[0]
        self.turns_played = 0
        self.moves = dict.fromkeys(roles, 0)
        self.latest_share = dict.fromkeys(roles, 0.0)
        self.latest_rate = {role: self.rate(role) for role in roles}
        self.score = None
        self.began = "" if setup.start is None else setup.start(self)
        batch = self._trial(self.game, seed)
        if isinstance(field, ShardedField):
            with self.in_memory(self.game):
                field.split(batch)  # raises before the first turn if a batch cannot be split
        self.stream = BatchStream(Rng(self.device).seed_both(data, noise), self.sample, self._block_turns or 1)

    @property
    def progress(self) -> float:
        """Turns played over the turn budget."""
        return self.turns_played / self.turns

    def sample(self, rng: Rng) -> Batch:
        """Draw a batch on the device and in the precision of the run."""
        return self.sample_of(self.game, rng)

    def rate(self, role: str) -> float:
        """Return the present value of a role's schedule."""
        schedule = self.rates.get(role)
        return 1.0 if schedule is None else schedule(self.turns_played / self.turns)

    def on_main(self, make: Callable[[], Any]) -> Any:
        """Return the result of `make`; if several processes play this game, that of the first."""
        return make() if self.ranks is None else self.ranks.on_main(make)

    @property
    def observes(self) -> bool:
        return self.scheduler.observes

    def action(self, signals: Mapping[str, float]) -> tuple[float, float, float]:
        """Return the scheduler's action, rounded to the float32 of the action space, so that `step` and a run play the same numbers."""
        moment = Moment(self.turns_played, self.turns, self.setup.coupling(self.progress), signals)
        first, second, coupling = self.scheduler.action(moment)
        if not (0 <= first <= 1 and 0 <= second <= 1 and 0 <= coupling <= 1):
            raise BadSetting("action", (first, second, coupling), ACTION)
        return _float32(first), _float32(second), _float32(coupling)

    def checked(self, action: Any) -> tuple[float, float, float]:
        numbers = as_numbers(action, "action", ACTION).ravel().tolist()
        if len(numbers) != 3 or not all(0 <= number <= 1 for number in numbers):
            raise BadSetting("action", numbers, ACTION)
        return numbers[0], numbers[1], numbers[2]

    def who_moves(self, first: Any, second: Any) -> tuple[Moving, dict[str, Any]]:
        moving = self._moving[first > 0, second > 0]
        shares = {role: first if role == self._first else second for role in moving.roles}
        self.latest_share |= shares
        return moving, shares

    def factors(self, shares: dict[str, Any]) -> Mapping[str, Number]:
        if not self.rates:
            return shares
        rates = {role: self.rate(role) for role in shares}
        self.latest_rate |= rates
        return {role: share * rates[role] for role, share in shares.items()}

    def next_batch(self) -> Batch:
        with self.in_memory(self.game):
            return channels_last(self.stream.next()) if self.acceleration.channels_last else self.stream.next()

    @property
    def drawn_ahead(self) -> bool:
        return self.stream.turns > 1 and not self.acceleration.channels_last

    def take(self, count: int) -> Batch:
        with self.in_memory(self.game):
            return self.stream.take(count)

    def draw(self) -> None:
        self.batch, self.batch_spent = self.next_batch(), False
        for on_batch in self.on_batch:
            on_batch(self.batch)

    def mask_seed(self) -> int:
        return int(torch.randint(2**31, (), generator=self.mask_stream))

    @property
    def lam(self) -> float:
        coupling: float = self.coupling * self.game.max_coupling
        return coupling

    def update_buffers(self, moving: Moving, shares: Mapping[str, Any]) -> None:
        self.scheduled_buffers.update(Clock(self.turns_played, self.progress, dict(self.moves), moving.roles))

    def count(self, shares: Mapping[str, Any]) -> None:
        self.turns_played += 1
        for role in shares:
            self.moves[role] += 1

    def fault(self, error: Exception) -> ArenaError:
        if out_of_memory(error):
            what = f"the memory of {self.device} does not hold a turn of {type(self.game).__name__}"
            return short_of_memory(error, what, "take a smaller batch, more micro_batches or smaller players")
        return GameFault(
            f"{type(self.rule).__name__} on {type(self.game).__name__} failed in turn {self.turns_played + 1} ({described(error)}). "
            "Fix: correct the rule or the game; `arena check` tests both"
        )


def _float32(number: float) -> float:
    return number if number in (0.0, 1.0) else float(np.float32(number))
