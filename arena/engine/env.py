"""One game as a Gymnasium environment: one step is one turn, the action is the decision of a scheduler.

Action: `Box(0, 1, (3,), float32)` = (share of player 1, share of player 2, coupling). (1, 1, ·) is simultaneous, (0, 1, ·) then
(1, 0, ·) alternating, (1, 0.1, ·) two timescales. Observation: the game's signals, squashed by sign(x)·log(1 + |x|); raw values by name
are in `info["signals"]`. Reward: the gain in score when it is measured, else 0, so that an episode's return is the total gain.
An episode is terminated if it is solved or has diverged; `info` has the reason. It is truncated when its turns are spent.
"""

import contextlib
import math
from collections.abc import Callable, Mapping
from typing import Any

import gymnasium
import numpy as np
import torch

from arena.accelerate.autocast import Autocast
from arena.accelerate.process_group import ProcessGroup
from arena.core.game import Batch, Game
from arena.core.rng import Rng
from arena.core.torch_settings import using_threads
from arena.engine import measuring, turn_engine
from arena.engine.environment import Environment, of_episode
from arena.engine.observation import BOUND, observation
from arena.engine.signals import Divergence, Signals
from arena.engine.single_episode import Acceleration, Compile, Setup, SingleEpisode
from arena.engine.streams import BatchStream
from arena.errors import check_number
from arena.optimizers.factories import OptimizerFactory
from arena.rules.base import UpdateRule
from arena.schedulers.base import Scheduler
from arena.schedules import Schedule, constant


