"""Checks of a game's mathematics, in float64: gradients, coupling, zero-sum claims, joint losses, solutions."""

import functools
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from arena.checks.report import DoesNotApply, Fault
from arena.checks.subject import Subject, losses_of, random_direction
from arena.core.directions import Direction, dot
from arena.core.field.field import Field
from arena.core.game import JOINT


def gradients_match_finite_differences(subject: Subject) -> None:
    """The gradient of each loss in its player's parameters matches finite differences, in float64."""
    game = subject.game()
    field = subject.field(game)
    gradients = field.gradients()
    for key, parameters in field.parameters.items():
        direction = random_direction(parameters, seed=1)
        claimed = float(dot({name: gradients[name] for name in parameters}, direction))
        measured = _derivative(functools.partial(_loss, field, key), parameters, direction)
        if abs(claimed - measured) > 1e-4 * max(abs(claimed), abs(measured), 1e-3):
            raise Fault(
                f"the gradient of '{key}' along a random direction is {claimed:.6g}, but its loss changes by {measured:.6g}; "
                "look for a detach, a .data or a reversed gradient between the player and its loss"
            )


def at_coupling_zero_players_ignore_each_other(subject: Subject) -> None:
    """At λ = 0 no gradient depends on the other player's position."""
    game = subject.game()
    field = subject.field(game, coupling=0.0)
    before = field.gradients()
    first, second = game.roles
    for role, other in ((first, second), (second, first)):
        displaced = {
            name: p.detach() + d
            for key in game.keys_of(other)
            for (name, p), d in zip(field.parameters[key].items(), random_direction(field.parameters[key], seed=2).values(), strict=True)
        }
        after = field.gradients(displaced)
        for key in game.keys_of(role):
            for name in field.parameters[key]:
                if not torch.allclose(before[name], after[name], rtol=1e-6, atol=1e-9):
                    raise Fault(f"at coupling 0 the gradient of '{key}' still depends on '{other}'; multiply their interaction by coupling")


def zero_sum_sums_to_zero(subject: Subject) -> None:
    """The losses of a game that claims to be zero-sum add up to zero."""
    game = subject.game()
    if not game.zero_sum:
        raise DoesNotApply
    total = float(torch.stack([loss.detach() for loss in losses_of(game, subject.batch(game), game.keys).values()]).sum())
    if abs(total) > 1e-9:
        raise Fault(f"zero_sum is True, but the losses add up to {total:.6g}; fix a sign, or set zero_sum = False")


def joint_loss_is_the_field(subject: Subject) -> None:
    """The backward pass of `joint_loss` gives the field of the explicit losses, and its derivative theirs."""
    game = subject.game()
    if not game.has_joint_loss:
        raise DoesNotApply
    field = subject.field(game, coupling=0.7)
    explicit, joint = field.gradients(), field.joint_gradients()
    for name in explicit:
        if not torch.allclose(explicit[name], joint[name], rtol=1e-7, atol=1e-10):
            raise Fault(
                f"joint_loss gives '{name}' a gradient of norm {float(joint[name].norm()):.6g}, but losses give one of "
                f"{float(explicit[name].norm()):.6g}; look for a missing sign or coupling in the reversal"
            )
    if game.has_joint_losses:
        explicit_loss, joint_losses = (
            losses_of(game, field.batch, game.keys, field.coupling),
            losses_of(game, field.batch, (*game.keys, JOINT), field.coupling),
        )
        for key in game.keys:
            if not field.stochastic and not torch.allclose(explicit_loss[key], joint_losses[key], rtol=1e-7, atol=1e-10):
                raise Fault(
                    f"joint_losses gives '{key}' a loss of {float(joint_losses[key]):.6g}, but losses give {float(explicit_loss[key]):.6g}"
                )
    tangent = random_direction(field.moving, seed=4)
    product = field.jvp(tangent, joint=True)
    h = 1e-6
    ahead, behind = ({n: p.detach() + s * h * tangent[n] for n, p in field.moving.items()} for s in (1, -1))
    up, down = field.gradients(ahead), field.gradients(behind)
    for name in product:
        measured = (up[name] - down[name]) / (2 * h)
        if not torch.allclose(product[name], measured, rtol=1e-4, atol=1e-5 * max(1.0, float(measured.abs().max()))):
            raise Fault(
                f"the derivative of joint_loss's field at '{name}' is not that of the explicit field; fix the backward of the reversal"
            )


def the_field_vanishes_at_the_solution(subject: Subject) -> None:
    """The field vanishes at `solution()`."""
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


def _loss(field: Field, key: str) -> float:
    with torch.no_grad(), field.same_masks():
        return float(field.game(field.batch, field.coupling, field.movers)[key])


def _derivative(loss: Callable[[], float], parameters: Mapping[str, Tensor], direction: Direction, h: float = 1e-6) -> float:
    values = []
    before = {name: p.detach().clone() for name, p in parameters.items()}
    with torch.no_grad():
        for sign in (1, -1):
            for name, p in parameters.items():
                p.copy_(before[name] + sign * h * direction[name])
            values.append(loss())
        for name, p in parameters.items():
            p.copy_(before[name])
    return (values[0] - values[1]) / (2 * h)
