"""check_game: proves, cheapest first, that a game keeps its contract, with a message that names the part at fault.

Each check is one function from a `Subject` to nothing; it raises `Fault` with what is wrong, or `DoesNotApply`. Mathematics is checked
in float64.
"""

import copy
import functools
import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.func import vmap
from torch.utils._pytree import tree_flatten, tree_map

from arena.core.directions import Direction, dot
from arena.core.field.field import Field
from arena.core.game import JOINT, Batch, Game, Rng
from arena.engine.env import Arena
from arena.engine.members.stacking import stack
from arena.errors import ArenaError, DataUnavailable, GameFault
from arena.players.base import hooks


class Fault(Exception):
    """What a check found wrong."""


class DoesNotApply(Exception):
    """The game claims nothing that this check could test."""


@dataclass(frozen=True)
class Report:
    """What was found.

    Args:
        passed: names of the checks that hold.
        skipped: names of those that do not apply to the game.
        fault: the first fault, as one sentence; None for a sound game.
    """

    passed: list[str]
    skipped: list[str]
    fault: str | None


@dataclass
class Subject:
    """The game under examination, afresh for each check."""

    build: Callable[[], Game]
    name: str

    def game(self, seed: int = 0, dtype: torch.dtype = torch.float64) -> Game:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return self.build().to(dtype)

    def batch(self, game: Game, seed: int = 0) -> Batch:
        dtype = next((p.dtype for p in game.parameters()), torch.float64)
        drawn = game.sample(Rng().seed_both(seed, seed + 1))
        return tree_map(lambda t: t.to(dtype) if isinstance(t, Tensor) and t.is_floating_point() else t, drawn)

    def field(self, game: Game, coupling: float = 1.0, seed: int = 0) -> Field:
        made = Field(game)
        made.jointly = False  # `joint_loss_is_the_field` holds the other way against it
        made.freeze(self.batch(game, seed), coupling * game.max_coupling, seed=seed)
        return made


def check_game(game: Game | Callable[[], Game]) -> Report:
    """Put a game through every check.

    Args:
        game: a Game class or other callable that builds one, or a Game.

    Returns:
        The report; it has no fault.

    Raises:
        GameFault: with the first fault found.

    Example:
        >>> from arena.games import Bilinear
        >>> check_game(Bilinear).fault is None
        True
    """
    report = examine(game)
    if report.fault is not None:
        raise GameFault(report.fault)
    return report


def examine(game: Game | Callable[[], Game]) -> Report:
    """The same as `check_game`, with the fault in the report.

    Raises:
        DataUnavailable: where the game's data are not on this machine.
    """
    build = (lambda: copy.deepcopy(game)) if isinstance(game, Game) else game
    name = type(game).__name__ if isinstance(game, Game) else getattr(game, "__name__", "game")
    subject = Subject(build, name)
    passed: list[str] = []
    skipped: list[str] = []
    for check in CHECKS:
        title = check.__name__.replace("_", " ")
        try:
            check(subject)
        except DoesNotApply:
            skipped.append(title)
        except DataUnavailable:
            raise
        except (Fault, ArenaError) as found:
            return Report(passed, skipped, f"{name}: {found}")
        except Exception as error:  # a game may raise anything; the check says where
            first = (str(error).strip() or "no message").splitlines()[0]
            hint = "; make constant tensors buffers (register_buffer), which follow the game's precision" if "dtype" in first else ""
            fault = f"{name}: '{title}' could not be checked, since the game raised {type(error).__name__}: {first}{hint}"
            return Report(passed, skipped, fault)
        else:
            passed.append(title)
    return Report(passed, skipped, None)


# The checks, cheapest first -----------------------------------------------------------------------------------------------------


def slots_fit(subject: Subject) -> None:
    """The game can be built without arguments, and each player fits its slot."""
    subject.game()


