"""A game made a Gymnasium environment: one step is one turn, the action is what a scheduler decides.

Action: `Box(0, 1, (3,), float32)` = (share of player 1, share of player 2, coupling). (1, 1, ·) is simultaneous, (0, 1, ·) then
(1, 0, ·) alternating, (1, 0.1, ·) two timescales. Observation: the game's signals, squashed by sign(x)·log(1 + |x|); raw values by name
are in `info["signals"]`. Reward: the gain in score where it is measured, else 0, so that an episode's return is the total gain.
Terminated: solved, or diverged (which, is in `info`). Truncated: the turn budget is spent.
"""

import contextlib
import copy
import itertools
import math
from collections.abc import Callable, Mapping
from typing import Any

import gymnasium
import numpy as np
import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from arena.accelerate.autocast import Autocast, cast_losses
from arena.accelerate.compiled_field import Compiled
from arena.accelerate.process_group import ProcessGroup
from arena.accelerate.sharded_field import ShardedField
from arena.core.field.field import Field
from arena.core.game import Batch, Clock, Game
from arena.core.memory import in_memory, out_of_memory, short_of_memory
from arena.core.preserve import preserve_state
from arena.core.rng import Rng
from arena.core.torch_settings import using_threads
from arena.engine.cuda_graph import Graphs
from arena.engine.scheduled_buffers import ScheduledBuffers
from arena.engine.signals import Divergence, Signals
from arena.engine.streams import BatchStream, block_turns, channels_last
from arena.errors import ArenaError, BadSetting, GameFault, RuleUndefined, UnknownName, check_number
from arena.optimizers.factories import OptimizerFactory, adam
from arena.players.base import hooks
from arena.rules.base import UpdateRule
from arena.rules.simultaneous import Simultaneous as SimultaneousRule
from arena.rules.turn import Turn
from arena.schedulers.base import Moment, Scheduler
from arena.schedulers.simultaneous import Simultaneous
from arena.schedules import Schedule, constant

BOUND = 89.0
"""Largest squashed observation: log(1 + the largest float32) is 88.7; anything not finite shows as this."""


