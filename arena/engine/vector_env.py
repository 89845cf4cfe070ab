"""A population: K games of one kind, trained at once as one Gymnasium vector environment.

The members' parameters are the same tensors as one game's with a leading member axis, the field is mapped over it, and update rule,
optimizers and schedulers are the same code. Seeds, learning rates and other numbers may differ from member to member; each member equals
the single run of its configuration, with the same batches, noise and dropout masks.

Observations are (K, signals), actions (K, 3), rewards, terminations and truncations (K,). Autoreset is Gymnasium's
next-step mode: a member whose episode has ended is begun afresh, under a new seed, by the next `step`, whose action it ignores.

Shapes: K = members.
"""

import contextlib
import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space
from torch import Tensor
from torch.utils._pytree import tree_map

from arena.accelerate.compiled_field import Compiled
from arena.accelerate.tracing import compile_graph
from arena.core.directions import Number
from arena.core.field.field import Field
from arena.core.field.members import CannotShare
from arena.core.game import Batch, Clock, Game
from arena.core.memory import keep_freed_memory, out_of_memory
from arena.core.preserve import preserve_state
from arena.core.protocols import MemberConfig
from arena.core.rng import Rng
from arena.core.torch_settings import using_threads
from arena.engine.cuda_graph import Graphs
from arena.engine.env import BOUND, place, squash, streams_of
from arena.engine.members import equivalence
from arena.engine.members.capacity import too_many
from arena.engine.members.member_rules import one_rule
from arena.engine.members.per_member import Shared, Shares, builder_of, differing, one_of, refuse_large, settings_of, uniform
from arena.engine.members.signals import BatchedSignals
from arena.engine.members.stacking import stack
from arena.engine.scheduled_buffers import ScheduledBuffers
from arena.engine.streams import BatchStream, BatchStreams, block_turns
from arena.errors import BadSetting, GameFault
from arena.optimizers.batched import BatchedOptimizer
from arena.optimizers.batched_kinds import batched_optimizer
from arena.players.base import hooks
from arena.rules.turn import Turn
from arena.schedulers.base import Moment

_AT_ONCE = 16
"""Members that are scored at once: a score's samples are large."""


