"""A game: the maths of one competition between two players.

A `Game` is an `nn.Module` whose `forward` is its losses. It knows no optimizer, update rule, schedule, device or logger, so the
same few lines serve one run, a displaced look-ahead (`torch.func.functional_call`), Jacobian products and a vmapped population.

Shapes: N = batch, D = features of one example.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from arena.core.measures import Criterion, Evaluation
from arena.core.result_table import OwnTable, Variant
from arena.engine.members.capacity import out_of_memory, short_of_memory
from arena.errors import ArenaError, GameFault, SlotMismatch, UnknownName
from arena.players.base import Shape, build_player

Batch = Any
"""A tensor, or a tuple, list or dict of tensors: whatever `sample` returns and `losses` reads."""

PlayerSource = nn.Module | Callable[..., nn.Module]
"""A module that fills a slot, or what builds one from the slot's two shapes (a class, or a `functools.partial` of one)."""


JOINT = "*"
"""Among the movers of `forward`: play them all by the one backward pass of `joint_losses`, whose scalar is returned under this key."""


class Rng(torch.Generator):
    """The random stream that a game samples from: itself for data, its `noise` for the players' noise.

    They are separate so that the data of a run do not depend on how much noise its players use.

    Args:
        device: where the streams live.

    Example:
        >>> rng = Rng("cpu").seed_both(0, 1)
        >>> torch.randn(2, generator=rng.noise).shape
        torch.Size([2])
    """

    noise: torch.Generator
    in_block: bool
    """Whether many batches are being drawn by one call, so that nothing may depend on which of them it is."""
    _epochs: dict[str, "Epoch"]

    def __new__(cls, device: str | torch.device = "cpu") -> "Rng":
        rng = super().__new__(cls, device=torch.device(device))  # type: ignore[call-arg]
        rng.noise = torch.Generator(device=torch.device(device))
        rng.in_block, rng._epochs = False, {}
        return rng

    def seed_both(self, data: int, noise: int) -> "Rng":
        self.manual_seed(data)
        self.noise.manual_seed(noise)
        self._epochs = {}
        return self

    def epoch(self, count: int, n: int, name: str = "") -> Tensor:
        """The next examples of an epoch: each of `count` comes once, in random order, before any comes again.

        A batch that an epoch's end divides takes the rest from the next epoch. A game that draws so is asked for its batches one by one.

        Args:
            count: examples that there are.
            n: examples that are wanted, at most `count`.
            name: of what is drawn from, where a game draws from several data sets.

        Returns:
            Their indices, (n,).

        Example:
            >>> rng = Rng().seed_both(0, 1)
            >>> torch.cat([rng.epoch(6, 4) for _ in range(3)]).view(2, 6).sort().values.tolist()
            [[0, 1, 2, 3, 4, 5], [0, 1, 2, 3, 4, 5]]
        """
        if self.in_block:
            raise RuntimeError("an epoch is drawn from batch by batch")
        epoch = self._epochs.get(name)
        if epoch is None or len(epoch.order) != count:
            epoch = Epoch(self.get_state(), self._order(count))
        taken = epoch.order[epoch.place : epoch.place + n]
        if (lacking := n - len(taken)) > 0:
            epoch = Epoch(self.get_state(), self._order(count))
            taken, n = torch.cat([taken, epoch.order[:lacking]]), lacking
        self._epochs[name] = epoch._replace(place=epoch.place + n)
        return taken

    def _order(self, count: int) -> Tensor:
        return torch.randperm(count, generator=self, device=self.device)

    def state_dict(self) -> dict[str, Any]:
        """Where both streams stand, and within which epochs."""
        epochs = {name: (epoch.began, len(epoch.order), epoch.place) for name, epoch in self._epochs.items()}
        return {"data": self.get_state(), "noise": self.noise.get_state(), "epochs": epochs}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go back to there."""
        self._epochs = {}
        for name, (began, count, place) in state["epochs"].items():
            self.set_state(began.cpu())
            self._epochs[name] = Epoch(began, self._order(count), place)
        self.set_state(state["data"].cpu())
        self.noise.set_state(state["noise"].cpu())


class Epoch(NamedTuple):
    """An order of examples.

    Args:
        began: the stream's state from which it was drawn.
        order: their indices.
        place: how many have been taken.
    """

    began: Tensor
    order: Tensor
    place: int = 0


class Clock(NamedTuple):
    """Where a run stands before a turn.

    Args:
        turn: turns played.
        progress: turns played over turns declared, in [0, 1].
        moves: by role, how often it has moved.
        movers: the roles that move in this turn.
    """

    turn: int
    progress: float
    moves: Mapping[str, int]
    movers: tuple[str, ...]


@dataclass(frozen=True)
class Slot:
    """What goes into a role and what comes out, and the player that fills it.

    Args:
        inputs: shape of one input example without the batch axis; None where the player takes no input.
        outputs: shape of one output example without the batch axis (the whole output where there is no input).
        player: a module, or what builds one from `inputs` and `outputs`.
        told: what else the game tells a player that it builds, by the name of the player's argument; such arguments are no settings.

    Example:
        >>> Slot((2,), (1,), nn.Linear(2, 1)).fill("discriminator")
        Linear(in_features=2, out_features=1, bias=True)
        >>> Slot((2,), (1,), nn.Linear(2, 3)).fill("discriminator")
        Traceback (most recent call last):
        ...
        arena.errors.SlotMismatch: discriminator: the role takes (N, 2) and must give (N, 1), but Linear gave (N, 3); \
