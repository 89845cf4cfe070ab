"""A duel: the update rules of the arena in a training loop of your own.

The players are any two modules and the losses any function of a batch. A duel wraps them into a `Game` whose batches are those that `step`
is given, and plays it with the same turns, field and rules as every run.
"""

import contextlib
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from arena.core.game import Batch, Game
from arena.engine.env import Arena
from arena.errors import ArenaError, BadSetting, GameFault, UnknownName, cause, check_number
from arena.optimizers.factories import OptimizerFactory
from arena.registry.construct import bound, call
from arena.rules.base import UpdateRule
from arena.schedulers.base import Scheduler

Losses = Callable[[Batch], "Sequence[Tensor] | Mapping[str, Tensor]"]
Optimizer = torch.optim.Optimizer | OptimizerFactory | str
UNREAD = 512
"""Most turns whose losses wait on the device until they are read."""


class DuelGame(Game):
    """The game of a duel: its batches are given from outside, and its losses are a function of a batch."""

    def __init__(self, losses: Losses, players: Mapping[str, nn.Module]):
        super().__init__(**players)
        self.given: list[Batch] | None = None
        self._compute = (losses,)  # in a tuple, because a module that is assigned becomes a part of the game
        self._asks_movers = "movers" in inspect.signature(losses).parameters

    def sample(self, rng: Any) -> Batch:
        if self.given is None:  # before the first step
            return None
        if not self.given:
            raise ArenaError("the rule needs another batch within the turn. Fix: duel.step(batch, another_batch), or the rule's batch=same")
        return self.given.pop(0)

    def losses(self, batch: Batch, coupling: float | Tensor, movers: Sequence[str]) -> dict[str, Tensor]:
        found = self._compute[0](batch, **({"movers": tuple(movers)} if self._asks_movers else {}))
        if isinstance(found, Mapping):
            return dict(found)
        if isinstance(found, Tensor) or len(found) != 2:
            given = f"a tensor of shape {tuple(found.shape)}" if isinstance(found, Tensor) else f"{len(found)} values"
            raise GameFault(f"the losses of the duel were {given}. Expected two scalars: {' and '.join(self.roles)}")
        return dict(zip(self.roles, found, strict=True))


