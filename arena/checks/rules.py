"""check_rule: test the claims of an update rule; an error names the claim that fails.

The oracle: on a quadratic game with plain SGD a rule is the linear map that `linear_map` states. A correct implementation
matches the map to rounding on any non-symmetric Jacobian, with players of different sizes and different learning rates; the
published mistakes do not.
"""

import copy
import functools
from collections.abc import Callable
from typing import Any

import torch

from arena.checks.report import DoesNotApply, Fault, Report, run_checks
from arena.checks.rule_games import BOTH, OPTIMIZERS, SIZE, Build, Linear, Nets, arena_of, jacobian, position, quadratics, tolerance
from arena.errors import GameFault, RuleUndefined, first_line
from arena.optimizers.factories import adam
from arena.registry.lookup import lookup
from arena.rules.base import Cost, UpdateRule
from arena.rules.linear import LinearGame


def check_rule(rule: UpdateRule | Build | str) -> Report:
    """Run every check on an update rule, and return a report without a fault.

    The rule is a class or function that builds one, a fresh rule, or the name of one as in `arena play`.

    Raises:
        GameFault: The first fault.

    Example:
        >>> from arena.rules import Extragradient
        >>> check_rule(Extragradient(gamma=0.5)).fault is None
        True
        >>> class Half(Extragradient):
        ...     def step(self, turn):
        ...         turn.move(turn.field.gradients(), scale=0.5)
        >>> check_rule(Half)
        Traceback (most recent call last):
        ...
        arena.errors.GameFault: Half: after turn 1 on a quadratic game with learning rates 0.1 and 0.1 the players are 0.168 away from \
the position by linear_map; fix the step, or the claim
    """
    report = examine_rule(rule)
    if report.fault is not None:
        raise GameFault(report.fault)
    return report


def examine_rule(rule: UpdateRule | Build | str) -> Report:
    """Like `check_rule`, but return the fault in the report."""
    rule = lookup("rule", rule).target if isinstance(rule, str) else rule
    build: Build = (lambda: copy.deepcopy(rule)) if isinstance(rule, UpdateRule) else rule
    name = type(rule).__name__ if isinstance(rule, UpdateRule) else getattr(rule, "__name__", "rule")
    return run_checks(CHECKS, build, name, "rule")


def it_is_an_update_rule(build: Build) -> None:
    """The subject, or its result, is an `UpdateRule`."""
    rule: Any = build() if callable(build) else build
    if not isinstance(rule, UpdateRule):
        raise Fault(f"{type(rule).__name__} is no UpdateRule; derive its class from arena.rules.UpdateRule")


def a_solution_stays_where_it_is(build: Build) -> None:
    """A turn at a solution does not move the players."""
    for arena, _ in quadratics(build):
        with torch.no_grad():
            for p in arena.game.parameters():
                p.zero_()
        arena.play_turn(BOTH)
        moved = float(position(arena).norm())
        if moved != 0:
            raise Fault(f"at a solution, where every gradient is zero, a turn moves the players by {moved:.3g}; move along gradients alone")


def a_turn_is_the_claimed_map(build: Build) -> None:
    """Every turn matches `linear_map` to 1e-12, or to ten times the `tolerance` of a rule with a solver."""
    claimed = 0
    for arena, game in quadratics(build):
        claim = build().linear_map(LinearGame(**game, z=position(arena)))
        if claim is None:
            continue
        claimed += 1
        state = claim.begin(position(arena))
        for turn in range(1, 2 * claim.turns + 5):
            claim = build().linear_map(LinearGame(**game, z=position(arena)))
            arena.play_turn(BOTH)
            assert claim is not None
            if turn % claim.turns == 0:
                state = claim.matrix @ state
                away = float((position(arena) - state[:SIZE]).norm())
                if not away <= 1e-12 * max(1.0, float(state[:SIZE].norm())) + tolerance(arena.rule):
                    first, second = game["rates"]
                    raise Fault(
                        f"after turn {turn} on a quadratic game with learning rates {first:g} and {second:g} the players are {away:.3g} "
                        "away from the position by linear_map; fix the step, or the claim"
                    )
    if not claimed:
        raise DoesNotApply