change the module's last layer
    """

    inputs: Shape | None
    outputs: Shape
    player: PlayerSource
    told: Mapping[str, Any] = field(default_factory=dict)

    def fill(self, role: str) -> nn.Module:
        """Build the player if need be and try it on an example.

        Raises:
            SlotMismatch: with the shapes that the role needs and those that the module gave.
        """
        try:
            module = build_player(self.player, self.inputs, self.outputs, self.told)
        except ArenaError:
            raise
        except (TypeError, ValueError, RuntimeError, MemoryError) as error:
            if out_of_memory(error):
                sizes = [f"{role}.{name}" for name, value in getattr(self.player, "keywords", {}).items() if _is_size(value)]
                lower = f"lower {' or '.join(sizes)}" if sizes else "take a smaller one"
                raise short_of_memory(error, f"{role}: memory does not hold {_name(self.player)}", lower) from error
            raise SlotMismatch(
                f"{role}: {_name(self.player)} could not be built: {_first_line(error)}; the role has inputs {self.inputs} and outputs "
                f"{self.outputs}, and the player's other arguments must suit it"
            ) from error
        if not isinstance(module, nn.Module):
            raise SlotMismatch(f"{role}: a player must be an nn.Module, but {_name(self.player)} gave a {type(module).__name__}")
        self._try(role, module)
        return module

    def _try(self, role: str, module: nn.Module) -> None:
        like = next(module.parameters(), torch.empty(()))
        takes = "no input" if self.inputs is None else _shape(self.inputs, batched=True)
        wants = _shape(self.outputs, batched=self.inputs is not None)
        need = f"{role}: the role takes {takes} and must give {wants}, but {type(module).__name__}"
        example = [] if self.inputs is None else [torch.zeros(2, *self.inputs, dtype=like.dtype, device=like.device)]
        training = {m: m.training for m in module.modules()}
        module.eval()  # so that normalisation layers keep their statistics
        try:
            with torch.no_grad(), torch.random.fork_rng(devices=[]):
                output = module(*example)
        except Exception as error:
            raise SlotMismatch(f"{need} failed on it ({_first_line(error)}); give a module that takes that shape") from error
        finally:
            for m, flag in training.items():
                m.training = flag
        if not isinstance(output, Tensor):
            raise SlotMismatch(f"{need} gave a {type(output).__name__}; return one tensor")
        expected = self.outputs if self.inputs is None else (2, *self.outputs)
        if tuple(output.shape) != tuple(expected):
            batched = self.inputs is not None and output.dim() > 0 and output.shape[0] == 2
            gave = _shape(tuple(output.shape[1:]), batched=True) if batched else str(tuple(output.shape))
            raise SlotMismatch(f"{need} gave {gave}; change the module's last layer")


class Game(nn.Module):
    r"""One competition: two players by role, how a batch is sampled, each player's loss, a score.

    Each moving part minimises its own loss in its own parameters: player i follows −∇_{θᵢ} Lᵢ(θ₁, θ₂). No sign is hidden in a layer.

    Args:
        players: two modules or `Slot`s by role, in the order in which they move.

    Class attributes:
        zero_sum: True claims that the losses of a batch add up to zero (`check_game` tests it).
        max_coupling: what an action's coupling of 1 means to `losses`.
        batch_until: role whose move ends the life of a batch; None draws a batch every turn.
        parts: the separately trained parts of a role (children of its module), where they have losses of their own.
        solved_at: score at which an episode counts as solved; None where there is no such thing.
        animated: a run ends with the last of each kind of its pictures, and with all of them as a moving one, in its folder.
        recipe: settings by dotted name that this game is best played with; every one can be changed from outside.
        jointly: False plays by the explicit losses even where there are `joint_losses`; a game may set its own.
        peeks: True says that the score looks at what settings may not be chosen by, such as a target domain's labels.
        space: what a sweep varies where nothing else is asked for: `LOW:HIGH`, `log:LOW:HIGH`, `int:LOW:HIGH` or `a,b,c` by setting; a
            game that names none is swept over its learning rates and what goes with them.
        sweep: settings of a sweep that are not those of the recipe, such as fewer turns.

    Attributes:
        idle: names of the numbers of `at_turn` that are 0 in this turn, for every member of a population. `losses` may leave out what
            they multiply, and may not branch on the numbers themselves, which are tensors.
        evaluation: which metric is the score, and what counts as good.

    Raises:
        GameFault: where there are not exactly two players.
        SlotMismatch: where a player does not fit its slot.

    Example:
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
    peeks: ClassVar[bool] = False
    space: ClassVar[Mapping[str, str]] = {}
    sweep: ClassVar[Mapping[str, Any]] = {}
    idle: frozenset[str] = frozenset()
    evaluation: Evaluation = Evaluation()
    jointly: bool = True

    def __init__(self, **players: nn.Module | Slot):
        super().__init__()
        if len(players) != 2:
            raise GameFault(f"{type(self).__name__} names {len(players)} players, but a game has exactly two")
        self.slots = {role: player for role, player in players.items() if isinstance(player, Slot)}
        self.players = nn.ModuleDict({r: p.fill(r) if isinstance(p, Slot) else p for r, p in players.items()})

    # What a game must say ---------------------------------------------------------------------------------------------------

    def sample(self, rng: Rng) -> Batch:
        """Draw one batch from `rng` (and noise from `rng.noise`), on the default device and in the default precision."""
        raise GameFault(f"{type(self).__name__} has no sample(rng); write one that draws a batch from rng alone")

    def losses(self, batch: Batch, coupling: float | Tensor, movers: Sequence[str]) -> dict[str, Tensor]:
        """One scalar per moving part; keys are `role` or `role.part`.

        Args:
            batch: what `sample` returned.
            coupling: λ, in [0, max_coupling]; at 0 the players ignore each other.
            movers: the keys that will move; losses of others may be left out to save work.
        """
        raise GameFault(f"{type(self).__name__} has no losses(batch, coupling, movers); write one that returns a scalar per role")

    def score(self) -> float | Tensor:
        """The game's own quality measure; lower is better. It must leave no footprints."""
        raise GameFault(f"{type(self).__name__} has no score(); write one that returns a number, lower is better")

    # What a game may say ----------------------------------------------------------------------------------------------------

    def joint_loss(self, batch: Batch, coupling: float | Tensor) -> Tensor:
        """One scalar whose single backward pass is the whole field (gradient reversal); optional."""
        return self.joint_losses(batch, coupling)[0]

    def joint_losses(self, batch: Batch, coupling: float | Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """That scalar, and from the same forward the loss of every key; optional. Turns in which all keys move are then played by it."""
        raise GameFault(f"{type(self).__name__} has no joint_loss")

    def at_turn(self, clock: Clock) -> dict[str, float]:
        """Numbers that follow from where the run stands, such as a weight that is scheduled; optional.

        A game that overrides it is asked before each turn, and finds each number in its buffer of that name, which it registers as one
        number (`self.register_buffer("level", torch.tensor(1.0), persistent=False)`) and reads in `losses`, never in `sample`: batches
        are drawn ahead. In a population each member has its own, and is asked about where it stands. Nothing is kept from turn to turn:
        the numbers follow from the clock and the game's settings alone, so that a resumed run finds the same. Always give the same names;
        the empty answer, given at the start, means that the game need not be asked again.

        Args:
            clock: where the run, or one member of it, stands.

        Example:
            >>> from arena.games import SwissRoll
            >>> game = SwissRoll(instance_noise=0.5, instance_noise_schedule="linear")
            >>> game.at_turn(Clock(turn=25, progress=0.25, moves={"generator": 12, "discriminator": 13}, movers=("generator",)))
            {'noise_level': 0.75}
        """
        return {}

    def signals(self, batch: Batch) -> dict[str, Tensor]:
        """The game's own telemetry on a batch, one scalar a name, such as D(x); optional."""
        return {}

    def collapsed(self, signals: Mapping[str, float]) -> bool:
        """Whether a run's last signals say that a player has collapsed, such as a generator that gives one point; optional.

        Args:
            signals: the last row of the run by name, as in its trace: `generator.loss`, `game.NAME` for the game's own.
        """
        return False

    def ceiling(self) -> float | None:
        """The score that real data themselves would get, or None where that means nothing."""
        return None

    def criterion(self, score: float | Tensor) -> float | Tensor:
        """What settings are chosen by, lower is better: the score, unless a game knows better. It must leave no footprints.

        A game whose score may not be chosen by says so in `peeks`, and gives here what may.

        Args:
            score: the game's score at this moment.
        """
        return score

    def metrics(self) -> dict[str, float | Tensor]:
        """Named numbers beside the score; optional. They must leave no footprints."""
        return {}

    def metric_ceilings(self) -> dict[str, float]:
        """What real data themselves would get, by the name of the metric; a metric of which that means nothing is left out."""
        return {}

    def solution(self) -> dict[str, Tensor] | None:
        """Parameters by name (as in `named_parameters`) at which the field vanishes, or None where unknown."""
        return None

    def picture(self) -> Any:
        """A matplotlib figure of where the game stands, or None."""
        return None

    def pictures(self, *, last: bool) -> Mapping[str, Any]:
        """Further figures by name, drawn as often as `picture`; optional.

        Args:
            last: whether the run ends here, which is the time for what takes long.
        """
        return {}

    def trace_pictures(self, rows: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
        """Figures by name of the trace of a run that is over; optional."""
        return {}

    @classmethod
    def criteria(cls) -> Sequence[Criterion]:
        """Metrics by which `arena choose` may choose a checkpoint, exactly one of which peeks; optional."""
        return ()

    @classmethod
    def comparison(cls, variants: Sequence[Variant]) -> OwnTable | None:
        """The table in which the game's literature compares such variants, or None for the arena's own; optional.

        Args:
            variants: of a comparison that has been played, in its order.
        """
        return None

    # What every game has ----------------------------------------------------------------------------------------------------

    @property
    def scores(self) -> tuple[str, ...]:
        """Names of the metrics that the score can be; a game that has several gives in `score` what `evaluation.metric` names."""
        return ()

    @property
    def score_peeks(self) -> bool:
        """Whether the score, as the game is measured now, looks at what may not be chosen by; a metric in its place never does."""
        return self.peeks and not self.evaluation.metric

    def evaluated(self, evaluation: Evaluation) -> "Game":
        """This game, measured from now on as asked for.

        Raises:
            UnknownName: for a metric that cannot be its score.
        """
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
        """The moving parts: `role`, or `role.part` for each part of a role that has parts."""
        return tuple(key for role in self.roles for key in self.keys_of(role))

    def keys_of(self, role: str) -> tuple[str, ...]:
        return tuple(f"{role}.{part}" for part in self.parts.get(role, ())) or (role,)

    def parameters_of(self, key: str) -> dict[str, nn.Parameter]:
        """The parameters of a role or part, by their names in `named_parameters`."""
        prefix = f"players.{key}."
        return {name: p for name, p in self.named_parameters() if name.startswith(prefix)}

    @property
    def has_joint_loss(self) -> bool:
        return type(self).joint_loss is not Game.joint_loss or self.has_joint_losses

    @property
    def has_joint_losses(self) -> bool:
        return type(self).joint_losses is not Game.joint_losses


def _shape(shape: Shape, *, batched: bool) -> str:
    inside = ", ".join(map(str, shape))
    if batched:
        return f"(N, {inside})" if shape else "(N,)"
    return str(tuple(shape))


def _is_size(value: object) -> bool:
    """Whether it is a whole number, or several."""
    numbers = value if isinstance(value, (tuple, list)) and value else [value]
    return all(isinstance(number, int) and not isinstance(number, bool) for number in numbers)


def _name(source: object) -> str:
    inner = getattr(source, "func", source)  # a functools.partial
    return getattr(inner, "__name__", type(inner).__name__)


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