class Population(gymnasium.vector.VectorEnv[np.ndarray, np.ndarray, np.ndarray]):
    """K games played turn by turn, side by side.

    Args:
        configs: one configuration for each member; they may differ in seed, turns, and in numbers of the rule, the optimizers, the
            schedules, the scheduler, the game and its players. `populations` sorts configurations that differ in more.
        render_mode: `rgb_array`, or None.
        check_equivalence: compare a few members, for a few turns, with their single runs (`arena.engine.members.equivalence`).

    Raises:
        CannotShare: where they cannot be one population, with the reason.
        BadSetting: for a number out of its range.

    Example:
        >>> from arena.config import configure
        >>> base = configure("bilinear", {"turns": 3})
        >>> population = Population([base.vary({"seed": seed}) for seed in range(4)])
        >>> observations, info = population.reset()
        >>> observations, rewards, terminations, truncations, info = population.step(population.action_space.high)
        >>> observations.shape, info["turn"].tolist()
        ((4, 10), [1, 1, 1, 1])
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 4, "autoreset_mode": AutoresetMode.NEXT_STEP}

    def __init__(self, configs: Sequence[MemberConfig], *, render_mode: str | None = None, check_equivalence: bool = True):
        if not configs:
            raise CannotShare("a population needs at least one member; give it configurations")
        self.configs = list(configs)
        self.num_envs = len(self.configs)
        self.render_mode = render_mode
        refuse_large(self.configs)
        parts = [config.parts() for config in self.configs]
        self._builders: list[Callable[[], Game]] = [
            builder_of(p["game"], own=bool(c.objects)) for p, c in zip(parts, self.configs, strict=True)
        ]
        self.device, self.dtype = one_of([p["device"] for p in parts], "device"), one_of([p["dtype"] for p in parts], "dtype")
        self.compile = one_of([p["compile"] for p in parts], "compile")
        self.cuda_graphs = one_of([p["cuda_graphs"] for p in parts], "cuda_graphs")
        self.score_every = int(parts[0]["score_every"])
        self.threads = int(parts[0]["threads"])
        one_of([config.evaluation for config in self.configs], "metric and way of measuring")
        self.budgets = np.array([p["turns"] for p in parts])
        self.seeds = np.array([p["seed"] for p in parts])
        flats = [config.flat() for config in self.configs]
        self._schedulers = Shared.of([(p["scheduler"], settings_of(f, "scheduler")) for p, f in zip(parts, flats, strict=True)])
        self._couplings = Shared.of([(p["coupling"], settings_of(f, "coupling")) for p, f in zip(parts, flats, strict=True)])
        self._rates = {
            role: Shared.of([(p["rates"][role], settings_of(f, f"{role}.schedule")) for p, f in zip(parts, flats, strict=True)])
            for role in parts[0]["rates"]
        }
        for scheduler in self._schedulers.things:
            if scheduler.observes:
                raise CannotShare(f"the scheduler {type(scheduler).__name__} looks at each run's signals; such games are played one by one")
        self._factories = [p["optimizers"] for p in parts]
        self.rule = one_rule([p["rule"] for p in parts], self.dtype, self.device)
        self._rule_start = copy.deepcopy(self.rule.state_dict())
        self._scheduler_start = [copy.deepcopy(s.state_dict()) for s in self._schedulers.things]
        if self.device.type == "cpu":
            keep_freed_memory()
        self._block_turns: int | None = None
        self._episodes = 0
        self._begin(self.seeds)
        count = len(self.signal_names)
        self.single_action_space = gymnasium.spaces.Box(0.0, 1.0, (3,), np.float32)
        self.single_observation_space = gymnasium.spaces.Box(-BOUND, BOUND, (count,), np.float32)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        if check_equivalence:
            equivalence.check_equivalence(self.configs, type(self))

    # Episodes ---------------------------------------------------------------------------------------------------------------

    def _build(self, member: int, seed: int) -> Game:
        with torch.random.fork_rng(devices=[self.device] if self.device.type == "cuda" else []):
            torch.manual_seed(streams_of(seed)[0])
            return self._builders[member]().to(self.device, self.dtype)

    def _begin(self, seeds: np.ndarray) -> None:
        games = [self._build(member, int(seed)) for member, seed in enumerate(seeds)]
        self.game, self.members = stack(games, self._trial, lambda: differing(self.configs))
        self.field = Field(self.game, self.members)
        optimizers = {role: self._optimizer(role) for role in self.game.roles}
        if self.compile:
            self.field.compiled = Compiled(self.game, self.members)
            for optimizer in optimizers.values():
                optimizer.compile(compile_graph)
        self._turn = Turn(self.field, optimizers, self._freeze_afresh)
        self.graphs = Graphs(self.field, self._turn, self.rule) if self.cuda_graphs else None
        self.rule.attach(self.field)
        self.rule.load_state_dict(copy.deepcopy(self._rule_start))
        for scheduler, state in zip(self._schedulers.things, self._scheduler_start, strict=True):
            scheduler.load_state_dict(copy.deepcopy(state))
        self._streams(seeds)
        self._on_batch = hooks(self.game.players, "on_batch")
        self.signals = BatchedSignals(self.game, self.num_envs)
        self.scheduled_buffers = ScheduledBuffers(self.game, self.members)
        self.moves = {role: np.zeros(self.num_envs, dtype=int) for role in self.game.roles}
        self.turns_played = np.zeros(self.num_envs, dtype=int)
        self.over = np.zeros(self.num_envs, dtype=bool)
        self.undefined: dict[int, str] = {}
        self.scores = np.full(self.num_envs, np.nan)
        self.batch: Batch = None
        self._batch_spent = True
        self._coupling: Shares = 0.0
        self._ended = np.zeros(self.num_envs, dtype=bool)

    def _trial(self, game: Game) -> Batch:
        """A throw-away batch of one game, which also tells the names of its signals and how far ahead batches can be drawn."""
        _, data, noise, _ = streams_of(int(self.seeds[0]))
        with preserve_state(game):
            batch = self._sample(game, Rng(self.device).seed_both(data, noise))
            with self.on_device():
                self.own_names = list(game.signals(batch))
            if self._block_turns is None:
                self._block_turns = block_turns(lambda rng: self._sample(game, rng), Rng(self.device).seed_both(data, noise))
        return batch

    def _streams(self, seeds: np.ndarray) -> None:
        """One stream for each distinct seed; and where coefficients differ, for each distinct member, since they may shape the data."""
        keys = [(int(seed), member if self.members.coefficients else 0) for member, seed in enumerate(seeds)]
        distinct = list(dict.fromkeys(keys))
        first = {key: keys.index(key) for key in distinct}
        self._mask_streams = [torch.Generator().manual_seed(streams_of(seed)[3]) for seed, _ in distinct]
        self._batches = BatchStreams([self._stream(first[key], key[0]) for key in distinct])
        self._stream_of = np.array([distinct.index(key) for key in keys]) if len(distinct) < len(keys) else np.arange(len(keys))
        self._share_streams()

    def _share_streams(self) -> None:
        count = len(self._batches.streams)
        self.members.stream_of = torch.from_numpy(self._stream_of).to(self.device)
        self.members.batch_axis = None if count == 1 else 0

    def _stream(self, member: int, seed: int) -> BatchStream:
        _, data, noise, _ = streams_of(seed)

        def sample(rng: Rng) -> Batch:
            with self.members.numbers(self.game, member):
                return self._sample(self.game, rng)

        return BatchStream(Rng(self.device).seed_both(data, noise), sample, self._block_turns or 1)

    def _optimizer(self, role: str) -> BatchedOptimizer:
        made: dict[int, torch.optim.Optimizer] = {}
        probe = torch.nn.Parameter(torch.zeros(1))
        singles = [made.setdefault(id(f[role]), f[role]([probe])) for f in self._factories]
        groups = [{"params": list(self.field.parameters[key].values())} for key in self.game.keys_of(role)]
        return batched_optimizer(singles, groups)

    @property
    def optimizers(self) -> Mapping[str, torch.optim.Optimizer]:
        """Each role's optimizer, of all members."""
        return self._turn.optimizers

    @property
    def progress(self) -> np.ndarray:
        """Turns played over the turn budget, (K,)."""
        return np.minimum(self.turns_played / self.budgets, 1.0)

    @property
    def signal_names(self) -> list[str]:
        """Names of an observation's entries, in order."""
        return ["coupling", "progress", *self.signals.names, *(f"game.{name}" for name in self.own_names)]

    # One turn ---------------------------------------------------------------------------------------------------------------

    def play_turn(self, actions: Any, *, measure: bool = False) -> None:
        """One turn of every member that is not over.

        Args:
            actions: (share of player 1, share of player 2, coupling) for each member, shape (K, 3); or one such triple for all.
            measure: also take the updates' norms and cosines.

        Raises:
            BadSetting: for actions of another shape or range.
        """
        numbers = np.asarray(actions, dtype=np.float64)
        shaped = numbers.shape in ((3,), (self.num_envs, 3))
        if not shaped or not bool(((numbers >= 0) & (numbers <= 1)).all()):
            if shaped:
                low, high = numbers.min(), numbers.max()
                raise BadSetting("actions", f"from {low:g} to {high:g}", "within [0, 1]: two shares and λ for each member")
            found = numbers.tolist() if numbers.size < 10 else f"an array of shape {numbers.shape}"
            raise BadSetting("actions", found, f"{self.num_envs} times three numbers in [0, 1]: two shares and λ")
        first, second, coupling = (uniform(column) for column in np.moveaxis(numbers, -1, 0))
        self._play(first, second, coupling, measure)

    def play_scheduled_turn(self, *, measure: bool = False) -> None:
        """One turn with each member's own scheduler."""
        self._play(*self._scheduled(), measure)

    def _scheduled(self) -> tuple[Shares, Shares, Shares]:
        lockstep = self.turns_played.min() == self.turns_played.max() and len(set(self.budgets.tolist())) == 1
        if lockstep and len(self._schedulers.things) == 1 and len(self._couplings.things) == 1:
            first, second, coupling = self._action(0, 0, 0)
            return first, second, coupling
        table: dict[tuple[int, int, int, int], tuple[float, float, float]] = {}
        rows = []
        for member, (which, how) in enumerate(zip(self._schedulers.of_member, self._couplings.of_member, strict=True)):
            key = (which, how, int(self.turns_played[member]), int(self.budgets[member]))
            if key not in table:
                table[key] = self._action(which, how, member)
            rows.append(table[key])
        columns = np.array(rows).T
        return uniform(columns[0]), uniform(columns[1]), uniform(columns[2])

    def _action(self, which: int, how: int, member: int) -> tuple[float, float, float]:
        turn, turns = int(self.turns_played[member]), int(self.budgets[member])
        coupling = float(self._couplings.things[how](turn / turns))
        action = self._schedulers.things[which].action(Moment(turn, turns, coupling))
        if not all(0 <= a <= 1 for a in action):
            raise BadSetting("action", action, "three numbers in [0, 1]: share of player 1, share of player 2, coupling")
        first, second, coupling = (float(np.float32(a)) for a in action)
        return first, second, coupling

    def _play(self, first: Shares, second: Shares, coupling: Shares, measure: bool) -> None:
        self._coupling = coupling
        if self.over.any():
            first, second = uniform(np.where(self.over, 0.0, first)), uniform(np.where(self.over, 0.0, second))
        shares = {role: share for role, share in zip(self.game.roles, (first, second), strict=True) if np.any(share)}
        if self._batch_spent:
            self._draw()
        until = self.game.batch_until
        if until is not None and until in shares and not np.all(shares[until]):
            raise GameFault(
                f"{type(self.game).__name__} keeps its batch until the {until} has moved, so that all members must move it in the same "
                "turns; give them one scheduler, or play them one by one"
            )
        if shares:
            self._movers = tuple(key for role in shares for key in self.game.keys_of(role))
            partly = {role: share > 0 for role, share in shares.items() if isinstance(share, np.ndarray) and not np.all(share)}
            self._masks = {role: torch.from_numpy(moves).to(self.device) for role, moves in partly.items()}
            factors = {role: self._number(share * self._rate(role)) for role, share in shares.items()}
            self._tell(shares)
            if measure:
                self.signals.before_move(tuple(shares))
            else:
                self.signals.forget_updates()
            try:
                recorded = self.graphs is not None and not measure and not self._masks
                if not (recorded and self.graphs.play(self._movers, self.batch, self._lambda, factors)):  # type: ignore[union-attr]
                    self._freeze()
                    self._turn.begin(factors)
                    self.rule.step(self._turn)
            except (AttributeError, KeyError, TypeError, ValueError, RuntimeError, MemoryError) as error:
                if out_of_memory(error):
                    raise too_many(self) from error
                what = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
                raise GameFault(
                    f"{type(self.rule).__name__} on {self.num_envs} members of {type(self.game).__name__} failed in turn "
                    f"{self.turns_played.max() + 1} ({what}); mend the rule or the game, or play them one by one"
                ) from error
        self.turns_played += ~self.over
        self.moves |= {role: self.moves[role] + (np.asarray(share) > 0) for role, share in shares.items()}
        if shares:
            self.signals.note(self.turns_played, self.field, gradients=measure)
            if measure:
                everyone = np.ones(self.num_envs, dtype=bool)
                self.signals.after_move({role: everyone & (np.asarray(share) > 0) for role, share in shares.items()})
        self._batch_spent = until is None or until in shares
        if self.members.refused:
            self.undefined |= self.members.refused
            self.over[list(self.members.refused)] = True
            self.members.refused.clear()

    def _tell(self, shares: Mapping[str, Shares]) -> None:
        """Tell the game where each member stands, if it asks."""
        if not self.scheduled_buffers:
            return
        moving = {role: np.broadcast_to(np.asarray(share) > 0, (self.num_envs,)) for role, share in shares.items()}
        alike = all((numbers == numbers[0]).all() for numbers in (self.turns_played, self.budgets, *self.moves.values(), *moving.values()))
        if alike and not self.members.coefficients:
            moves = {role: int(count[0]) for role, count in self.moves.items()}
            self.scheduled_buffers.update(Clock(int(self.turns_played[0]), float(self.progress[0]), moves, tuple(shares)))
        else:
            self.scheduled_buffers.update_members(self.turns_played, self.progress, self.moves, moving)

    def freeze_diverged(self) -> None:
        """Stop members whose losses or gradients are not finite, as far as signals have been read."""
        if self.signals.divergence:
            self.over[list(self.signals.divergence)] = True

    def _number(self, number: Shares) -> Number:
        """A number, or one for each member as a tensor on the device."""
        return torch.from_numpy(number).to(self.device, self.dtype) if isinstance(number, np.ndarray) else float(number)

    def _rate(self, role: str) -> Shares:
        rates = self._rates.get(role)
        if rates is None:
            return 1.0
        progress = self.turns_played / self.budgets
        if len(rates.things) == 1 and progress.min() == progress.max():
            return float(rates.things[0](float(progress[0])))
        table: dict[tuple[int, float], float] = {}
        for which, p in zip(rates.of_member, progress.tolist(), strict=True):
            if (which, p) not in table:
                table[which, p] = float(rates.things[which](p))
        return uniform(np.array([table[which, p] for which, p in zip(rates.of_member, progress.tolist(), strict=True)]))

    # Looking ----------------------------------------------------------------------------------------------------------------

    def read_signals(self) -> dict[str, np.ndarray]:
        """All signals by name, each (K,); waits for the device once."""
        everyone = np.ones(self.num_envs)
        values = {"coupling": everyone * self._coupling, "progress": self.progress, **self.signals.read()}
        if self.batch is not None and self.own_names:
            own = self._each(lambda batch: {n: v.detach() for n, v in self.game.signals(batch).items()}, self.batch)
            values |= {f"game.{name}": v.double().cpu().numpy() for name, v in own.items()}
        for name, value in self.rule.report().items():
            number = value.double().cpu().numpy() if isinstance(value, Tensor) else np.float64(value)
            values[f"rule.{name}"] = everyone * number
        return values

    def measure_scores(self) -> np.ndarray:
        """The members' scores at this moment, (K,); leaves no footprints."""
        with self.field.placed(self.rule.evaluated_parameters()), self.on_device():
            found = self._each(lambda: torch.as_tensor(self.game.score()))
        self.scores = found.double().cpu().numpy().copy()
        return self.scores

    def measure_criteria(self) -> tuple[np.ndarray, np.ndarray]:
        """The members' scores and their criteria at this moment, each (K,); leaves no footprints."""

        def both() -> torch.Tensor:
            score = torch.as_tensor(self.game.score())
            return torch.stack([score, torch.as_tensor(self.game.criterion(score)).to(score)])

        with self.field.placed(self.rule.evaluated_parameters()), self.on_device():
            found = self._each(both).double().cpu().numpy()
        self.scores = found[:, 0].copy()
        return self.scores, found[:, 1].copy()

    def measure_metrics(self) -> dict[str, np.ndarray]:
        """The members' metrics at this moment by name, each (K,); leaves no footprints."""
        with self.field.placed(self.rule.evaluated_parameters()), self.on_device():
            found = self._each(lambda: {name: torch.as_tensor(value) for name, value in self.game.metrics().items()})
        return {name: values.double().cpu().numpy().copy() for name, values in found.items()}

    def metric_ceilings(self) -> list[dict[str, float]]:
        """What real data would get, by the metric's name, for each member; measured once where nothing differs between their games."""
        with self.on_device():
            if not self.members.coefficients:
                return [self.game.metric_ceilings()] * self.num_envs
            found = []
            for member in range(self.num_envs):
                with self.members.numbers(self.game, member):
                    found.append(self.game.metric_ceilings())
            return found

    def _each(self, function: Callable[..., Any], batch: Batch = None) -> Any:
        """A function of the game for every member: mapped if it can be, else one after the other."""
        given = () if batch is None else (batch,)
        with preserve_state(self.game), torch.no_grad():
            try:
                return self.members.each(self.game, function, batch, at_once=_AT_ONCE)
            except (RuntimeError, ValueError, TypeError, AttributeError, NotImplementedError):
                found = []
                for member in range(self.num_envs):
                    own = given if self.members.batch_axis is None else tuple(tree_map(lambda t: t[member], b) for b in given)  # noqa: B023
                    with self.members.alone(self.game, member):
                        found.append(tree_map(lambda t: torch.as_tensor(t).detach().clone(), function(*own)))
                return tree_map(lambda *ts: torch.stack(ts), *found)

    # Gymnasium --------------------------------------------------------------------------------------------------------------

    def reset(self, *, seed: int | Sequence[int] | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin new episodes.

        Args:
            seed: of member 0, the others following it; or one for each; None takes the configured seeds for the first episodes, and
                later ones from the population's own random stream.
            options: `reset_mask`, an array of (K,) bools, resets those members only.
        """
        super().reset(seed=seed if isinstance(seed, int) else None)
        if isinstance(seed, int):
            seeds = seed + np.arange(self.num_envs)
        elif seed is not None:
            seeds = np.array(list(seed))
            if len(seeds) != self.num_envs:
                raise BadSetting("seed", list(seed), f"one number, or {self.num_envs} of them")
        else:
            seeds = self.seeds if self._episodes == 0 else self.np_random.integers(2**31, size=self.num_envs)
        self._episodes += 1
        mask = (options or {}).get("reset_mask")
        if mask is not None and np.shape(mask) != (self.num_envs,):
            raise BadSetting("reset_mask", np.shape(mask), f"{self.num_envs} bools, one for each member")
        with using_threads(self.threads):
            if mask is None:
                self._begin(seeds)
            else:
                self._begin_again(np.asarray(mask, dtype=bool), seeds)
            self.measure_scores()
            values = self.read_signals()
        return self._observe(values), self._info(values)

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        with using_threads(self.threads):
            return self._step(actions)

    def _step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        fresh = self._ended.copy()
        self.over |= fresh
        self.play_turn(actions, measure=True)
        if fresh.any():
            self._begin_again(fresh, self.np_random.integers(2**31, size=self.num_envs))
        values = self.read_signals()
        self.freeze_diverged()
        before = self.scores.copy()
        spent = self.turns_played >= self.budgets
        due = spent | ((self.turns_played % self.score_every == 0) if self.score_every else False)
        due &= ~fresh & ~self.over
        rewards = np.zeros(self.num_envs)
        solved = np.zeros(self.num_envs, dtype=bool)
        if due.any() or fresh.any():
            scores = self.measure_scores()
            self.scores = np.where(due | fresh, scores, before)
            gain = before - scores
            rewards = np.where(due & np.isfinite(gain), gain, 0.0)
            if self.game.solved_at is not None:
                solved = due & (self.scores <= self.game.solved_at)
        terminated = (solved | self.over) & ~fresh
        truncated = spent & ~terminated & ~fresh
        self._ended = terminated | truncated
        info = self._info(values)
        info["solved"] = solved
        reasons = {**{m: str(d) for m, d in self.signals.divergence.items()}, **self.undefined}
        info["_solved"] = info["_diverged"] = np.ones(self.num_envs, dtype=bool)
        info["diverged"] = np.array([reasons.get(m) for m in range(self.num_envs)], dtype=object)
        return self._observe(values), rewards, terminated, truncated, info

    def _begin_again(self, mask: np.ndarray, seeds: np.ndarray) -> None:
        """New episodes for some of the members; the others go on as if nothing had happened."""
        chosen = torch.from_numpy(mask).to(self.device)
        stacked = {**dict(self.game.named_parameters()), **{n: self.game.get_buffer(n) for n in self.members.buffers}}
        varying = {f"{place}.{attribute}" if place else attribute for place, attribute in self.members.coefficients}
        if len(self._batches.streams) < self.num_envs:  # from here on every member has a stream of its own
            self._streams_apart()
        for member in np.flatnonzero(mask):
            seed = int(seeds[member])
            game = self._build(int(member), seed)
            own = {**dict(game.named_parameters()), **dict(game.named_buffers())}
            with torch.no_grad():
                for name, tensor in stacked.items():
                    if name not in varying:
                        tensor[int(member)] = own[name]
            self._batches.replace(int(member), self._stream(int(member), seed))
            self._mask_streams[int(member)].manual_seed(streams_of(seed)[3])
        for optimizer in self.optimizers.values():
            optimizer.forget(chosen)  # type: ignore[attr-defined]
        self.rule.forget(chosen)
        self.signals.forget(mask)
        for member in np.flatnonzero(mask):
            self.undefined.pop(int(member), None)
        self.turns_played[mask], self.over[mask], self._ended[mask] = 0, False, False
        for count in self.moves.values():
            count[mask] = 0
        self._batch_spent = True

    def _streams_apart(self) -> None:
        """A stream for each member, where several shared one; each stands where the shared one stands."""
        old, masks, of = self._batches.streams, self._mask_streams, self._stream_of
        states = [old[i].state_dict() for i in range(len(old))]
        apart = []
        for member in range(self.num_envs):
            stream = self._stream(member, 0)
            stream.load_state_dict(states[of[member]])
            apart.append(stream)
        self._mask_streams = [torch.Generator() for _ in range(self.num_envs)]
        for member, generator in enumerate(self._mask_streams):
            generator.set_state(masks[of[member]].get_state())
        self._batches, self._stream_of = BatchStreams(apart), np.arange(self.num_envs)
        self._share_streams()
        if self.batch is not None:
            index = torch.from_numpy(of).to(self.device)
            shared = len(old) == 1
            self.batch = tree_map(lambda t: t.expand(self.num_envs, *t.shape) if shared else t[index], self.batch)

    def render(self) -> tuple[np.ndarray, ...] | None:
        """Every member's picture, each height × width × 3 bytes."""
        if self.render_mode is None:
            return None
        from arena.plots.games import game_figure
        from arena.plots.style import to_array

        frames = []
        with self.field.placed(self.rule.evaluated_parameters()):
            for member in range(self.num_envs):
                with self.members.alone(self.game, member):
                    frames.append(to_array(game_figure(self)))
        return tuple(frames)

    def evaluated_parameters(self) -> contextlib.AbstractContextManager[None]:
        """Nothing more to do: whoever draws a member has put it forward already."""
        return contextlib.nullcontext()

    def _observe(self, values: Mapping[str, np.ndarray]) -> np.ndarray:
        nothing = np.zeros(self.num_envs)
        return squash(np.stack([values.get(name, nothing) for name in self.signal_names], axis=1))

    def _info(self, values: Mapping[str, np.ndarray]) -> dict[str, Any]:
        everyone = np.ones(self.num_envs, dtype=bool)
        signals = {key: part for name, v in values.items() for key, part in ((name, v), (f"_{name}", everyone))}
        return {
            "turn": self.turns_played.copy(),
            "_turn": everyone,
            "signals": signals,
            "_signals": everyone,
            "score": self.scores.copy(),
            "_score": everyone,
        }

    # State ------------------------------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Everything that the rest of the episodes depends on, as tensors, numbers and strings."""
        return {
            "game": {n: t.detach().clone() for n, t in (*self.game.named_parameters(), *self.game.named_buffers())},
            "optimizers": {role: o.state_dict() for role, o in self.optimizers.items()},
            "rule": self.rule.state_dict(),
            "schedulers": [s.state_dict() for s in self._schedulers.things],
            "streams": [self._batches.state_dict(), [g.get_state() for g in self._mask_streams]],
            "batch": None if self._batch_spent else self.batch,
            "signals": self.signals.state_dict(),
            "turns_played": torch.from_numpy(self.turns_played.copy()),
            "moves": {role: torch.from_numpy(count.copy()) for role, count in self.moves.items()},
            "over": torch.from_numpy(self.over.copy()),
            "undefined": dict(self.undefined),
            "scores": torch.from_numpy(self.scores.copy()),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go back to what `state_dict` gave; what follows is then the same bit for bit."""
        own = {**dict(self.game.named_parameters()), **dict(self.game.named_buffers())}
        with torch.no_grad():
            for name, tensor in state["game"].items():
                own[name].copy_(tensor)
        for role, optimizer in self.optimizers.items():
            optimizer.load_state_dict(state["optimizers"][role])
        self.rule.load_state_dict(state["rule"])
        for scheduler, saved in zip(self._schedulers.things, state["schedulers"], strict=True):
            scheduler.load_state_dict(saved)
        self._batches.load_state_dict(state["streams"][0])
        for generator, saved in zip(self._mask_streams, state["streams"][1], strict=True):
            generator.set_state(saved.cpu())
        self.batch, self._batch_spent = state["batch"], state["batch"] is None
        self.signals.load_state_dict(state["signals"])
        self.turns_played, self.over = state["turns_played"].numpy().copy(), state["over"].numpy().copy()
        self.moves = {role: count.numpy().copy() for role, count in state["moves"].items()}
        self.undefined = dict(state["undefined"])
        self.scores = state["scores"].numpy().copy()

    # Batches ----------------------------------------------------------------------------------------------------------------

    def on_device(self) -> Any:
        """Makes a game's factory functions create on the device of the run; a game knows no device."""
        return torch.device(self.device) if self.device.type != "cpu" else torch.device("cpu")

    def _sample(self, game: Game, rng: Rng) -> Batch:
        with self.on_device():
            return place(game.sample(rng), self.device, self.dtype)

    def _draw(self) -> None:
        batch = self._batches.next()
        if 1 < len(self._batches.streams) < self.num_envs:
            batch = tree_map(lambda leaf: leaf[self.members.stream_of] if isinstance(leaf, Tensor) else leaf, batch)
        self.batch = batch
        self._batch_spent = False
        if self._on_batch:
            with torch.no_grad():
                self.members.call(self.game, self._on_batch, batch)

    def _freeze(self) -> None:
        seeds = [int(torch.randint(2**31, (), generator=g)) for g in self._mask_streams] if self.field.stochastic else None
        self.field.freeze(self.batch, self._lambda, self._movers, seeds, self._masks)

    @property
    def _lambda(self) -> Number:
        return self._number(self._coupling * self.game.max_coupling)

    def _freeze_afresh(self) -> None:
        self._draw()
        first, self.field.first = self.field.first, None
        self._freeze()
        self.field.first = first