class Arena(gymnasium.Env[np.ndarray, np.ndarray]):
    """One game, played turn by turn by two players.

    Args:
        game: a callable that builds the game (called anew, under the episode's seed, at every reset), or a game, to whose initial
            state every reset returns.
        rule: update rule; simultaneous where none is given.
        optimizers: per role, what builds its torch optimizer from its parameters; Adam where none is given.
        rates: per role, a schedule that multiplies its learning rate.
        scheduler: the policy whose action `scheduled_action` gives.
        coupling: schedule of λ, in [0, 1], that the scheduler is shown.
        turns: turn budget of an episode.
        seed: seed of the first episode where `reset` is given none.
        score_every: turns between scores; 0 scores only at the beginning and the end.
        device: where the game is played.
        dtype: floating-point precision of the players and the batches.
        compile: play compiled code where that is possible; `field.compiled.why_not` says why it was not.
        cuda_graphs: on a GPU, record each kind of turn once and replay it; `graphs.why_not` says why it was not.
        micro_batches: equal parts into which a batch is split and whose fields are averaged.
        autocast: compute the losses in bfloat16 where torch finds it safe, or none.
        channels_last: keep images and the players' convolutions channel by channel at each pixel.
        threads: CPU threads of torch within `reset` and `step`; 0 leaves torch's own choice.
        ranks: the other processes that play this game, among which batches are dealt out.
        render_mode: `rgb_array`, or None.

    Raises:
        BadSetting: for a number out of its range.
        GameFault: for a game whose batches cannot be split as asked for.
        UnknownName: for a role that the game does not have.

    Example:
        >>> from arena.games import Bilinear
        >>> arena = Arena(Bilinear, turns=3)
        >>> observation, info = arena.reset(seed=0)
        >>> observation, reward, terminated, truncated, info = arena.step(arena.action_space.high)
        >>> info["turn"], sorted(info["signals"])[:2]
        (1, ['coupling', 'progress'])
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 4}

    def __init__(
        self,
        game: Game | Callable[[], Game],
        *,
        rule: UpdateRule | None = None,
        optimizers: Mapping[str, OptimizerFactory] | None = None,
        rates: Mapping[str, Schedule] | None = None,
        scheduler: Scheduler | None = None,
        coupling: Schedule = constant,
        turns: int = 1000,
        seed: int = 0,
        score_every: int = 100,
        device: str | torch.device = "cpu",
        dtype: torch.dtype = torch.float32,
        compile: bool = False,
        cuda_graphs: bool = False,
        micro_batches: int = 1,
        autocast: Autocast = "none",
        channels_last: bool = False,
        threads: int = 0,
        ranks: ProcessGroup | None = None,
        render_mode: str | None = None,
    ):
        check_number("turns", turns, least=1, whole=True)
        check_number("seed", seed, least=0, whole=True)
        check_number("score.every", score_every, least=0, whole=True)
        check_number("micro_batches", micro_batches, least=1, whole=True)
        if cuda_graphs and (ranks is not None or micro_batches > 1):
            raise BadSetting("cuda_graphs", cuda_graphs, "false where a batch is split")
        for progress in (0.0, 0.25, 0.5, 0.75, 1.0):
            if not 0 <= float(coupling(progress)) <= 1:
                raise BadSetting(
                    "coupling", coupling(progress), "in [0, 1]" + (f" at all times, unlike at progress {progress:g}" if progress else "")
                )
        self.rule = rule or SimultaneousRule()
        self.scheduler = scheduler or Simultaneous()
        self.coupling = coupling
        self.turns, self.seed, self.score_every = int(turns), int(seed), int(score_every)
        self.device, self.dtype, self.render_mode = torch.device(device), dtype, render_mode
        self.micro_batches, self.autocast, self.channels_last, self.ranks = int(micro_batches), autocast, channels_last, ranks
        self.threads = threads
        self._rule_start = copy.deepcopy(self.rule.state_dict())
        self._scheduler_start = copy.deepcopy(self.scheduler.state_dict())
        self._build = None if isinstance(game, Game) else game
        self._start = copy.deepcopy(game.state_dict()) if isinstance(game, Game) else {}
        self.compile, self.cuda_graphs = compile, cuda_graphs
        self._factories, self._rates = dict(optimizers or {}), dict(rates or {})
        if isinstance(game, Game):
            self.game = game.to(self.device, self.dtype)
        self._episodes = 0
        self._block_turns: int | None = None
        self._begin(self.seed)
        for role in {*self._factories, *self._rates} - set(self.game.roles):
            raise UnknownName("role", role, self.game.roles)
        self.action_space = gymnasium.spaces.Box(0.0, 1.0, (3,), np.float32)
        self.observation_space = gymnasium.spaces.Box(-BOUND, BOUND, (len(self.signal_names),), np.float32)

    # One episode ------------------------------------------------------------------------------------------------------------

    def _begin(self, seed: int) -> None:
        """Build or restore the game, its optimizers and the four random streams from one seed."""
        initial, data, noise, masks = streams_of(seed)
        if self._build is not None:
            with torch.random.fork_rng(devices=_cuda(self.device)):
                torch.manual_seed(initial)
                self.game = self._build().to(self.device, self.dtype)
        else:
            self.game.load_state_dict(self._start)
        self._masks = torch.Generator().manual_seed(masks)
        if self.channels_last:
            self.game.to(memory_format=torch.channels_last)
        cast_losses(self.game, self.device, self.autocast)
        if self.ranks is not None:
            self.ranks.share(self.game)
        split = self.micro_batches > 1 or self.ranks is not None
        self.field = ShardedField(self.game, self.micro_batches, self.ranks) if split else Field(self.game)
        self.field.compiled = Compiled(self.game) if self.compile else None
        optimizers = {role: self._factories.get(role, adam)(self._groups(role)) for role in self.game.roles}
        self._turn = Turn(self.field, optimizers, self._freeze_afresh)
        self.graphs = Graphs(self.field, self._turn, self.rule) if self.cuda_graphs else None
        self.rule.attach(self.field)
        self.rule.load_state_dict(copy.deepcopy(self._rule_start))
        self.scheduler.load_state_dict(copy.deepcopy(self._scheduler_start))
        self.signals = Signals(self.game)
        self._moving = {moves: _Moving(self.game, moves) for moves in itertools.product((False, True), repeat=2)}
        self._on_batch = hooks(self.game.players, "on_batch")
        self.scheduled_buffers = ScheduledBuffers(self.game)
        self.turns_played = 0
        self.moves = dict.fromkeys(self.game.roles, 0)
        self.last_score: float | None = None
        self.batch: Batch = None
        self._batch_spent = True
        self._coupling = 0.0
        self.latest_share = dict.fromkeys(self.game.roles, 0.0)
        with (
            preserve_state(self.game),
            self.on_device(),
            self._in_memory(),
        ):  # a throw-away batch, only to learn the names of the game's signals
            batch = self.sample(Rng(self.device).seed_both(data, noise))
            self.own_names = list(self.game.signals(batch))
            if isinstance(self.field, ShardedField):
                self.field.split(batch)  # so that a batch that cannot be is told of before anything starts
            if self._block_turns is None:
                self._block_turns = block_turns(self.sample, Rng(self.device).seed_both(data, noise))
        self.stream = BatchStream(Rng(self.device).seed_both(data, noise), self.sample, self._block_turns)

    def _groups(self, role: str) -> Any:
        return [{"params": list(self.field.parameters[key].values())} for key in self.game.keys_of(role)]

    @property
    def optimizers(self) -> Mapping[str, torch.optim.Optimizer]:
        """Each role's torch optimizer."""
        return self._turn.optimizers

    @property
    def rng(self) -> Rng:
        """The random stream of the game's batches."""
        return self.stream.rng

    @property
    def progress(self) -> float:
        """Turns played over the turn budget."""
        return self.turns_played / self.turns

    @property
    def latest_coupling(self) -> float:
        """The coupling of the latest action; before the first turn, the beginning of the schedule."""
        return self._coupling if self.turns_played else float(self.coupling(self.progress))

    @property
    def signal_names(self) -> list[str]:
        """Names of the observation's entries, in order."""
        return ["coupling", "progress", *self.signals.names, *(f"game.{name}" for name in self.own_names)]

    @property
    def divergence(self) -> Divergence | None:
        """What went non-finite, as far as signals have been read."""
        return self.signals.divergence

    def learning_rate(self, role: str) -> float:
        """The role's learning rate at this moment, before its share."""
        return float(self.optimizers[role].param_groups[0]["initial_lr"]) * self._rate(role)

    def scheduled_action(self) -> np.ndarray:
        """What the scheduler decides now, as a float32 action for `step`."""
        return np.array(self._scheduled(), dtype=np.float32)

    def _scheduled(self) -> tuple[float, float, float]:
        """The scheduler's action, rounded to the float32 of the action space, so that `step` and `play` see the same numbers."""
        signals = self.read_signals() if self.scheduler.observes else {}
        first, second, coupling = self.scheduler.action(Moment(self.turns_played, self.turns, self.coupling(self.progress), signals))
        if not (0 <= first <= 1 and 0 <= second <= 1 and 0 <= coupling <= 1):
            raise _bad_action((first, second, coupling))
        return _float32(first), _float32(second), _float32(coupling)

    def _checked(self, action: Any) -> tuple[float, float, float]:
        numbers = np.ravel(action).tolist()
        if len(numbers) != 3 or not all(0 <= a <= 1 for a in numbers):
            raise _bad_action(numbers)
        return numbers[0], numbers[1], numbers[2]

    def play_turn(self, action: Any, *, measure: bool = False) -> None:
        """One turn: a batch, the field, the rule, the moves. Nothing in it waits for the device.

        Args:
            action: (share of player 1, share of player 2, coupling), each in [0, 1].
            measure: also take the update's norm and cosine.

        Raises:
            BadSetting: for an action of another shape or range.
        """
        self._play(*self._checked(action), measure)

    def play_scheduled_turn(self, *, measure: bool = False) -> None:
        """One turn with the scheduler's action."""
        self._play(*self._scheduled(), measure)

    def _play(self, first: float, second: float, coupling: float, measure: bool) -> None:
        self._coupling = coupling
        moving = self._moving[first > 0, second > 0]
        if self._batch_spent:
            self._draw()
        if moving.roles:
            self._movers = moving.keys
            if self.scheduled_buffers:
                self.scheduled_buffers.update(Clock(self.turns_played, self.progress, dict(self.moves), moving.roles))
            shares = {role: first if role == moving.first else second for role in moving.roles}
            self.latest_share |= shares
            factors = {role: share * self._rate(role) for role, share in shares.items()} if self._rates else shares
            if measure:
                self.signals.before_move(moving.roles)
            else:
                self.signals.forget_updates()
            try:
                if measure or self.graphs is None or not self.graphs.play(moving.keys, self.batch, self._lambda, factors):
                    self._freeze()
                    self._turn.begin(factors)
                    self.rule.step(self._turn)
            except RuleUndefined as error:
                raise RuleUndefined(f"{type(self.rule).__name__} in turn {self.turns_played + 1}: {error}") from error
            except (AttributeError, KeyError, TypeError, ValueError, RuntimeError, MemoryError) as error:
                raise self._fault(error) from error
            self.turns_played += 1
            self.signals.note(self.turns_played, self.field, gradients=measure)
            if measure:
                self.signals.after_move()
            for role in moving.roles:
                self.moves[role] += 1
        else:
            self.turns_played += 1
        self._batch_spent = self.game.batch_until is None or self.game.batch_until in moving.roles

    def _fault(self, error: Exception) -> ArenaError:
        if out_of_memory(error):
            what = f"the memory of {self.device} does not hold a turn of {type(self.game).__name__}"
            return short_of_memory(error, what, "take a smaller batch, more micro_batches or smaller players")
        what = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        return GameFault(
            f"{type(self.rule).__name__} on {type(self.game).__name__} failed in turn {self.turns_played + 1} ({what}); mend the rule or "
            "the game, which `arena check` examines"
        )

    def read_signals(self) -> dict[str, float]:
        """All signals by name, as numbers; waits for the device once."""
        values = {"coupling": self._coupling, "progress": self.progress, **self.signals.read()}
        if self.batch is not None:
            values |= self._of_first(self._own_signals)
        return values | {f"rule.{name}": float(value) for name, value in self.rule.report().items()}

    def _own_signals(self) -> dict[str, float]:
        with preserve_state(self.game):
            own = self.game.signals(self.batch)
        return {f"game.{k}": v for k, v in zip(own, torch.stack([*own.values()]).tolist(), strict=True)} if own else {}

    def _of_first(self, make: Callable[[], Any]) -> Any:
        """What is made here, or where several processes play this game, by the first of them."""
        return make() if self.ranks is None else self.ranks.on_main(make)

    def measure_score(self) -> float:
        """The game's score at this moment; leaves no footprints."""
        with preserve_state(self.game), self.on_device(), self.evaluated_parameters():
            score: float = self._of_first(lambda: float(self.game.score()))
        self.last_score = score
        return score

    def measure_criterion(self, score: float) -> float:
        """The game's criterion at this moment, where it scores so much; leaves no footprints."""
        with preserve_state(self.game), self.on_device(), self.evaluated_parameters():
            criterion: float = self._of_first(lambda: float(self.game.criterion(score)))
        return criterion

    def measure_metrics(self) -> dict[str, float]:
        """The game's metrics at this moment, by name; leaves no footprints."""
        with preserve_state(self.game), self.on_device(), self.evaluated_parameters():
            metrics: dict[str, float] = self._of_first(lambda: {name: float(value) for name, value in self.game.metrics().items()})
        return metrics

    def metric_ceilings(self) -> dict[str, float]:
        """What real data would get, by the metric's name."""
        with preserve_state(self.game), self.on_device():
            ceilings: dict[str, float] = self._of_first(self.game.metric_ceilings)
        return ceilings

    def evaluated_parameters(self) -> contextlib.AbstractContextManager[None]:
        """While inside, the players are those that the rule puts forward: an average where it keeps one, else the live ones."""
        return self.field.placed(self.rule.evaluated_parameters())

    @contextlib.contextmanager
    def watching_outputs(self) -> Any:
        """While inside, note which player's output turns non-finite first, so that a divergence names the player at fault."""
        handles = self.signals.watch_outputs()
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    # Gymnasium --------------------------------------------------------------------------------------------------------------

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict[str, Any]]:
        super().reset(seed=seed)
        if seed is None:  # a first episode uses the configured seed, later ones continue Gymnasium's own stream
            seed = self.seed if self._episodes == 0 else self._of_first(lambda: int(self.np_random.integers(2**31)))
        self._episodes += 1
        with using_threads(self.threads):
            self._begin(int(seed))
            self.measure_score()
            values = self.read_signals()
        return self._observe(values), self._info(values)

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        with using_threads(self.threads):
            return self._step(action)

    def _step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        with self.watching_outputs():
            self.play_turn(action, measure=True)
        values = self.read_signals()
        spent = self.turns_played >= self.turns
        reward, solved = 0.0, False
        diverged = self.divergence is not None
        due = spent or (self.score_every > 0 and self.turns_played % self.score_every == 0)
        if due and not diverged:
            before = self.last_score
            score = self.measure_score()
            if before is not None and math.isfinite(score) and math.isfinite(before):
                reward = before - score
            solved = self.is_solved()
        info = self._info(values) | {"solved": solved, "diverged": str(self.divergence) if diverged else None}
        return self._observe(values), reward, solved or diverged, spent and not (solved or diverged), info

    def is_solved(self) -> bool:
        """Whether the last score reached the game's `solved_at`."""
        goal = self.game.solved_at
        return goal is not None and self.last_score is not None and self.last_score <= goal

    def render(self) -> np.ndarray | None:
        """The game's picture as height × width × 3 bytes."""
        if self.render_mode is None:
            return None
        from arena.plots.games import game_figure
        from arena.plots.style import to_array

        return to_array(game_figure(self))

    def _observe(self, values: Mapping[str, float]) -> np.ndarray:
        return squash(np.array([values.get(name, 0.0) for name in self.signal_names], dtype=np.float64))

    def _info(self, values: Mapping[str, float]) -> dict[str, Any]:
        return {"turn": self.turns_played, "signals": dict(values), "score": self.last_score, "moves": dict(self.moves)}

    # State ------------------------------------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Everything that the rest of the episode depends on, as tensors, numbers and strings."""
        return {
            "game": self.game.state_dict(),
            "optimizers": {role: o.state_dict() for role, o in self.optimizers.items()},
            "rule": self.rule.state_dict(),
            "scheduler": self.scheduler.state_dict(),
            "streams": [self.stream.state_dict(), self._masks.get_state()],
            "batch": None if self._batch_spent and not self.scheduler.observes else self.batch,  # what it will look at
            "batch_spent": self._batch_spent,
            "signals": self.signals.state_dict(),
            "turns_played": self.turns_played,
            "moves": dict(self.moves),
            "latest": {"coupling": self._coupling, **self.latest_share},
            "costs": [self.field.gradient_evaluations, self.field.products],
            "last_score": self.last_score,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go back to what `state_dict` gave; what follows is then the same bit for bit."""
        self.game.load_state_dict(state["game"])
        for role, optimizer in self.optimizers.items():
            optimizer.load_state_dict(state["optimizers"][role])
        self.scheduler.load_state_dict(state["scheduler"])
        self.stream.load_state_dict(state["streams"][0])
        self._masks.set_state(state["streams"][1].cpu())
        parts = [state["batch"], state["signals"], state["rule"]]
        here = tree_map(lambda leaf: leaf.to(self.device) if isinstance(leaf, Tensor) else leaf, parts)
        self.batch, self._batch_spent = here[0], state.get("batch_spent", here[0] is None)
        self.signals.load_state_dict(here[1])
        self.rule.load_state_dict(here[2])
        self.turns_played, self.moves = state["turns_played"], dict(state["moves"])
        self._coupling = state["latest"]["coupling"]
        self.latest_share = {role: state["latest"][role] for role in self.game.roles}
        self.field.gradient_evaluations, self.field.products = state["costs"]
        self.last_score = state["last_score"]

    # Batches ----------------------------------------------------------------------------------------------------------------

    def _draw(self) -> None:
        with self._in_memory():
            self.batch = channels_last(self.stream.next()) if self.channels_last else self.stream.next()
        self._batch_spent = False
        for on_batch in self._on_batch:
            on_batch(self.batch)

    def _in_memory(self) -> contextlib.AbstractContextManager[None]:
        return in_memory(f"the memory of {self.device} does not hold a batch of {type(self.game).__name__}", "take a smaller batch")

    def _freeze(self) -> None:
        seed = int(torch.randint(2**31, (), generator=self._masks)) if self.field.stochastic else None
        self.field.freeze(self.batch, self._lambda, self._movers, seed)

    @property
    def _lambda(self) -> float:
        return self._coupling * self.game.max_coupling

    def _freeze_afresh(self) -> None:
        self._draw()
        first, self.field.first = self.field.first, None
        self._freeze()
        self.field.first = first  # the turn's signals are those of the position and batch where it began

    def sample(self, rng: Rng) -> Batch:
        """A batch of the game, where and in the precision in which it is played."""
        with self.on_device():
            return place(self.game.sample(rng), self.device, self.dtype)

    def on_device(self) -> Any:
        """Makes a game's factory functions create on the device of the run; a game knows no device."""
        return contextlib.nullcontext() if self.device.type == "cpu" else self.device

    def _rate(self, role: str) -> float:
        schedule = self._rates.get(role)
        return 1.0 if schedule is None else schedule(self.progress)


def place(batch: Batch, device: torch.device, dtype: torch.dtype) -> Batch:
    """A batch where and in the precision in which it is played."""
    if device.type == "cpu" and dtype == torch.float32:
        return batch

    def moved(leaf: Any) -> Any:
        return leaf.to(device, dtype if leaf.is_floating_point() else None) if isinstance(leaf, Tensor) else leaf

    return tree_map(moved, batch)


def squash(raw: np.ndarray) -> np.ndarray:
    """sign(x)·log(1 + |x|) as float32; what is not finite shows as the bound.

    Example:
        >>> squash(np.array([0.0, -1.0, np.nan])).round(2).tolist()
        [0.0, -0.6899999976158142, 89.0]
    """
    with np.errstate(invalid="ignore"):
        squashed = np.sign(raw) * np.log1p(np.abs(raw))
    return np.where(~np.isfinite(raw), BOUND, np.clip(squashed, -BOUND, BOUND)).astype(np.float32)


def streams_of(seed: int) -> tuple[int, int, int, int]:
    """The seeds of an episode's four random streams: initialisation, data, noise, dropout."""
    initial, data, noise, masks = (int(n) >> 1 for n in np.random.SeedSequence(seed).generate_state(4, np.uint64))
    return initial, data, noise, masks


class _Moving:
    """Who moves, for one of the four answers to which of the two players does."""

    def __init__(self, game: Game, moves: tuple[bool, ...]):
        self.first = game.roles[0]
        self.roles = tuple(role for role, does in zip(game.roles, moves, strict=True) if does)
        self.keys = tuple(key for role in self.roles for key in game.keys_of(role))


def _bad_action(found: object) -> BadSetting:
    return BadSetting("action", found, "three numbers in [0, 1]: share of player 1, share of player 2, coupling")


def _float32(number: float) -> float:
    return number if number in (0.0, 1.0) else float(np.float32(number))


def _cuda(device: torch.device) -> list[torch.device]:
    return [device] if device.type == "cuda" else []