def parameters_have_one_owner(subject: Subject) -> None:
    """Every trainable parameter belongs to exactly one key."""
    game = subject.game()
    owner: dict[int, str] = {}
    for role in game.roles:
        for key in game.keys_of(role):
            part = game.get_submodule(f"players.{key}")
            for name, p in part.named_parameters():
                other = owner.setdefault(id(p), key)
                if other != key:
                    raise Fault(f"the parameter '{name}' is shared by '{other}' and '{key}'; give each player its own module")
    for name, p in game.named_parameters():
        if id(p) not in owner:
            raise Fault(f"the parameter '{name}' belongs to no player; put it into a player, or make it a buffer")
    for key in game.keys:
        if not game.parameters_of(key):
            raise Fault(f"'{key}' has no parameters, so it cannot move; give it a module with parameters")


def losses_are_finite_scalars(subject: Subject) -> None:
    """`losses` gives each mover one finite scalar, the same whoever else moves."""
    game = subject.game()
    batch = subject.batch(game)
    together = _losses(game, batch, game.keys)
    for key in set(together) - set(game.keys):
        raise Fault(f"losses has the key '{key}', which is no role or part; the keys are {', '.join(game.keys)}")
    field = subject.field(game)
    field.freeze(batch, game.max_coupling, seed=0)
    field.gradients()
    for key in game.keys:
        if not bool(together[key].isfinite()):
            raise Fault(f"the loss of '{key}' is {float(together[key])} at the start; a loss must be finite")
        alone = _losses(game, batch, (key,)).get(key)
        if alone is None:
            raise Fault(f"losses leaves out '{key}' where it is the only mover; return the loss of every mover")
        if not Field(game).stochastic and not torch.allclose(alone, together[key], rtol=1e-6, atol=1e-9):
            raise Fault(
                f"the loss of '{key}' is {float(alone):.6g} alone but {float(together[key]):.6g} beside the other's; "
                "movers may only decide which losses are returned"
            )


def no_parameter_is_dead(subject: Subject) -> None:
    """Each parameter gets a gradient from its own player's loss on some batch, at some coupling."""
    game = subject.game()
    alive: set[str] = set()
    for seed in range(3):
        with torch.no_grad():
            rng = torch.Generator().manual_seed(seed)
            for p in game.parameters():
                p.add_(0.1 * torch.randn(p.shape, generator=rng, dtype=p.dtype))
        coupling = 0.5 if seed == 1 else 1.0  # a loss that compares two outputs gives their common bias none at 1
        alive |= {name for name, g in subject.field(game, coupling, seed).gradients().items() if bool((g != 0).any())}
    dead = [name for name, _ in game.named_parameters() if name not in alive]
    if dead:
        raise Fault(f"the parameter '{dead[0]}' gets no gradient from its player's loss; use it in the loss, or remove it")


def the_seed_decides(subject: Subject) -> None:
    """`sample` draws the same batch from the same stream, and nothing from elsewhere."""
    game = subject.game()
    first, second = (tree_flatten(subject.batch(game, seed=3))[0] for _ in range(2))
    if not _equal(first, second):
        raise Fault("sample gave two different batches from the same seed; draw everything from rng and rng.noise")


def the_global_stream_is_untouched(subject: Subject) -> None:
    """Nothing draws from torch's global generator (dropout inside players excepted, which the arena seeds)."""
    game = subject.game()
    batch = subject.batch(game)
    looks: list[tuple[str, Callable[[], Any]]] = [
        ("sample", lambda: subject.batch(game)),
        ("losses", lambda: _losses(game, batch, game.keys)),
        ("signals", lambda: game.signals(batch)),
        ("score", game.score),
        ("ceiling", game.ceiling),
        ("metrics", game.metrics),
        ("metric_ceilings", game.metric_ceilings),
    ]
    stochastic = Field(game).stochastic
    for name, look in looks:
        before = torch.get_rng_state()
        look()
        if not torch.equal(before, torch.get_rng_state()) and not (stochastic and name != "sample"):
            raise Fault(f"{name} drew from torch's global generator; use the rng of sample, or a generator of its own")


