"""A game: the mathematics of one competition between two players.

A `Game` is an `nn.Module` whose `forward` returns its losses. It has no optimizer, update rule, schedule, device or logger, so the same
lines serve one run, a displaced look-ahead (`torch.func.functional_call`), Jacobian products and a vmapped population.

Shapes: N = batch, D = features of one example.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from arena.core.measures import Criterion, Evaluation
from arena.core.result_table import ResultTable, VariantResult
from arena.core.rng import Rng
from arena.core.slot import Slot
from arena.errors import GameFault, UnknownName

Batch = Any
"""The return value of `sample`: a tensor, or a tuple, list or dict of tensors."""
JOINT = "*"
"""A mover of `forward` that selects `joint_losses`; its scalar is returned under this key."""


def for_roles(*roles: str, **settings: Any) -> dict[str, Any]:
    """Return the same settings for each role, by dotted name, for a `recipe`.

    Example:
        >>> for_roles("x", "y", lr=0.1, schedule="linear")
        {'x.lr': 0.1, 'x.schedule': 'linear', 'y.lr': 0.1, 'y.schedule': 'linear'}
    """
    return {f"{role}.{name}": value for role in roles for name, value in settings.items()}


class Clock(NamedTuple):
    """State of a run before a turn.

    Args:
        turn: Turns played.
        progress: Turns played over turns in all, in [0, 1].
        moves: Number of moves by role.
        movers: Roles that move in this turn.
    """

    turn: int
    progress: float
    moves: Mapping[str, int]
    movers: tuple[str, ...]


class Game(nn.Module):
    r"""One competition: two players by role, a batch sampler, one loss per player, a score.

    Each moving part minimises its own loss in its own parameters: player i follows −∇_{θᵢ} Lᵢ(θ₁, θ₂). No sign is hidden in a layer.

    Args:
        players: Two modules or `Slot`s by role, in the order in which they move.

    Class attributes:
        zero_sum: Claim that the losses of a batch add up to zero (`check_game` tests it).
        max_coupling: Coupling of `losses` for an action's coupling of 1.
        batch_until: Role whose move ends the life of a batch; None draws a batch every turn.
        parts: Parts of a role (children of its module) with losses of their own.
        solved_at: Score at which an episode is solved; None for never.
        animated: Keep the last of each kind of picture in the run's folder, and an animation of all of them.
        recipe: Recommended settings by dotted name; each can be overridden.
        jointly: Whether to use `joint_losses` if there are any; an instance may set its own.
        uses_oracle: Whether the score uses an oracle, such as the target domain's labels, by which no setting may be chosen.
        space: Default space of a sweep by setting: `LOW:HIGH`, `log:LOW:HIGH`, `int:LOW:HIGH` or `a,b,c`. If empty, a sweep varies the
            learning rates and their companions.
        sweep: Settings of a sweep that replace those of the recipe, such as fewer turns.
        score_is: Name of the score on axes, such as "distance to the solution".
        takes: Settings that name data, each with what it takes, an `arena.data.Takes`.

    Attributes:
        idle: Names of the numbers of `at_turn` that are 0 in this turn for all members of a population. `losses` may leave out the terms
            that they multiply, but may not branch on the numbers, which are tensors.
        evaluation: The metric that is the score, and its settings.
        path: Positions of two players of one number each before this turn, if the run keeps them, for `picture`.

    Raises:
        GameFault: There are not exactly two players.
        SlotMismatch: A player does not fit its slot.

    Example:
        >>> import torch
        >>> from arena.players import Vector
        >>> class TugOfWar(Game):
        ...     zero_sum = True
        ...     def __init__(self):
        ...         super().__init__(left=Vector(2), right=Vector(2))
        ...     def sample(self, rng):
        ...         return torch.eye(2) + 0.1 * torch.randn(2, 2, generator=rng)
        ...     def losses(self, m_DD, coupling, movers):
        ...         pull = coupling * (self.players["left"]() @ m_DD @ self.players["right"]())
        ...         return {"left": pull, "right": -pull}
        ...     def score(self):
        ...         return sum(p().norm() ** 2 for p in self.players.values()).sqrt()
        >>> game = TugOfWar()
        >>> game.keys
        ('left', 'right')
        >>> losses = game(game.sample(Rng()), 1.0, game.keys)
        >>> (losses["left"] + losses["right"]).item()
        0.0
    """

    _arena_kind: ClassVar[str] = "game"
    zero_sum: ClassVar[bool] = False
    max_coupling: ClassVar[float] = 1.0
    batch_until: ClassVar[str | None] = None
    parts: ClassVar[Mapping[str, Sequence[str]]] = {}
    solved_at: ClassVar[float | None] = None
    animated: ClassVar[bool] = False
    recipe: ClassVar[Mapping[str, Any]] = {}
    uses_oracle: ClassVar[bool] = False
    space: ClassVar[Mapping[str, str]] = {}
    sweep: ClassVar[Mapping[str, Any]] = {}
    score_is: ClassVar[str] = "score"
    takes: ClassVar[Mapping[str, Any]] = {}
    idle: frozenset[str] = frozenset()
    evaluation: Evaluation = Evaluation()
    path: list[list[float]] = []
    view: Any = None  # a `View` in films
    jointly: bool = True

    def __init__(self, **players: nn.Module | Slot):
        super().__init__()
        if len(players) != 2:
            raise GameFault(f"{type(self).__name__} names {len(players)} players, but a game has exactly two")
        self.slots = {role: player for role, player in players.items() if isinstance(player, Slot)}
        self.players = nn.ModuleDict({r: p.fill(r) if isinstance(p, Slot) else p for r, p in players.items()})
        self._exact: dict[str, Tensor] = {}

    # Required ---------------------------------------------------------------------------------------------------------------

    def sample(self, rng: Rng) -> Batch:
        """Draw one batch from `rng` (and noise from `rng.noise`), on the default device and in the default precision."""
        raise GameFault(f"{type(self).__name__} has no sample(rng); write one that draws a batch from rng alone")

    def losses(self, batch: Batch, coupling: float | Tensor, movers: Sequence[str]) -> dict[str, Tensor]:
        """Return one scalar per moving part; keys are `role` or `role.part`.

        Args:
            batch: The return value of `sample`.
            coupling: λ, in [0, max_coupling]; at 0 the players do not interact.
            movers: Keys that will move; losses of others may be left out to save work.
        """
        raise GameFault(f"{type(self).__name__} has no losses(batch, coupling, movers); write one that returns a scalar per role")

    def score(self) -> float | Tensor:
        """Return the quality measure of the game; lower is better. The game's state must not change."""
        raise GameFault(f"{type(self).__name__} has no score(); write one that returns a number, lower is better")

    # Optional ---------------------------------------------------------------------------------------------------------------

    def joint_loss(self, batch: Batch, coupling: float | Tensor) -> Tensor:
        """Return one scalar whose single backward pass gives the whole field (gradient reversal)."""
        return self.joint_losses(batch, coupling)[0]

    def joint_losses(self, batch: Batch, coupling: float | Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Return that scalar and, from the same forward pass, the loss of every key. Turns in which all keys move use it."""
        raise GameFault(f"{type(self).__name__} has no joint_loss")

    def at_turn(self, clock: Clock) -> dict[str, float]:
        """Return numbers that depend on the turn, such as a scheduled weight, by the names of scalar buffers of the game.

        They are written into the buffers before each turn. Register each (`self.register_buffer("level", torch.tensor(1.0),
        persistent=False)`) and read it in `losses`, never in `sample`, because batches are drawn ahead. In a population each member has its
        own. The numbers may depend only on the clock and the game's settings, so that a resumed run gets the same ones. The names must not
        change; an empty dictionary at the start means that the method is not called again.

        Args:
            clock: State of the run, or of one member of a population.

        Example:
            >>> from arena.games import SwissRoll
            >>> game = SwissRoll(instance_noise=0.5, instance_noise_schedule="linear")
            >>> game.at_turn(Clock(turn=25, progress=0.25, moves={"generator": 12, "discriminator": 13}, movers=("generator",)))
            {'noise_level': 0.75}
        """
        return {}

    def signals(self, batch: Batch) -> dict[str, Tensor]:
        """Return telemetry on a batch, one scalar per name, such as D(x)."""
        return {}

    def collapsed(self, signals: Mapping[str, float]) -> bool:
        """Return whether the last signals of a run show a collapsed player, such as a generator of a single point.

        The signals are the last row of the trace: `generator.loss`, …, and `game.NAME` for the game's `signals`.
        """
        return False

    def ceiling(self) -> float | None:
        """Return the score of real data, or None if it is not defined."""
        return None

    def criterion(self, score: float | Tensor) -> float | Tensor:
        """Return the criterion by which settings are chosen, lower is better: by default the current score. The state must not change.

        A game whose score uses an oracle (`uses_oracle`) returns a criterion that does not.
        """
        return score

    def metrics(self) -> dict[str, float | Tensor]:
        """Return named numbers beside the score. The game's state must not change."""
        return {}

    def metric_ceilings(self) -> dict[str, float]:
        """Return the metrics of real data by name, without those that are not defined for real data."""
        return {}

    def solution(self) -> dict[str, Tensor] | None:
        """Return parameters by name (as in `named_parameters`) at which the field vanishes, or None if unknown."""
        return None

    def picture(self) -> Any:
        """Return a matplotlib figure of the current state, or None."""
        return None

    def pictures(self, *, last: bool) -> Mapping[str, Any]:
        """Return further figures by name, as often as `picture`; `last` marks the last call, for expensive figures."""
        return {}

    def features(self) -> tuple[Tensor, Mapping[str, Sequence[object]]] | None:
        """Return features of examples, (N, F), and what is known of each by name, for TensorBoard's projector; None without features."""
        return None

    def fixed(self, name: str, value: Any) -> Any:
        """Return a value that `picture` draws with, such as a limit of an axis: in a film the one for all its frames."""
        return value if self.view is None else self.view.keep(name, value)

    def trace_pictures(self, rows: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
        """Return figures by name of the trace of a finished run."""
        return {}

    @classmethod
    def criteria(cls) -> Sequence[Criterion]:
        """Return the metrics by which `arena choose` may choose a checkpoint; exactly one of them is an oracle."""
        return ()

    @classmethod
    def comparison(cls, variants: Sequence[VariantResult]) -> ResultTable | None:
        """Return the table by which the literature compares such variants of a comparison, or None for the default table."""
        return None

    # Common to all games ----------------------------------------------------------------------------------------------------

    def constant(self, name: str, value: object) -> None:
        """Register a buffer of given numbers, which are rounded once, to the precision in which the game is played.

        `register_buffer` with a tensor of the default dtype rounds to float32, and a game in float64 then has the rounded numbers.

        Args:
            name: Name of the buffer.
            value: Nested numbers, a NumPy array or a tensor.

        Example:
            >>> from arena.games import Bilinear
            >>> game = Bilinear(scale=0.1)
            >>> game.constant("third", 1 / 3)
            >>> game.third.item(), game.double().third.item()
            (0.3333333432674408, 0.3333333333333333)
        """
        self._exact[name] = torch.as_tensor(value, dtype=torch.float64)
        self.register_buffer(name, self._exact[name].to(torch.get_default_dtype()), persistent=False)

    def _apply(self, fn: Any, recurse: bool = True) -> "Game":
        own = self._buffers
        kept = {name: exact for name, exact in self._exact.items() if torch.equal(own[name], exact.to(own[name]))}  # type: ignore[arg-type]
        super()._apply(fn, recurse)
        for name, exact in kept.items():
            own[name].copy_(exact)  # type: ignore[union-attr]
        return self

    @property
    def scores(self) -> tuple[str, ...]:
        """Names of the metrics that can be the score; `score` returns the one named by `evaluation.metric`."""
        return ()

    @property
    def score_name(self) -> str:
        """Name of the score under the current evaluation: that of the metric, or `score_is`."""
        return self.evaluation.metric or self.score_is

    @property
    def score_uses_oracle(self) -> bool:
        """Whether the score, under the current evaluation, uses an oracle; a metric in its place never does."""
        return self.uses_oracle and not self.evaluation.metric

    def evaluated(self, evaluation: Evaluation) -> "Game":
        """Set the evaluation of the game, and return the game; raise UnknownName if the metric cannot be the score."""
        if evaluation.metric and evaluation.metric not in self.scores:
            raise UnknownName("metric", evaluation.metric, self.scores)
        self.evaluation = evaluation
        return self

    def forward(self, batch: Batch, coupling: float | Tensor, movers: Sequence[str]) -> dict[str, Tensor]:
        if JOINT not in movers:
            return self.losses(batch, coupling, movers)
        joint, losses = self.joint_losses(batch, coupling)
        return {**losses, JOINT: joint}

    @property
    def roles(self) -> tuple[str, str]:
        first, second = self.players.keys()
        return first, second

    @property
    def keys(self) -> tuple[str, ...]:
        """The moving parts: `role`, or `role.part` for each part of a role with parts."""
        return tuple(key for role in self.roles for key in self.keys_of(role))

    def keys_of(self, role: str) -> tuple[str, ...]:
        return tuple(f"{role}.{part}" for part in self.parts.get(role, ())) or (role,)

    def parameters_of(self, key: str) -> dict[str, nn.Parameter]:
        """Return the parameters of a role or part by their names in `named_parameters`."""
        prefix = f"players.{key}."
        return {name: p for name, p in self.named_parameters() if name.startswith(prefix)}

    @property
    def has_joint_loss(self) -> bool:
        return type(self).joint_loss is not Game.joint_loss or self.has_joint_losses

    @property
    def has_joint_losses(self) -> bool:
        return type(self).joint_losses is not Game.joint_losses