class Arena(Environment, gymnasium.Env[np.ndarray, np.ndarray]):
    """One game, played turn by turn by two players.

    Args:
        game: A callable that builds the game (called at every reset, under the episode's seed), or a game, to whose initial state every
            reset returns.
        rule: Update rule; simultaneous by default.
        optimizers: By role, a function that builds a torch optimizer from the role's parameters; Adam by default.
        rates: By role, a schedule that multiplies the learning rate.
        scheduler: Policy of `scheduled_action`; simultaneous by default.
        coupling: Schedule of λ in [0, 1], which the scheduler reads.
        turns: Turn budget of an episode.
        seed: Seed of the first episode, unless `reset` is given another.
        score_every: Turns between scores; 0 scores only at the beginning and the end.
        device: Device of the players and the batches.
        dtype: Floating-point precision of the players and the batches.
        compile: Play compiled code if possible; otherwise `field.compiled.why_not` gives the reason. With `xla`, play blocks of turns as
            one program if possible; otherwise `blocks.why_not` gives the reason.
        cuda_graphs: On a GPU, record each kind of turn once and replay it; if that fails, `graphs.why_not` gives the reason.
        micro_batches: Equal parts into which a batch is split and whose fields are averaged.
        autocast: bfloat16 computes the losses under torch.autocast; none computes them in `dtype`.
        channels_last: Keep images and the players' convolutions in torch.channels_last.
        threads: CPU threads of torch in which the environment is built, reset and played; 0 keeps torch's own number.
        ranks: Processes among which batches are dealt out, if several play this game.
        start: Takes an episode at each beginning, gives it a memory, and returns a sentence on that.
        render_mode: `rgb_array`, or None.

    Raises:
        BadSetting: A number is out of its range.
        GameFault: The game's batches cannot be split into the requested parts.
        UnknownName: The game lacks a role.

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
        compile: Compile = False,
        cuda_graphs: bool = False,
        micro_batches: int = 1,
        autocast: Autocast = "none",
        channels_last: bool = False,
        threads: int = 0,
        ranks: ProcessGroup | None = None,
        start: Callable[[Any], str] | None = None,
        render_mode: str | None = None,
    ):
        check_number("seed", seed, least=0, whole=True)
        check_number("score.every", score_every, least=0, whole=True)
        self.seed, self.score_every, self.threads, self.render_mode = int(seed), int(score_every), threads, render_mode
        self._check_render_mode()
        setup = Setup(game, rule, optimizers or {}, rates or {}, scheduler, coupling, turns, torch.device(device), dtype, start)
        acceleration = Acceleration(compile, cuda_graphs, micro_batches, autocast, channels_last, ranks)
        with using_threads(threads):
            self.episode = SingleEpisode(setup, acceleration, self.seed)
        self._episodes = 0
        self.action_space = gymnasium.spaces.Box(0.0, 1.0, (3,), np.float32)
        self.observation_space = gymnasium.spaces.Box(-BOUND, BOUND, (len(self.signal_names),), np.float32)

    episode: SingleEpisode
    scheduler: Scheduler = of_episode("scheduler")
    signals: Signals = of_episode("signals")
    ranks: ProcessGroup | None = of_episode("ranks")
    coupling: Schedule = of_episode("setup.coupling")
    turns: int = of_episode("turns")
    rng: Rng = of_episode("stream.rng")
    stream: BatchStream = of_episode("stream")
    turns_played: int = of_episode("turns_played")
    progress: float = of_episode("progress")
    moves: dict[str, int] = of_episode("moves")
    latest_share: dict[str, float] = of_episode("latest_share")
    last_score: float | None = of_episode("score")
    own_names: list[str] = of_episode("own_names")
    divergence: Divergence | None = of_episode("signals.divergence")

    @property
    def _most_turns(self) -> int:  # type: ignore[override]
        return self.turns

    @property
    def latest_coupling(self) -> float:
        """Coupling of the latest action; before the first turn, that of the schedule."""
        return self.episode.coupling if self.turns_played else float(self.coupling(self.progress))

    def learning_rate(self, role: str) -> float:
        """Return the learning rate of a role in its latest move, before its share; before its first move, that of the start."""
        return float(self.optimizers[role].param_groups[0]["initial_lr"]) * self.episode.latest_rate[role]

    # Turns ------------------------------------------------------------------------------------------------------------------

    def scheduled_action(self) -> np.ndarray:
        """Return the scheduler's present decision, as a float32 action for `step`."""
        return np.array(self.episode.action(self.read_signals() if self.episode.observes else {}), dtype=np.float32)

    def play_turn(self, action: Any, *, measure: bool = False) -> None:
        """Play one turn: a batch, the field, the rule, the moves. Nothing in a turn waits for the device.

        Args:
            action: (share of player 1, share of player 2, coupling), each in [0, 1].
            measure: Also take the update's norm and cosine.

        Raises:
            BadSetting: The action has another shape or range.
        """
        turn_engine.play(self.episode, *self.episode.checked(action), measure)

    # Measurements -----------------------------------------------------------------------------------------------------------

    def read_signals(self) -> dict[str, float]:
        """Return all signals by name, as numbers; waits for the device once."""
        return measuring.read_signals(self.episode)

    def measure_score(self) -> float:
        """Measure the game's score."""
        return float(measuring.measure_score(self.episode))

    def measure_criterion(self, score: float) -> float:
        """Evaluate the selection criterion, given the current score."""
        return float(measuring.evaluate(self.episode, lambda: self.game.criterion(score), "criterion"))

    def measure_metrics(self) -> dict[str, float]:
        """Measure the game's metrics, by name."""
        return measuring.measure_metrics(self.episode)

    def metric_ceilings(self) -> dict[str, float]:
        """Return the metrics of real data, by name."""
        return dict(measuring.metric_ceilings(self.episode))

    def evaluated_parameters(self) -> contextlib.AbstractContextManager[None]:
        """Give the players the evaluated parameters within the block: an average if the rule keeps one, else the live ones."""
        return self.field.placed(self.rule.evaluated_parameters())

    def watching_outputs(self) -> contextlib.AbstractContextManager[None]:
        """Record within the block which player's output turns non-finite first, so that a divergence names that player."""
        return self.signals.watching_outputs()

    @property
    def judged(self) -> str:
        """The players that a score judges: `raw` for the live ones, `averaged`, or `averaged ROLE` if the rule averages one role."""
        return measuring.judged(self.episode)

    def rest(self) -> None:
        """Put the players into evaluation mode, as after a run; the next turn, or the next episode, trains them again."""
        self.episode.rest()

    def is_solved(self) -> bool:
        """Return whether the last score reached the game's `solved_at`."""
        goal = self.game.solved_at
        return goal is not None and self.last_score is not None and self.last_score <= goal

    def sample(self, rng: Rng) -> Batch:
        """Draw a batch on the device and in the precision of the run."""
        return self.episode.sample(rng)

    # Gymnasium --------------------------------------------------------------------------------------------------------------

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict[str, Any]]:
        self._check_open()
        super().reset(seed=seed)
        if seed is None:  # a first episode uses the configured seed, later ones continue Gymnasium's own stream
            seed = self.seed if self._episodes == 0 else self.episode.on_main(lambda: int(self.np_random.integers(2**31)))
        self._episodes += 1
        with using_threads(self.threads):
            self.episode.begin(int(seed))
            self.measure_score()
            values = self.read_signals()
        self._waits_for_reset = None
        return observation(values, self.signal_names), self._info(values)

    def step(self, action: np.ndarray) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        self._check_step()
        with using_threads(self.threads):
            with self.watching_outputs():
                self.play_turn(action, measure=True)
            values = self.read_signals()
            spent, diverged = self.turns_played >= self.turns, self.divergence is not None
            reward, solved = 0.0, False
            if (spent or (self.score_every > 0 and self.turns_played % self.score_every == 0)) and not diverged:
                before, score = self.last_score, self.measure_score()
                if before is not None and math.isfinite(score) and math.isfinite(before):
                    reward = before - score
                solved = self.is_solved()
        self._waits_for_reset = "the episode is over" if spent or solved or diverged else None
        info = self._info(values) | {"solved": solved, "diverged": str(self.divergence) if diverged else None}
        return observation(values, self.signal_names), reward, solved or diverged, spent and not (solved or diverged), info

    def render(self) -> np.ndarray | None:
        """Return the game's picture as height × width × 3 bytes."""
        if self.render_mode is None:
            return None
        from arena.plots.games import game_figure
        from arena.plots.style import to_array

        return to_array(game_figure(self))

    def _info(self, values: Mapping[str, float]) -> dict[str, Any]:
        return {"turn": self.turns_played, "signals": dict(values), "score": self.last_score, "moves": dict(self.moves)}