class Duel:
    r"""Two modules, played by an update rule of the arena, one step for each batch of your own loop.

    Each player i minimises its own loss: the field is (∇_{θ₁} L₁, ∇_{θ₂} L₂), and the rule moves both players along it by their own
    optimizers. Random numbers that the losses or the players draw come from the duel's own seed and are the same wherever a rule evaluates
    the losses within a turn; torch's global generator stays untouched.

    Args:
        players: Two modules, in the order in which they move, on one device and in one precision. They stay yours.
        losses: A function of a batch that returns the players' losses: two scalars in the order of the players, or a dictionary by role.
            If it has an argument `movers`, it is given the roles that move, and may leave out the losses of others to save work.
        optimizers: For each player, in a pair or by role: a torch optimizer of exactly its trainable parameters, a function that builds one
            from parameters, or a word such as `"adam(lr=1e-4,betas=[0,0.9])"`. Adam by default. Learning-rate schedulers of torch work.
        rule: Update rule, by name as in `"lookahead-minimax(inner=extragradient)"`, as a class or as an object.
        scheduler: Who moves in a step, by name as in `"alternating(ratio=5)"`, or as an object.
        turns: Number of steps over which a scheduler's schedules run, at least 1.
        seed: Seed of the random numbers in the losses and the players, at least 0.
        roles: Names of the players.

    Raises:
        ArenaError: A rule, a scheduler or an optimizer is unknown or does not fit.

    Example:
        >>> from torch import nn
        >>> x, y = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
        >>> product = lambda batch: (batch * x.weight * y.weight).sum()
        >>> duel = Duel(x, y, losses=lambda b: (product(b), -product(b)), optimizers="sgd(lr=0.5)", rule="extragradient", roles=("x", "y"))
        >>> for _ in range(100):
        ...     losses = duel.step(torch.ones(1))
        >>> sorted(losses), bool(x.weight.norm() + y.weight.norm() < 1e-4)
        (['x', 'y'], True)
    """

    def __init__(
        self,
        *players: nn.Module,
        losses: Losses,
        optimizers: Optimizer | Sequence[Optimizer] | Mapping[str, Optimizer] | None = None,
        rule: str | type[UpdateRule] | UpdateRule = "simultaneous",
        scheduler: str | type[Scheduler] | Scheduler = "simultaneous",
        turns: int = 1000,
        seed: int = 0,
        roles: tuple[str, str] = ("generator", "discriminator"),
    ):
        if len(players) != 2 or not all(isinstance(player, nn.Module) for player in players):
            raise ArenaError(f"a duel was given {len(players)} players. Expected two modules: Duel(generator, discriminator, losses=…)")
        check_number("turns", turns, least=1, whole=True)
        check_number("seed", seed, least=0, whole=True)
        self.game = DuelGame(losses, dict(zip(roles, map(_unwrapped, players), strict=True)))
        self._factories = {role: _factory(role, given) for role, given in _by_role(optimizers, roles).items()}
        self._rule, self._scheduler = _component("rule", rule), _component("scheduler", scheduler)
        self._turns, self._seed = turns, seed
        self._arena: Arena | None = None
        _refuse_processes()

    # Steps ------------------------------------------------------------------------------------------------------------------

    def step(self, *batches: Batch, measure: bool = False) -> dict[str, Tensor]:
        """Play one turn on a batch, and return the losses at its beginning by role, detached and on the device.

        Args:
            batches: The batch, of any nesting of tensors, moved to the players' device and precision. A rule with `batch=fresh` takes a
                second one; others leave it out.
            measure: Also take the norms of the gradients and updates, and the cosine of successive updates, for `signals`.

        Raises:
            GameFault: The losses cannot be used, or batches are lacking.
            RuleUndefined: The rule is undefined here.
        """
        arena, game = self.arena, self.game
        game.given = [*batches]
        with self._rates_of_now():
            arena.play_scheduled_turn(measure=measure)
        first = arena.field.first
        if arena.turns_played % UNREAD == 0:
            self.signals()
        return {} if first is None else {role: first[0][role].detach() for role in first[0]}

    def signals(self) -> dict[str, float]:
        """Return the latest numbers by name, such as `generator.loss`, and those of measured steps; waits for the device."""
        values = self.arena.read_signals()
        self.arena.signals.take_fresh()
        self.arena.signals.take_window()
        return values

    @property
    def divergence(self) -> str | None:
        """The first number that was not finite, its player and its turn, in a sentence; None without one. Waits for the device."""
        self.signals()
        return None if self.arena.divergence is None else str(self.arena.divergence)

    @property
    def turns_played(self) -> int:
        """Steps so far."""
        return self.arena.turns_played

    @property
    def optimizers(self) -> Mapping[str, torch.optim.Optimizer]:
        """The torch optimizer of each role, for learning-rate schedulers."""
        return self.arena.optimizers

    def evaluated_parameters(self) -> contextlib.AbstractContextManager[None]:
        """Give the players the average of a rule that keeps one within the block; otherwise nothing changes."""
        return self.arena.evaluated_parameters()

    # State ------------------------------------------------------------------------------------------------------------------

    def state_dict(self, *, players: bool = True) -> dict[str, Any]:
        """Return everything that the following steps depend on; without `players` if your loop saves the modules itself."""
        state = self.arena.state_dict()
        if not players:
            del state["game"]
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore a `state_dict`; the following steps on the same batches are then the same bit for bit.

        Raises:
            ArenaError: The state is that of other players, optimizers or another rule.
        """
        try:
            self.arena.load_state_dict({"game": self.game.state_dict(), **state})
        except (AttributeError, IndexError, KeyError, RuntimeError, TypeError, ValueError) as error:
            raise ArenaError(
                f"the state does not fit this duel ({cause(error)}). Fix: give Duel the players, optimizers and rule that it was saved with"
            ) from error

    @property
    def arena(self) -> Arena:
        """The arena that plays the duel; it is begun on the device on which the players are when it is first used."""
        device, dtype = _place(self.game)
        if self._arena is None or (self._arena.device, self._arena.dtype) != (device, dtype):
            state = None if self._arena is None else self._arena.state_dict()
            self._arena = self._begin(device, dtype)
            if state is not None:
                self.load_state_dict(state)
        return self._arena

    def _begin(self, device: torch.device, dtype: torch.dtype) -> Arena:
        rates, given, self.game.given = self._rates(), self.game.given, None
        arena = Arena(
            self.game,
            rule=self._rule,
            scheduler=self._scheduler,
            optimizers=self._factories,
            turns=self._turns,
            seed=self._seed,
            device=device,
            dtype=dtype,
        )
        self.game.given = given
        for group, initial in rates:  # that of a learning-rate scheduler
            group["initial_lr"] = initial
        return arena

    def _rates(self) -> list[tuple[dict[str, Any], Any]]:
        """Return the groups of optimizers that were given, with the initial rate of those that have one."""
        given = [factory.optimizer for factory in self._factories.values() if isinstance(factory, _Given)]
        return [(group, group["initial_lr"]) for optimizer in given for group in optimizer.param_groups if "initial_lr" in group]

    @contextlib.contextmanager
    def _rates_of_now(self) -> Iterator[None]:
        """Let rules, which move by multiples of `initial_lr`, scale the present `lr` within the block: torch's schedulers change that."""
        groups = [group for optimizer in self.optimizers.values() for group in optimizer.param_groups]
        kept = [(group["lr"], group["initial_lr"]) for group in groups]
        for group, (rate, _) in zip(groups, kept, strict=True):
            group["initial_lr"] = rate
        try:
            yield
        finally:
            for group, (rate, initial) in zip(groups, kept, strict=True):
                group["lr"], group["initial_lr"] = rate, initial


