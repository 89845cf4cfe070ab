"""Play one game or a population, pause where its signals are read, and return one outcome for each member."""

import contextlib
import math
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import numpy as np

from arena.accelerate.autocast import multiplications
from arena.config.config import Config
from arena.core.faults import faults_of
from arena.core.field.members import CannotShare
from arena.core.torch_settings import using_threads
from arena.engine.playing import ahead, play
from arena.engine.vector_env import Population
from arena.errors import GameFault, RuleUndefined
from arena.experiments.outcome import Outcome
from arena.runs.status import Status, status_of_error

T = TypeVar("T")
Playing = Generator["Look", Mapping[int, str] | None, list[Outcome]]
"""Yields looks; a mapping from member to reason that is sent back stops those members, which count as alarmed."""


class Single:
    """One game with the methods that the play loop needs of a population, as its only member.

    Args:
        config: its configuration.
        state: of an arena, from which it continues; None begins.
    """

    def __init__(self, config: Config, state: Mapping[str, Any] | None = None):
        self.arena = config.build()
        self.arena.reset(seed=config.run.seed)
        self.scores = np.array([self.arena.measure_score()])
        if state is not None:
            self.arena.load_state_dict(state)
        self.game, self.score_every, self.in_blocks = self.arena.game, self.arena.score_every, self.arena.in_blocks
        self.budgets, self.over = np.array([self.arena.turns]), np.array([self.arena.turns_played >= self.arena.turns])
        self.undefined: dict[int, str] = {}
        self.status_without_answer: Status = "undefined"
        self._values: dict[str, np.ndarray] = {}
        self.read_signals()

    @property
    def turns_played(self) -> np.ndarray:
        """Turns played, (1,)."""
        return np.array([self.arena.turns_played])

    @property
    def divergence(self) -> Mapping[int, object]:
        """The cause of a divergence, by member."""
        return {} if self.arena.divergence is None else {0: self.arena.divergence}

    def play_scheduled_turns(self, most: int) -> None:
        """Play a turn, or in blocks at most so many; if the rule has no answer, or fails, the run is over."""
        self._guard(lambda: self.arena.play_scheduled_turns(most), None)

    def read_signals(self) -> dict[str, np.ndarray]:
        """All signals by name, each (1,)."""
        if not self.undefined:
            self._values = self._guard(lambda: {name: np.array([v]) for name, v in self.arena.read_signals().items()}, self._values)
        return self._values

    def freeze_diverged(self) -> None:
        """End the run if it has diverged."""
        self.over[0] |= self.arena.divergence is not None

    def measure_scores(self) -> np.ndarray:
        """The score, (1,)."""
        self.scores = np.array([self._guard(self.arena.measure_score, math.nan)])
        return self.scores

    def measure_criteria(self) -> tuple[np.ndarray, np.ndarray]:
        """The score and the criterion, each (1,)."""
        scores = self.measure_scores()
        finite = math.isfinite(scores[0])
        return scores, np.array([self._guard(lambda: self.arena.measure_criterion(float(scores[0])), math.nan) if finite else math.nan])

    def _guard(self, do: Callable[[], T], otherwise: T) -> T:
        try:
            with faults_of(f"a turn of {type(self.game).__name__}"):
                return do()
        except (RuleUndefined, GameFault) as error:
            self.undefined[0], self.over[0], self.status_without_answer = str(error), True, status_of_error(error)
            return otherwise


@dataclass(frozen=True)
class Look:
    """A moment at which signals are read.

    Args:
        env: the game, or the population.
        values: the members' signals by name, each (K,).
    """

    env: Single | Population
    values: Mapping[str, np.ndarray]

    @property
    def turns(self) -> np.ndarray:
        """Turns played, (K,)."""
        return self.env.turns_played

    @property
    def live(self) -> list[int]:
        """Members that are being played, and have not diverged."""
        return np.flatnonzero(~self.env.over).tolist()