def a_batch_is_frozen(subject: Subject) -> None:
    """Asked twice on one batch, the field answers the same, and the batch is left as it was."""
    game = subject.game()
    batch = subject.batch(game)
    before = [t.clone() for t in tree_flatten(batch)[0] if isinstance(t, Tensor)]
    answers = []
    for _ in range(2):
        field = Field(game)
        field.freeze(batch, game.max_coupling, seed=0)
        answers.append(field.gradients())
    if not _equal(list(answers[0].values()), list(answers[1].values())):
        raise Fault("losses gave different gradients on the same batch; put all randomness into the batch")
    if not _equal(before, [t for t in tree_flatten(batch)[0] if isinstance(t, Tensor)]):
        raise Fault("losses changed the batch that it was given; work on a copy")


def gradients_match_finite_differences(subject: Subject) -> None:
    """The gradient of each loss in its own player's parameters is its derivative, in float64."""
    game = subject.game()
    field = subject.field(game)
    gradients = field.gradients()
    for key, own in field.parameters.items():
        direction = _random(own, seed=1)
        claimed = float(dot({name: gradients[name] for name in own}, direction))
        measured = _derivative(functools.partial(_loss, field, key), own, direction)
        if abs(claimed - measured) > 1e-4 * max(abs(claimed), abs(measured), 1e-3):
            raise Fault(
                f"the gradient of '{key}' along a random direction is {claimed:.6g}, but its loss changes by {measured:.6g}; "
                "look for a detach, a .data or a reversed gradient between the player and its loss"
            )


def at_coupling_zero_players_ignore_each_other(subject: Subject) -> None:
    """At λ = 0 nobody's gradient depends on where the other stands."""
    game = subject.game()
    field = subject.field(game, coupling=0.0)
    before = field.gradients()
    first, second = game.roles
    for role, other in ((first, second), (second, first)):
        displaced = {
            name: p.detach() + d
            for key in game.keys_of(other)
            for (name, p), d in zip(field.parameters[key].items(), _random(field.parameters[key], seed=2).values(), strict=True)
        }
        after = field.gradients(displaced)
        for key in game.keys_of(role):
            for name in field.parameters[key]:
                if not torch.allclose(before[name], after[name], rtol=1e-6, atol=1e-9):
                    raise Fault(
                        f"at coupling 0 the gradient of '{key}' still depends on '{other}'; "
                        "multiply what they feel of each other by coupling"
                    )


def zero_sum_sums_to_zero(subject: Subject) -> None:
    """A game that claims to be zero-sum is."""
    game = subject.game()
    if not game.zero_sum:
        raise DoesNotApply
    total = float(torch.stack([loss.detach() for loss in _losses(game, subject.batch(game), game.keys).values()]).sum())
    if abs(total) > 1e-9:
        raise Fault(f"zero_sum is True, but the losses add up to {total:.6g}; mend a sign, or set zero_sum = False")


def joint_loss_is_the_field(subject: Subject) -> None:
    """The one backward pass of `joint_loss` gives the explicit losses' field, and so does its derivative."""
    game = subject.game()
    if not game.has_joint_loss:
        raise DoesNotApply
    field = subject.field(game, coupling=0.7)
    explicit, joint = field.gradients(), field.joint_gradients()
    for name in explicit:
        if not torch.allclose(explicit[name], joint[name], rtol=1e-7, atol=1e-10):
            raise Fault(
                f"joint_loss gives '{name}' a gradient of norm {float(joint[name].norm()):.6g} where losses give one of "
                f"{float(explicit[name].norm()):.6g}; look for a missing sign or coupling in the reversal"
            )
    if game.has_joint_losses:
        own, beside = _losses(game, field.batch, game.keys, field.coupling), _losses(game, field.batch, (*game.keys, JOINT), field.coupling)
        for key in game.keys:
            if not Field(game).stochastic and not torch.allclose(own[key], beside[key], rtol=1e-7, atol=1e-10):
                raise Fault(f"joint_losses gives '{key}' a loss of {float(beside[key]):.6g} where losses give {float(own[key]):.6g}")
    tangent = _random(field.moving, seed=4)
    product = field.jvp(tangent, joint=True)
    h = 1e-6
    ahead, behind = ({n: p.detach() + s * h * tangent[n] for n, p in field.moving.items()} for s in (1, -1))
    up, down = field.gradients(ahead), field.gradients(behind)
    for name in product:
        measured = (up[name] - down[name]) / (2 * h)
        if not torch.allclose(product[name], measured, rtol=1e-4, atol=1e-5 * max(1.0, float(measured.abs().max()))):
            raise Fault(
                f"the derivative of joint_loss's field at '{name}' is not that of the explicit field; mend the reversal's own backward"
            )


