"""Checks of a game's contract: slots, ownership of parameters, losses, random streams, score."""

import contextlib
import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import keystr, tree_flatten, tree_flatten_with_path

from arena.checks.report import Fault
from arena.checks.subject import Subject, equal, losses_of
from arena.core.faults import faults_of
from arena.core.field.field import Field
from arena.core.game import Game
from arena.core.preserve import identical


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


def no_number_is_missing(subject: Subject) -> None:
    """No tensor that the game keeps, and no batch, holds NaN."""
    game = subject.game()
    held = {f"the buffer '{name}'": buffer for name, buffer in game.named_buffers() if buffer.dim()}
    held |= {f"the attribute '{name}'": value for name, value in vars(game).items() if isinstance(value, Tensor) and value.dim()}
    held |= {f"the batch{keystr(path)} of sample": leaf for path, leaf in tree_flatten_with_path(subject.batch(game))[0]}
    for what, tensor in held.items():
        if isinstance(tensor, Tensor) and bool(tensor.isnan().any()):
            first = tensor.isnan().nonzero()[0].tolist()
            raise Fault(f"{what} holds NaN, first at {first}; fill in missing numbers, or leave out their rows, in __init__")


def losses_are_finite_scalars(subject: Subject) -> None:
    """`losses` gives each mover one finite scalar, independently of the other movers."""
    game = subject.game()
    batch = subject.batch(game)
    together = losses_of(game, batch, game.keys)
    for key in set(together) - set(game.keys):
        raise Fault(f"losses has the key '{key}', which is no role or part; the keys are {', '.join(game.keys)}")
    field = subject.field(game)
    field.freeze(batch, game.max_coupling, seed=0)
    field.gradients()
    for key in game.keys:
        if not bool(together[key].isfinite()):
            raise Fault(f"the loss of '{key}' is {float(together[key])} at the start; a loss must be finite")
        alone = losses_of(game, batch, (key,)).get(key)
        if alone is None:
            raise Fault(f"losses leaves out '{key}' if it is the only mover; return the loss of every mover")
        if not field.stochastic and not torch.allclose(alone, together[key], rtol=1e-6, atol=1e-9):
            raise Fault(
                f"the loss of '{key}' is {float(alone):.6g} alone but {float(together[key]):.6g} beside the other's; "
                "movers may only decide which losses are returned"
            )


def no_parameter_is_dead(subject: Subject) -> None:
    """Each parameter gets a gradient from its player's loss on some batch, at some coupling."""
    game = subject.game()
    alive: set[str] = set()
    for seed in range(3):
        with torch.no_grad():
            rng = torch.Generator().manual_seed(seed)
            for p in game.parameters():
                p.add_(0.1 * torch.randn(p.shape, generator=rng, dtype=p.dtype))
        coupling = 0.5 if seed == 1 else 1.0  # at 1, a loss that compares two outputs gives their common bias no gradient
        alive |= {name for name, g in subject.field(game, coupling, seed).gradients().items() if bool((g != 0).any())}
    dead = [name for name, _ in game.named_parameters() if name not in alive]
    if dead:
        raise Fault(f"the parameter '{dead[0]}' gets no gradient from its player's loss; use it in the loss, or remove it")


def the_seed_decides(subject: Subject) -> None:
    """`sample` draws the same batch from the same stream, and nothing from other streams."""
    game = subject.game()
    first, second = (tree_flatten(subject.batch(game, seed=3))[0] for _ in range(2))
    if not equal(first, second):
        raise Fault("sample gave two different batches from the same seed; draw everything from rng and rng.noise")


def the_global_stream_is_untouched(subject: Subject) -> None:
    """Nothing draws from torch's global generator, except players (dropout), whose draws a run seeds."""
    game = subject.game()
    batch = subject.batch(game)
    looks: list[tuple[str, Callable[[], Any]]] = [
        ("sample", lambda: subject.batch(game)),
        ("losses", lambda: game(batch, game.max_coupling, game.keys)),
        ("signals", lambda: game.signals(batch)),
        ("score", game.score),
        ("ceiling", game.ceiling),
        ("metrics", game.metrics),
        ("metric_ceilings", game.metric_ceilings),
    ]
    for name, look in looks:
        before = torch.get_rng_state()
        with faults_of(f"{type(game).__name__}.{name}"), _draws_of_players_undone(game) if name != "sample" else contextlib.nullcontext():
            look()
        if not torch.equal(before, torch.get_rng_state()):
            raise Fault(f"{name} drew from torch's global generator; use the rng of sample, or a generator of its own")


@contextlib.contextmanager
def _draws_of_players_undone(game: Game) -> Iterator[None]:
    """Restore torch's global generator after each forward of a player within the block."""
    before: list[Tensor] = []
    handles = []
    for module in game.players.modules():
        handles.append(module.register_forward_pre_hook(lambda *_: before.append(torch.get_rng_state())))
        handles.append(module.register_forward_hook(lambda *_: torch.set_rng_state(before.pop())))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def a_batch_is_frozen(subject: Subject) -> None:
    """Two evaluations of the field on one batch agree, and do not change the batch."""
    game = subject.game()
    batch = subject.batch(game)
    before = [t.clone() for t in tree_flatten(batch)[0] if isinstance(t, Tensor)]
    answers = []
    for _ in range(2):
        field = Field(game)
        field.freeze(batch, game.max_coupling, seed=0)
        answers.append(field.gradients())
    if not equal(list(answers[0].values()), list(answers[1].values())):
        raise Fault("losses gave different gradients on the same batch; put all randomness into the batch")
    if not equal(before, [t for t in tree_flatten(batch)[0] if isinstance(t, Tensor)]):
        raise Fault("losses changed the batch that it was given; work on a copy")


def the_score_leaves_no_footprints(subject: Subject) -> None:
    """`score` and `metrics` give the same numbers twice, and change neither parameters nor buffers."""
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
            if not identical(before[name], tensor):
                raise Fault(f"{what} changed '{name}'; work on a copy, or in evaluation mode")
        if any(p.grad is not None for p in game.parameters()):
            raise Fault(f"{what} left gradients behind; compute it without backward()")
    if unknown := set(game.metric_ceilings()) - set(game.metrics()):
        raise Fault(f"metric_ceilings names '{min(unknown)}', which is no metric; there are {', '.join(game.metrics()) or 'none'}")