def _watch(env: Single | Population, configs: Sequence[Config], every: int, criteria: bool) -> Playing:
    """Play a game or a population to the end.

    Args:
        env: the game, or the population, reset.
        configs: of its members.
        every: turns between looks.
        criteria: measure the games' criteria at the end.

    Yields:
        A look every so many turns, and when a member has spent its turns.
    """
    starts, stopped, solved = env.scores.copy(), dict[int, str](), set[int]()
    goal, scored = env.game.solved_at, env.score_every
    solving = np.array([config.run.until_solved for config in configs]) & (goal is not None) & bool(scored)
    periods = {"look": every, "score": scored if solving.any() else 0}

    def step(turn: int) -> None:
        left = int((env.budgets - env.turns_played)[~env.over].min()) if env.in_blocks else 1
        env.play_scheduled_turns(ahead(turn, turn + left, periods) if left > 1 else 1)

    turns = play(step, lambda: int(env.turns_played.max()), int(env.budgets.max()), periods)
    while not env.over.all():
        _, due = next(turns)
        spent = env.turns_played >= env.budgets
        if "look" in due or (spent & ~env.over).any():
            values = env.read_signals()
            env.freeze_diverged()
            asked = (yield Look(env, values)) or {}
            stopped |= {member: why for member, why in asked.items() if not env.over[member]}
            env.over[list(asked)] = True
        ending = spent & ~env.over
        if goal is not None and "score" in due:
            reached = solving & ~env.over & (env.measure_scores() <= goal)
            solved |= set(np.flatnonzero(reached).tolist())
            ending |= reached
        env.over |= ending
    return _outcomes(env, configs, starts, stopped, solved, criteria)


def _outcomes(
    env: Single | Population, configs: Sequence[Config], starts: np.ndarray, stopped: Mapping[int, str], solved: set[int], criteria: bool
) -> list[Outcome]:
    values, goal = env.read_signals(), env.game.solved_at
    diverged = env.divergence if isinstance(env, Single) else env.signals.divergence
    if isinstance(env, Single) and (diverged or env.undefined):
        scores = chosen_by = np.full(1, math.nan)
    else:
        scores, chosen_by = env.measure_criteria() if criteria else (env.measure_scores(),) * 2
    found, without = [], env.status_without_answer if isinstance(env, Single) else "undefined"
    for member, config in enumerate(configs):
        reason = str(diverged[member]) if member in diverged else env.undefined.get(member)
        status: Status = "diverged" if member in diverged else without if reason else "solved" if member in solved else "finished"
        if goal is not None and status == "finished" and scores[member] <= goal:
            status = "solved"
        score, criterion = (float(numbers[member]) if reason is None else math.nan for numbers in (scores, chosen_by))
        if reason is None and (math.isnan(score) or math.isnan(criterion)):
            status, reason = "failed", f"the {'score' if math.isnan(score) else 'criterion'} is NaN"
        elif reason is None and not math.isfinite(score):
            status, reason = "diverged", "the score is not finite"
        if reason is None and member in stopped:
            status, reason = "alarmed", stopped[member]
        signals = {name: float(v[member]) for name, v in values.items()}
        turns, start = int(env.turns_played[member]), float(starts[member])
        found.append(Outcome(status, turns, score, start, reason or "", signals, criterion, config=config))
    return found


@contextlib.contextmanager
def computing(config: Config) -> Iterator[None]:
    """Compute with the threads and the precision of a configuration within the block."""
    with using_threads(config.run.threads), multiplications(config.run.tf32):
        yield


def play_members(configs: Sequence[Config], every: int, criteria: bool = False) -> Playing:
    """Play configurations as one population.

    Raises:
        CannotShare: if they do not fit together.
    """
    population = Population(configs)
    population.reset()
    return (yield from _watch(population, configs, every, criteria))


def play_single(config: Config, every: int, criteria: bool = False, state: Mapping[str, Any] | None = None) -> Playing:
    """Play one configuration by itself, from its beginning or from the state of an arena; if its game cannot be built, it has failed."""
    try:
        with faults_of(f"the beginning of {config.game.name}"):
            single = Single(config, state)
    except (RuleUndefined, GameFault) as error:
        return [Outcome(status_of_error(error), 0, math.nan, reason=str(error), config=config)]
    return (yield from _watch(single, [config], every, criteria))


def play_group(
    configs: Sequence[Config], every: int, tell: Callable[[int], None] = lambda turns: None, shared: bool = True
) -> list[Outcome]:
    """Play configurations as one population, or one by one if they do not fit together or the game fails for all at once.

    Args:
        configs: to be played, with the threads and the precision of the first.
        every: turns between looks.
        tell: called with the turns of all members so far.
        shared: whether they may be one population.
    """
    with computing(configs[0]):
        if shared:
            with contextlib.suppress(CannotShare, GameFault):  # alone, each run has its own reason
                return _drive(play_members(configs, every), tell)
        return play_alone(configs, every, tell)


def play_alone(configs: Sequence[Config], every: int, tell: Callable[[int], None] = lambda turns: None) -> list[Outcome]:
    """Play configurations one by one."""
    found, before = [], 0
    for config in configs:
        found += _drive(play_single(config, every), lambda turns, before=before: tell(before + turns))  # type: ignore[misc]
        before += config.run.turns
    return found


def _drive(playing: Playing, tell: Callable[[int], None]) -> list[Outcome]:
    try:
        while True:
            tell(int(next(playing).turns.sum()))
    except StopIteration as over:
        return cast("list[Outcome]", over.value)