def the_field_vanishes_at_the_solution(subject: Subject) -> None:
    """At `solution()` nobody wants to move."""
    game = subject.game()
    solution = game.solution()
    if solution is None:
        raise DoesNotApply
    field = subject.field(game)
    unknown = set(solution) - set(field.moving)
    if unknown:
        raise Fault(f"solution names '{min(unknown)}', which is no parameter; the parameters are {', '.join(sorted(field.moving))}")
    gradients = field.gradients(solution)
    worst = max(gradients, key=lambda name: float(gradients[name].norm()))
    if float(gradients[worst].norm()) > 1e-8:
        raise Fault(f"at solution() the gradient of '{worst}' has norm {float(gradients[worst].norm()):.3g}, but must vanish")


def the_score_leaves_no_footprints(subject: Subject) -> None:
    """`score` and `metrics` give numbers, the same ones twice, and change neither parameters nor buffers."""
    game = subject.game(dtype=torch.float32)
    before = {name: t.detach().clone() for name, t in game.state_dict(keep_vars=True).items()}
    looks: list[tuple[str, Callable[[], dict[str, float]]]] = [
        ("score", lambda: {"score": float(game.score())}),
        ("metrics", lambda: {f"metric {name}": float(value) for name, value in game.metrics().items()}),
    ]
    for what, look in looks:
        with torch.no_grad():
            first, second = look(), look()
        for name, value in first.items():
            if value != second[name] and not math.isnan(value):
                raise Fault(f"{name} gave {value:.6g} and then {second[name]:.6g}; draw its samples from a generator with a fixed seed")
        for name, tensor in game.state_dict().items():
            if not torch.equal(before[name], tensor):
                raise Fault(f"{what} changed '{name}'; work on a copy, or in evaluation mode")
        if any(p.grad is not None for p in game.parameters()):
            raise Fault(f"{what} left gradients behind; compute it without backward()")
    if unknown := set(game.metric_ceilings()) - set(game.metrics()):
        raise Fault(f"metric_ceilings names '{min(unknown)}', which is no metric; there are {', '.join(game.metrics()) or 'none'}")


def a_population_equals_its_members(subject: Subject) -> None:
    """The field of three games at once, vmapped, is that of each by itself."""
    games = [subject.game(seed) for seed in range(3)]
    if Field(games[0]).stochastic:
        raise DoesNotApply  # members draw their own dropout masks
    fields = [subject.field(game) for game in games]
    for field in fields:
        field.freeze(fields[0].batch, games[0].max_coupling)
    alone = [field.gradients() for field in fields]
    state = [{**dict(game.named_parameters()), **dict(game.named_buffers())} for game in games]
    stacked = {name: torch.stack([s[name].detach() for s in state]) for name in state[0]}
    try:
        together = vmap(fields[0]._function(games[0].keys))(stacked)
    except Exception as error:
        first = str(error).strip().splitlines()[0]
        raise Fault(f"the field cannot be vmapped ({first}); avoid .item(), data-dependent ifs and in-place changes in losses") from error
    for i, gradients in enumerate(alone):
        for name, gradient in gradients.items():
            if not torch.allclose(together[name][i], gradient, rtol=1e-8, atol=1e-10):
                raise Fault(f"member {i} of a population has another gradient in '{name}' than the game alone; keep losses free of state")
    _hooks_of_a_population(subject)


