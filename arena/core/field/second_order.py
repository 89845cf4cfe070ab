"""Products with the Jacobian J of the field, and gradients that can be differentiated again.

A product J·t is forward mode over reverse mode, and a product Jᵀ·c a second backward pass through a graph that is kept until a player
moves; both cost about three times the field (Pearlmutter, "Fast exact multiplication by the Hessian", 1994).
"""

import contextlib
import functools
import importlib
import warnings
from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor
from torch.autograd import forward_ad

from arena.core.directions import Direction
from arena.core.field.batch_norm import in_plain_arithmetic
from arena.core.field.frozen import NOTHING, Frozen
from arena.core.field.mover_plan import Graph, Plan
from arena.core.game import Game
from arena.core.rng import one_thread
from arena.errors import RuleUndefined


def graph(field: Frozen, *, fresh: bool = False) -> Graph:
    """Return the movers' gradients with their graph, which is kept until a player moves."""
    versions = [p._version for p in field.game.parameters()]
    if field.kept_graph is not None and field.kept_graph.versions == versions and not fresh:
        return field.kept_graph
    plan = field.plan
    gradients: Direction = {}
    with field.still(plan), field.same_masks() if field.draws else NOTHING, plain(field):
        losses = field.losses(plan)
        for key, own in plan.own.items():
            found = torch.autograd.grad(losses[key], own, torch.ones_like(losses[key]), create_graph=True, allow_unused=True)
            named = zip(field.parameters[key].items(), found, strict=True)
            gradients |= {name: torch.zeros_like(p) if g is None else g for (name, p), g in named}
    if not plan.twice:
        _refuse_dead_ends(field.game, gradients)
        plan.twice = True
    kept = Graph(versions, {key: loss.detach() for key, loss in losses.items()}, gradients)
    if not fresh:
        field.kept_graph = kept
    return kept


def gradient_of(field: Frozen, key: str, wrt: Sequence[str], at: Mapping[str, Tensor]) -> tuple[Tensor, Direction]:
    """Return one key's loss and its gradient in the parameters `wrt`, both differentiable in `at`."""
    with field.same_masks(), field.statistics_at_rest(), plain(field):
        loss = field.call(at, (key,))[key]
        found = torch.autograd.grad(loss, [at[name] for name in wrt], torch.ones_like(loss), create_graph=True, allow_unused=True)
        gradients = {name: torch.zeros_like(at[name]) if g is None else g for name, g in zip(wrt, found, strict=True)}
        if key not in field.differentiated:
            _refuse_dead_ends(field.game, gradients)
            field.differentiated.add(key)
    return loss, gradients


def pull(gradients: Direction, names: list[str], weights: list[Tensor], columns: Mapping[str, Tensor]) -> Direction:
    """Return the gradient of the weighted sum of `gradients` in the parameters `columns`."""
    if not names:
        return {name: torch.zeros_like(p) for name, p in columns.items()}
    outputs = [gradients[name] for name in names]
    found = torch.autograd.grad(outputs, list(columns.values()), weights, retain_graph=True, allow_unused=True)
    return {name: torch.zeros_like(p) if g is None else g for (name, p), g in zip(columns.items(), found, strict=True)}


def forward_over_reverse(field: Frozen, plan: Plan, tangent: Direction) -> Direction:
    """Return J·t by forward mode over reverse mode."""
    found: Direction = {}
    _quiet_forward_mode()
    with one_thread, forward_ad.dual_level():
        duals = {name: forward_ad.make_dual(field.named[name], t) for name, t in tangent.items()}
        losses = field.call(duals, plan.movers)
        for key, own in plan.own.items():
            one, keep = torch.ones_like(losses[key]), key != plan.last
            gradients = torch.autograd.grad(losses[key], own, one, retain_graph=keep, allow_unused=True)
            for (name, p), gradient in zip(field.parameters[key].items(), gradients, strict=True):
                change = None if gradient is None else forward_ad.unpack_dual(gradient).tangent
                found[name] = torch.zeros_like(p) if change is None else change.detach()
    return found


def reverse_twice(field: Frozen, plan: Plan, tangent: Direction, graph: Graph) -> Direction:
    """Return J·t by two backward passes: J·t = ∂⟨t, Jᵀu⟩/∂u, which is linear in u."""
    gradients = graph.gradients
    names = [name for name in plan.moving if gradients[name].requires_grad]
    along = {name: field.named[name] for name in tangent}
    u = [torch.zeros_like(gradients[name], requires_grad=True) for name in names]
    pulled = torch.autograd.grad([gradients[n] for n in names], list(along.values()), u, create_graph=True, allow_unused=True)
    there = [(name, g) for name, g in zip(along, pulled, strict=True) if g is not None]
    outputs, weights = [g for _, g in there], [tangent[name] for name, _ in there]
    changes = torch.autograd.grad(outputs, u, weights, allow_unused=True) if outputs else [None] * len(u)
    found = dict(zip(names, changes, strict=True))
    return {name: torch.zeros_like(p) if (c := found.get(name)) is None else c for name, p in plan.moving.items()}


@contextlib.contextmanager
def plain(field: Frozen) -> Iterator[None]:
    """While inside, layers compute in arithmetic that has second derivatives; an operation that has none raises `RuleUndefined`."""
    try:
        with in_plain_arithmetic(field.norms) if field.norms else NOTHING:
            yield
    except (NotImplementedError, RuntimeError) as error:
        text = " ".join(str(error).split())
        if "derivative" not in text and "twice" not in text:
            raise
        raise _only_once(field.game, text[:120]) from error


@functools.cache
def _quiet_forward_mode() -> None:
    """Load torch's decompositions, whose import warns of a deprecation within torch itself, without that warning."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        with contextlib.suppress(ImportError):
            importlib.import_module("torch._decomp.decompositions_for_jvp")


def _refuse_dead_ends(game: Game, gradients: Direction) -> None:
    """Raise if a gradient passes through a node without a derivative, because autograd would give zeros in its place."""
    waiting = [g.grad_fn for g in gradients.values() if g.grad_fn is not None]
    seen = set(waiting)
    while waiting:
        node = waiting.pop()
        if "Error" in node.name():
            raise _only_once(game, "its backward pass is marked as differentiable only once")
        fresh = {following for following, _ in node.next_functions if following is not None} - seen
        seen |= fresh
        waiting += fresh


def _only_once(game: Game, why: str) -> RuleUndefined:
    name = type(game).__name__
    return RuleUndefined(f"this needs second derivatives, which an operation of {name} lacks ({why}); use a rule of gradients alone")