class _Given:
    """An optimizer that exists already, as a function of the parameters that it must have."""

    def __init__(self, role: str, optimizer: torch.optim.Optimizer):
        self.role, self.optimizer = role, optimizer

    def __call__(self, groups: Iterable[Any]) -> torch.optim.Optimizer:
        wanted = {id(p) for group in groups for p in group["params"]}
        given = {id(p) for group in self.optimizer.param_groups for p in group["params"] if p.requires_grad}
        if wanted != given:
            raise ArenaError(
                f"the optimizer of the {self.role} has {len(given & wanted)} of its {len(wanted)} trainable tensors and "
                f"{len(given - wanted)} others. Expected exactly those of that player. Fix: build it from the player's parameters()"
            )
        return self.optimizer


def _by_role(given: Any, roles: tuple[str, str]) -> dict[str, Any]:
    """Return what was given for each role: one thing for both, a pair, or a mapping."""
    if given is None:
        return {}
    if isinstance(given, Mapping):
        for role in {*given} - {*roles}:
            raise UnknownName("role", role, roles)
        return dict(given)
    if isinstance(given, str) or callable(given):
        return dict.fromkeys(roles, given)
    if isinstance(given, torch.optim.Optimizer) or len(given) != 2:
        raise ArenaError(f"optimizers was one {type(given).__name__}. Expected one for each player: (…, …), or by role")
    return dict(zip(roles, given, strict=True))


def _factory(role: str, given: Any) -> OptimizerFactory:
    """Return the function that builds an optimizer, which was given as such, as an optimizer or as a word."""
    if isinstance(given, torch.optim.Optimizer):
        return _Given(role, given)
    if isinstance(given, str):
        return bound("optimizer", given)
    if not callable(given):
        raise BadSetting(f"optimizers[{role}]", given, "a torch optimizer, a function of parameters, or a word such as adam(lr=1e-4)")
    return given


def _component(kind: str, given: Any) -> Any:
    """Return a rule or a scheduler, which was given by its name, as a class or as an object."""
    if isinstance(given, str):
        return call(kind, bound(kind, given))
    return given() if isinstance(given, type) else given


def _unwrapped(player: nn.Module) -> nn.Module:
    """Return the module within a wrapper of the same parameters, such as that of Fabric, whose names of parameters are not its own."""
    inner = getattr(player, "module", None)
    while isinstance(inner, nn.Module) and {*map(id, inner.parameters())} == {*map(id, player.parameters())}:
        player, inner = inner, getattr(inner, "module", None)
    return player


def _place(game: Game) -> tuple[torch.device, torch.dtype]:
    """Return the device and the precision of the players; raise ArenaError if they have several."""
    places = {(p.device, p.dtype) for p in game.parameters()}
    if len(places) != 1:
        found = ", ".join(sorted(f"{dtype} on {device}" for device, dtype in places)) or "no parameters"
        raise ArenaError(
            f"the players have {found}. Expected one device and one precision. Fix: move both with .to(…) before the first step"
        )
    return places.pop()


def _refuse_processes() -> None:
    """Raise ArenaError in one of several processes, because nothing would average their gradients."""
    there = torch.distributed.is_available() and torch.distributed.is_initialized()
    if there and (processes := torch.distributed.get_world_size()) > 1:
        raise ArenaError(
            f"a duel cannot be played by {processes} processes, because their gradients would not be averaged. Fix: use one device, or "
            "write a Game and start it with torchrun"
        )
