"""An episode of a population: K games side by side, stacked into one.

Shapes: K = members.
"""

import copy
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from arena.accelerate.compiled_field import Compiled
from arena.accelerate.tracing import compile_graph
from arena.core.directions import Number
from arena.core.faults import described
from arena.core.field.field import Field
from arena.core.field.members import CannotShare, Members
from arena.core.game import Batch, Clock, Game
from arena.core.memory import keep_freed_memory, out_of_memory
from arena.core.protocols import MemberConfig
from arena.core.rng import Rng
from arena.engine.episode import Episode, Moving, as_numbers, parameter_groups, streams_of
from arena.engine.members.capacity import too_many
from arena.engine.members.member_rules import one_rule
from arena.engine.members.per_member import Shared, Shares, builder_of, differing, one_of, refuse_large, settings_of, uniform
from arena.engine.members.signals import BatchedSignals
from arena.engine.members.stacking import stack
from arena.engine.streams import BatchStream, BatchStreams
from arena.errors import ArenaError, BadSetting, GameFault
from arena.optimizers.batched import BatchedOptimizer
from arena.optimizers.batched_kinds import batched_optimizer
from arena.schedulers.base import Moment


class BatchedEpisode(Episode):
    """An episode of a population.

    Args:
        configs: One configuration for each member.

    Attributes:
        over: Members that have stopped, (K,).
        undefined: By member, the reason for which the rule is undefined.
        budgets: Turn budgets, (K,).
        seeds: Seeds of the first episodes, (K,).

    Raises:
        CannotShare: The configurations cannot be one population.
    """

    members: Members
    signals: BatchedSignals
    turns_played: np.ndarray
    moves: dict[str, np.ndarray]
    score: np.ndarray

    def __init__(self, configs: Sequence[MemberConfig]):
        if not configs:
            raise CannotShare("a population needs at least one member; give it configurations")
        self.configs, self.size = list(configs), len(configs)
        refuse_large(self.configs)
        parts = [config.parts() for config in self.configs]
        if any(p["start"] is not None for p in parts):
            raise CannotShare("the memory of another run (begin_from) is that of one game; such games are played one by one")
        flats = [config.flat() for config in self.configs]
        self._builders = [builder_of(p["game"], own=bool(c.objects)) for p, c in zip(parts, self.configs, strict=True)]
        self.device, self.dtype = one_of([p["device"] for p in parts], "device"), one_of([p["dtype"] for p in parts], "dtype")
        self.compile = one_of([p["compile"] for p in parts], "compile")
        self.cuda_graphs = one_of([p["cuda_graphs"] for p in parts], "cuda_graphs")
        one_of([config.evaluation for config in self.configs], "metric and definitions of metrics")
        self.budgets, self.seeds = np.array([p["turns"] for p in parts]), np.array([p["seed"] for p in parts])
        self._one_budget = len(set(self.budgets.tolist())) == 1

        def shared(thing: Callable[[Any], Any], prefix: str) -> Shared:
            return Shared.of([(thing(p), settings_of(flat, prefix)) for p, flat in zip(parts, flats, strict=True)])

        self.schedulers = shared(lambda p: p["scheduler"], "scheduler")
        self._couplings = shared(lambda p: p["coupling"], "coupling")
        self._rates = {role: shared(lambda p, role=role: p["rates"][role], f"{role}.schedule") for role in parts[0]["rates"]}  # type: ignore[misc]
        for scheduler in self.schedulers.things:
            if scheduler.observes:
                raise CannotShare(f"the scheduler {type(scheduler).__name__} reads each run's signals; such games are played one by one")
        self._factories = [p["optimizers"] for p in parts]
        self.rule = one_rule([p["rule"] for p in parts], self.dtype, self.device)
        self._scheduler_start = [copy.deepcopy(s.state_dict()) for s in self.schedulers.things]
        if self.device.type == "cpu":
            keep_freed_memory()
        super().__init__()
        self.begin(self.seeds)

    def begin(self, seed: np.ndarray) -> None:
        games = [self.build(member, int(of_member)) for member, of_member in enumerate(seed)]
        other = lambda: self.build(0, int(seed[0]) + 1)  # noqa: E731
        self.game, self.members = stack(games, self._trial_of_first, lambda: differing(self.configs), other)
        field = Field(self.game, self.members)
        optimizers = {role: self._optimizer(field, role) for role in self.game.roles}
        if self.compile is True:
            field.compiled = Compiled(self.game, self.members)
            for optimizer in optimizers.values():
                optimizer.compile(compile_graph)
        self._start(field, optimizers, self.cuda_graphs, self.compile == "xla")
        for scheduler, state in zip(self.schedulers.things, self._scheduler_start, strict=True):
            scheduler.load_state_dict(copy.deepcopy(state))
        self._begin_streams(seed)
        self._keys_of = {role: self.game.keys_of(role) for role in self.game.roles}
        self.signals = BatchedSignals(self.game, self.size)
        self.moves = {role: np.zeros(self.size, dtype=int) for role in self.game.roles}
        self.turns_played = np.zeros(self.size, dtype=int)
        self.over = np.zeros(self.size, dtype=bool)
        self.undefined: dict[int, str] = {}
        self.score = np.full(self.size, np.nan)
        self.coupling_played = np.zeros(self.size)

    def build(self, member: int, seed: int) -> Game:
        """Build one member's game."""
        return self._build(self._builders[member], seed)

    def _trial_of_first(self, game: Game) -> Batch:
        return self._trial(game, int(self.seeds[0]))

    def _begin_streams(self, seeds: np.ndarray) -> None:
        """Make one stream for each distinct seed; for each member if numbers or buffers differ, because they may shape the data."""
        keys = [(int(seed), member if self.members.differ else 0) for member, seed in enumerate(seeds)]
        distinct = list(dict.fromkeys(keys))
        first = {key: keys.index(key) for key in distinct}
        self.mask_streams = [torch.Generator().manual_seed(streams_of(seed)[3]) for seed, _ in distinct]
        self.streams = BatchStreams([self.stream(first[key], key[0]) for key in distinct])
        self.stream_of = np.array([distinct.index(key) for key in keys]) if len(distinct) < len(keys) else np.arange(len(keys))
        self.share_streams()

    def share_streams(self) -> None:
        """Give the members the indices of their streams."""
        self.members.stream_of = torch.from_numpy(self.stream_of).to(self.device)
        self.members.batch_axis = None if len(self.streams.streams) == 1 else 0

    def stream(self, member: int, seed: int) -> BatchStream:
        """Return a stream of one member's batches."""
        _, data, noise, _ = streams_of(seed)

        return BatchStream(Rng(self.device).seed_both(data, noise), functools.partial(self._sample, member), self._block_turns or 1)

    def _sample(self, member: int, rng: Rng) -> Batch:
        with self.members.own(self.game, member):
            return self.sample_of(self.game, rng)

    def _optimizer(self, field: Field, role: str) -> BatchedOptimizer:
        built: dict[int, torch.optim.Optimizer] = {}
        probe = torch.nn.Parameter(torch.zeros(1))
        if any(getattr(f[role], "numbers", None) != getattr(self._factories[0][role], "numbers", None) for f in self._factories):
            raise CannotShare(f"the groups of the {role}'s parameters differ within the population; play its members one by one")
        singles = [built.setdefault(id(f[role]), f[role]([probe])) for f in self._factories]
        return batched_optimizer(singles, parameter_groups(field, role, self._factories[0][role]))

    @property
    def progress(self) -> np.ndarray:
        """Turns played over the turn budget, (K,)."""
        return np.minimum(self.turns_played / self.budgets, 1.0)

    # One turn ---------------------------------------------------------------------------------------------------------------

    def checked(self, action: Any) -> tuple[Shares, Shares, Shares]:
        wanted = f"{self.size} times three numbers in [0, 1]: two shares and λ"
        numbers = as_numbers(action, "actions", wanted)
        shaped = numbers.shape in ((3,), (self.size, 3))
        if not shaped or not bool(((numbers >= 0) & (numbers <= 1)).all()):
            if shaped:
                low, high = numbers.min(), numbers.max()
                raise BadSetting("actions", f"from {low:g} to {high:g}", "within [0, 1]: two shares and λ for each member")
            given = numbers.tolist() if numbers.size < 10 else f"an array of shape {numbers.shape}"
            raise BadSetting("actions", given, wanted)
        first, second, coupling = (uniform(column) for column in np.moveaxis(numbers, -1, 0))
        return first, second, coupling

    def action(self, signals: Mapping[str, float]) -> tuple[Shares, Shares, Shares]:
        if len(self.schedulers.things) == 1 and len(self._couplings.things) == 1 and self._in_step:
            return self._action_of(0, 0, 0)
        table: dict[tuple[int, int, int, int], tuple[float, float, float]] = {}
        rows = []
        for member, (which, how) in enumerate(zip(self.schedulers.of_member, self._couplings.of_member, strict=True)):
            key = (which, how, int(self.turns_played[member]), int(self.budgets[member]))
            if key not in table:
                table[key] = self._action_of(which, how, member)
            rows.append(table[key])
        first, second, coupling = np.array(rows).T
        return uniform(first), uniform(second), uniform(coupling)

    @property
    def _in_step(self) -> bool:
        """Whether all members have played the same number of turns and have the same budget."""
        return self._one_budget and len(set(self.turns_played.tolist())) == 1

    def _action_of(self, which: int, how: int, member: int) -> tuple[float, float, float]:
        turn, turns = int(self.turns_played[member]), int(self.budgets[member])
        coupling = float(self._couplings.things[how](turn / turns))
        action = self.schedulers.things[which].action(Moment(turn, turns, coupling))
        if not all(0 <= number <= 1 for number in action):
            raise BadSetting("action", action, "three numbers in [0, 1]: share of player 1, share of player 2, coupling")
        first, second, coupling = (float(np.float32(number)) for number in action)
        return first, second, coupling

    def who_moves(self, first: Shares, second: Shares) -> tuple[Moving, dict[str, Any]]:
        if self.over.any():
            first, second = uniform(np.where(self.over, 0.0, first)), uniform(np.where(self.over, 0.0, second))
        shares = {role: share for role, share in zip(self._keys_of, (first, second), strict=True) if _any(share)}
        partly = {role: share > 0 for role, share in shares.items() if isinstance(share, np.ndarray) and not np.all(share)}
        until = self.game.batch_until
        if until in partly:
            raise GameFault(
                f"{type(self.game).__name__} keeps its batch until the {until} has moved, so that all members must move it in the same "
                "turns; give them one scheduler, or play them one by one"
            )
        masks = {role: torch.from_numpy(moves).to(self.device) for role, moves in partly.items()}
        return Moving(tuple(shares), tuple(key for role in shares for key in self._keys_of[role]), masks), shares

    def factors(self, shares: dict[str, Any]) -> Mapping[str, Number]:
        return {role: self._number(share * self._rate(role)) for role, share in shares.items()}

    def _rate(self, role: str) -> Shares:
        rates = self._rates.get(role)
        if rates is None:
            return 1.0
        if len(rates.things) == 1 and self._in_step:
            return float(rates.things[0](int(self.turns_played[0]) / int(self.budgets[0])))
        progress = self.turns_played / self.budgets
        table: dict[tuple[int, float], float] = {}
        pairs = list(zip(rates.of_member, progress.tolist(), strict=True))
        for which, share in pairs:
            if (which, share) not in table:
                table[which, share] = float(rates.things[which](share))
        return uniform(np.array([table[pair] for pair in pairs]))

    def _number(self, number: Shares) -> Number:
        """Return a number, or one for each member as a tensor on the device."""
        if isinstance(number, Tensor):  # where a turn is recorded
            return number
        return torch.from_numpy(number).to(self.device, self.dtype) if isinstance(number, np.ndarray) else float(number)

    @property
    def lam(self) -> Number:
        return self._number(self.coupling * self.game.max_coupling)

    def next_batch(self) -> Batch:
        batch = self.streams.next()
        if 1 < len(self.streams.streams) < self.size:
            batch = tree_map(lambda leaf: leaf[self.members.stream_of] if isinstance(leaf, Tensor) else leaf, batch)
        return batch

    @property
    def drawn_ahead(self) -> bool:
        return all(stream.turns > 1 for stream in self.streams.streams)

    def take(self, count: int) -> Batch:
        batches = self.streams.take(count)
        if 1 < len(self.streams.streams) < self.size:
            batches = tree_map(lambda leaf: leaf[:, self.members.stream_of], batches)
        return batches

    def draw(self) -> None:
        self.batch, self.batch_spent = self.next_batch(), False
        if self.on_batch:
            with torch.no_grad():
                self.members.call(self.game, self.on_batch, self.batch)

    def mask_seed(self) -> list[int]:
        return [int(torch.randint(2**31, (), generator=stream)) for stream in self.mask_streams]

    def update_buffers(self, moving: Moving, shares: Mapping[str, Any]) -> None:
        moves = {role: np.broadcast_to(np.asarray(share) > 0, (self.size,)) for role, share in shares.items()}
        alike = all((numbers == numbers[0]).all() for numbers in (self.turns_played, self.budgets, *self.moves.values(), *moves.values()))
        if alike and not self.members.differ:
            counts = {role: int(count[0]) for role, count in self.moves.items()}
            self.scheduled_buffers.update(Clock(int(self.turns_played[0]), float(self.progress[0]), counts, moving.roles))
        else:
            self.scheduled_buffers.update_members(self.turns_played, self.progress, self.moves, moves)

    def count(self, shares: Mapping[str, Any]) -> None:
        if self.over.any():
            self.turns_played += ~self.over
            self.coupling_played = np.where(self.over, self.coupling_played, self.coupling)
        else:
            self.turns_played += 1
            self.coupling_played = self.coupling + np.zeros(self.size)
        self.moves |= {role: self.moves[role] + (share > 0) for role, share in shares.items()}
        if self.members.refused:  # members for which the rule is undefined stop
            self.undefined |= self.members.refused
            self.over[list(self.members.refused)] = True
            self.members.refused.clear()

    def moved(self, shares: Mapping[str, Any]) -> dict[str, np.ndarray]:
        everyone = np.ones(self.size, dtype=bool)
        return {role: everyone & (np.asarray(share) > 0) for role, share in shares.items()}

    def freeze_diverged(self) -> None:
        """Stop members whose losses or gradients are not finite in the signals read so far."""
        if self.signals.divergence:
            self.over[list(self.signals.divergence)] = True

    def fault(self, error: Exception) -> ArenaError:
        if out_of_memory(error):
            return too_many(self)
        return GameFault(
            f"{type(self.rule).__name__} on {self.size} members of {type(self.game).__name__} failed in turn "
            f"{self.turns_played.max() + 1} ({described(error)}). Fix: correct the rule or the game, or play the members one by one"
        )


def _any(share: Shares) -> bool:
    return bool(share.any()) if isinstance(share, np.ndarray) else share != 0