def _hooks_of_a_population(subject: Subject) -> None:
    """What the players do when a batch is drawn and after a move, they do to each member of a population."""
    games = [subject.game(seed) for seed in range(3)]
    if not (hooks(games[0].players, "on_batch") or hooks(games[0].players, "project_")):
        return
    batch = subject.batch(games[0])
    together, members = stack([subject.game(seed) for seed in range(3)])
    members.batch_axis = None
    for name in ("on_batch", "project_"):
        with torch.no_grad():
            for game in games:
                for method in hooks(game.players, name):
                    method(batch)
            try:
                members.call(together, hooks(together.players, name), batch)
            except Exception as error:
                raise Fault(f"{name}() cannot be vmapped ({_first_line(error)}); change tensors by copy_(), not by .data") from error
        for i, game in enumerate(games):
            for parameter, own in game.named_parameters():
                if not torch.allclose(together.get_parameter(parameter)[i], own, rtol=1e-8, atol=1e-10):
                    raise Fault(f"after {name}() member {i} of a population has another '{parameter}' than the game alone")


def gymnasium_accepts_it(subject: Subject) -> None:
    """Gymnasium's own checker passes without a warning."""
    from gymnasium.utils.env_checker import check_env

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            check_env(Arena(subject.build, turns=4, render_mode="rgb_array"), skip_render_check=True)
        except AssertionError as error:
            raise Fault(f"gymnasium's check_env fails: {_first_line(error)}") from error
    ours = [str(w.message) for w in caught if "gymnasium" in str(w.filename)]
    if ours:
        raise Fault(f"gymnasium's check_env warns: {' '.join(ours[0].split())}")


CHECKS: tuple[Callable[[Subject], None], ...] = (
    slots_fit,
    parameters_have_one_owner,
    losses_are_finite_scalars,
    no_parameter_is_dead,
    the_seed_decides,
    the_global_stream_is_untouched,
    a_batch_is_frozen,
    gradients_match_finite_differences,
    at_coupling_zero_players_ignore_each_other,
    zero_sum_sums_to_zero,
    joint_loss_is_the_field,
    the_field_vanishes_at_the_solution,
    the_score_leaves_no_footprints,
    a_population_equals_its_members,
    gymnasium_accepts_it,
)


def _losses(game: Game, batch: Batch, movers: tuple[str, ...], coupling: float | Tensor | None = None) -> dict[str, Tensor]:
    coupling = game.max_coupling if coupling is None else coupling
    with torch.random.fork_rng(devices=[], enabled=Field(game).stochastic):
        return {key: loss.detach() for key, loss in game(batch, coupling, movers).items()}


def _loss(field: Field, key: str) -> float:
    with torch.no_grad(), field._same_masks():
        return float(field.game(field.batch, field.coupling, field.movers)[key])


def _random(like: Mapping[str, Tensor], seed: int) -> Direction:
    rng = torch.Generator().manual_seed(seed)
    drawn = {name: torch.randn(p.shape, generator=rng, dtype=torch.float64).to(p) for name, p in like.items()}
    length = float(torch.stack([d.norm() for d in drawn.values()]).norm()) or 1.0
    return {name: d / length for name, d in drawn.items()}


def _derivative(loss: Callable[[], float], own: Mapping[str, Tensor], direction: Direction, h: float = 1e-6) -> float:
    values = []
    before = {name: p.detach().clone() for name, p in own.items()}
    with torch.no_grad():
        for sign in (1, -1):
            for name, p in own.items():
                p.copy_(before[name] + sign * h * direction[name])
            values.append(loss())
        for name, p in own.items():
            p.copy_(before[name])
    return (values[0] - values[1]) / (2 * h)


def _equal(first: list[Any], second: list[Any]) -> bool:
    pairs = zip(first, second, strict=True)
    return len(first) == len(second) and all(torch.equal(a, b) if isinstance(a, Tensor) else a == b for a, b in pairs)


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]