def it_costs_what_it_claims(build: Build) -> None:
    """Gradients and products per turn, after the first turns, are those of `cost`."""
    claim = build().cost()
    if claim is None:
        raise DoesNotApply
    arena, _ = next(quadratics(build))
    for _ in range(2):
        arena.play_turn(BOTH)
    gradients, products = arena.field.gradient_evaluations, arena.field.products
    for _ in range(10):
        arena.play_turn(BOTH)
    spent = Cost((arena.field.gradient_evaluations - gradients) / 10, (arena.field.products - products) / 10)
    if spent != claim:
        raise Fault(
            f"a turn takes {spent.gradient_evaluations:g} gradients and {spent.products:g} products, but cost() claims "
            f"{claim.gradient_evaluations:g} and {claim.products:g}; fix the claim"
        )


def it_goes_on_from_a_saved_state(build: Build) -> None:
    """A rule that was saved and loaded into a new one continues as if uninterrupted, and can be deep-copied."""
    ends = []
    for interrupted in (False, True):
        arena, _ = next(quadratics(build, adam))
        for _ in range(4):
            arena.play_turn(BOTH)
        if interrupted:
            saved = copy.deepcopy(arena.state_dict())
            arena, _ = next(quadratics(build, adam))
            arena.load_state_dict(saved)
        for _ in range(4):
            arena.play_turn(BOTH)
        ends.append(position(arena))
    if not torch.equal(*ends):
        raise Fault(
            f"saved after 4 turns and loaded into a new rule, it ends {float((ends[0] - ends[1]).norm()):.3g} away from the uninterrupted "
            "run; put its whole memory into state_dict, by names and not by id()"
        )
    arena, _ = next(quadratics(build))
    arena.play_turn(BOTH)
    try:
        copy.deepcopy(arena.rule)
    except Exception as error:
        raise Fault(f"it cannot be deep-copied after a turn ({first_line(error)}); keep data in it, not tensors with a graph") from error


def it_leaves_no_footprints(build: Build) -> None:
    """A turn changes neither players that do not move, nor the global random stream, nor `requires_grad`."""
    for build_game in (Nets, functools.partial(Linear, jacobian(0))):
        arena = arena_of(build_game, build(), dict.fromkeys(("first", "second"), adam))
        for _ in range(2):
            arena.play_turn(BOTH)
        stream = torch.get_rng_state()
        still = [p.detach().clone() for p in arena.game.players["first"].parameters()]
        moments = copy.deepcopy(arena.optimizers["first"].state_dict())
        arena.play_turn((0.0, 1.0, 1.0))
        if not all(torch.equal(a, b) for a, b in zip(still, arena.game.players["first"].parameters(), strict=True)):
            raise Fault("it moved a player whose share was 0; move only what turn.field.moving holds")
        if str(moments) != str(arena.optimizers["first"].state_dict()):
            raise Fault("it stepped the optimizer of a player whose share was 0; move by turn.move")
        if not torch.equal(stream, torch.get_rng_state()):
            raise Fault("it drew from torch's global random stream, which is not the arena's; draw nothing, or from a generator of its own")
        if not all(p.requires_grad for p in arena.game.parameters()):
            raise Fault("it left parameters without requires_grad; restore what was changed")


def it_runs_over_every_optimizer(build: Build) -> None:
    """Ten turns with each torch optimizer, on a quadratic game and on two small nets, stay finite."""
    for name, factory in OPTIMIZERS.items():
        for build_game in (functools.partial(Linear, jacobian(0)), Nets):
            arena = arena_of(build_game, build(), dict.fromkeys(("first", "second"), factory))
            try:
                for _ in range(10):
                    arena.play_turn(BOTH)
            except RuleUndefined:
                continue  # a clear error is enough
            if not bool(position(arena).isfinite().all()):
                raise Fault(f"over {name} ten turns on {type(arena.game).__name__.strip('_').lower()} are not finite; check its scale")


CHECKS: tuple[Callable[[Build], None], ...] = (
    it_is_an_update_rule,
    a_solution_stays_where_it_is,
    a_turn_is_the_claimed_map,
    it_costs_what_it_claims,
    it_goes_on_from_a_saved_state,
    it_leaves_no_footprints,
    it_runs_over_every_optimizer,
)
