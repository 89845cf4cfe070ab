"""A population: K games of one kind, trained at once as one Gymnasium vector environment.

The members' parameters have a leading member axis, over which the field is mapped; update rule, optimizers and schedulers are the same
code as for one game. Seeds, learning rates and other numbers may differ between members. Each member equals the single run of its
configuration, with the same batches, noise and dropout masks.

Observations are (K, signals), actions (K, 3), rewards, terminations and truncations (K,). Autoreset is Gymnasium's next-step mode: after
the end of a member's episode, the next `step` ignores its action and begins a new one under a new seed.

Shapes: K = members.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode
from gymnasium.vector.utils import batch_space

from arena.core.field.members import Members
from arena.core.protocols import MemberConfig
from arena.core.torch_settings import using_threads
from arena.engine import measuring, snapshot, turn_engine
from arena.engine.environment import Environment, of_episode
from arena.engine.members import equivalence
from arena.engine.members.episode import BatchedEpisode
from arena.engine.members.signals import BatchedSignals
from arena.engine.observation import BOUND, observation
from arena.errors import BadSetting


class Population(Environment, gymnasium.vector.VectorEnv[np.ndarray, np.ndarray, np.ndarray]):
    """K games played turn by turn, side by side.

    Args:
        configs: One configuration for each member; they may differ in seed, turns, and in numbers of the rule, the optimizers, the
            schedules, the scheduler, the game and its players. `populations` sorts configurations that differ in more.
        render_mode: `rgb_array`, or None.
        check_equivalence: Compare a few members, for a few turns, with their single runs (`arena.engine.members.equivalence`).

    Raises:
        CannotShare: The configurations cannot be one population.
        BadSetting: A number is out of its range.

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
        self.configs, self.render_mode = list(configs), render_mode
        self._check_render_mode()
        self.threads = int(self.configs[0].run.threads) if self.configs else 0
        with using_threads(self.threads):
            self.episode = BatchedEpisode(self.configs)
        self.num_envs = self.episode.size
        self.score_every = int(self.configs[0].parts()["score_every"])
        self._episodes = 0
        self._ended = np.zeros(self.num_envs, dtype=bool)
        self.single_action_space = gymnasium.spaces.Box(0.0, 1.0, (3,), np.float32)
        self.single_observation_space = gymnasium.spaces.Box(-BOUND, BOUND, (len(self.signal_names),), np.float32)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        if check_equivalence:
            equivalence.check_equivalence(self.configs, type(self))

    episode: BatchedEpisode
    members: Members = of_episode("members")
    signals: BatchedSignals = of_episode("signals")
    seeds: np.ndarray = of_episode("seeds")
    budgets: np.ndarray = of_episode("budgets")
    turns_played: np.ndarray = of_episode("turns_played")
    progress: np.ndarray = of_episode("progress")
    moves: dict[str, np.ndarray] = of_episode("moves")
    over: np.ndarray = of_episode("over")
    undefined: dict[int, str] = of_episode("undefined")
    scores: np.ndarray = of_episode("score")

    # Turns ------------------------------------------------------------------------------------------------------------------

    def play_turn(self, actions: Any, *, measure: bool = False) -> None:
        """Play one turn of every member that is not over.

        Args:
            actions: (share of player 1, share of player 2, coupling) for each member, shape (K, 3); or one such triple for all.
            measure: Also take the updates' norms and cosines.

        Raises:
            BadSetting: The actions have another shape or range.
        """
        turn_engine.play(self.episode, *self.episode.checked(actions), measure)

    def freeze_diverged(self) -> None:
        """Stop members whose losses or gradients are not finite in the signals read so far."""
        self.episode.freeze_diverged()

    # Measurements -----------------------------------------------------------------------------------------------------------

    def read_signals(self) -> dict[str, np.ndarray]:
        """Return all signals by name, each (K,); waits for the device once."""
        return measuring.read_signals(self.episode)

    def measure_scores(self) -> np.ndarray:
        """Measure the members' scores, (K,)."""
        scores: np.ndarray = measuring.measure_score(self.episode)
        return scores

    def measure_criteria(self) -> tuple[np.ndarray, np.ndarray]:
        """Measure the members' scores and selection criteria, each (K,)."""
        return measuring.measure_criteria(self.episode)

    def measure_metrics(self) -> dict[str, np.ndarray]:
        """Measure the members' metrics by name, each (K,)."""
        return measuring.measure_metrics(self.episode)

    def metric_ceilings(self) -> list[dict[str, float]]:
        """Return the metrics of real data by name, for each member."""
        ceilings: list[dict[str, float]] = measuring.metric_ceilings(self.episode)
        return ceilings

    def evaluated_parameters(self) -> AbstractContextManager[None]:
        """Do nothing, because `render` has already put a member's evaluated parameters in place."""
        return nullcontext()

    @property
    def _most_turns(self) -> int:  # type: ignore[override]
        return int(self.budgets.max())

    # Gymnasium --------------------------------------------------------------------------------------------------------------

    def reset(self, *, seed: int | Sequence[int] | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin new episodes.

        Args:
            seed: Seed of member 0, of which those of the others count up; or one for each. None takes the configured seeds for the first
                episodes, and later ones from the population's own random stream.
            options: `reset_mask`, (K,) bools, resets these members only.
        """
        self._check_open()
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
                self.episode.begin(seeds)
                self._ended[:] = False
            else:
                self._begin_again(np.asarray(mask, dtype=bool), seeds)
            self.measure_scores()
            values = self.read_signals()
        self._waits_for_reset = None
        return observation(values, self.signal_names), self._info(values)

    def _begin_again(self, mask: np.ndarray, seeds: np.ndarray) -> None:
        snapshot.begin_again(self.episode, mask, seeds)
        self._ended[mask] = False

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        self._check_step()
        with using_threads(self.threads):
            return self._step(actions)

    def _step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        fresh = self._ended.copy()
        self.episode.over |= fresh
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
            self.episode.score = np.where(due | fresh, scores, before)
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
        return observation(values, self.signal_names), rewards, terminated, truncated, info

    def render(self) -> tuple[np.ndarray, ...] | None:
        """Return each member's picture as height × width × 3 bytes."""
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
            "moves": {key: part for name, v in self.moves.items() for key, part in ((name, v.copy()), (f"_{name}", everyone))},
            "_moves": everyone,
        }
