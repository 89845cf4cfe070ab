"""Conjugate gradients, and what a rule says when its system cannot be solved."""

import functools
import math

import pytest
import torch
from torch import Tensor

from arena import Arena
from arena.config import configure
from arena.errors import RuleUndefined
from arena.games import Quadratic
from arena.optimizers import sgd
from arena.rules.conjugate_gradients import conjugate_gradients
from tests.support.known_answers.rules import competitive
from tests.support.quadratic_games import BOTH, position, random_jacobian


def solve(a: Tensor, b: Tensor, **options):  # type: ignore[no-untyped-def]
    return conjugate_gradients(lambda d: {"x": a @ d["x"]}, {"x": b}, **{"tolerance": 1e-12, "iterations": 50, **options})


def definite(n: int, seed: int = 0) -> Tensor:
    m = torch.randn(n, n, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return m @ m.T + torch.eye(n, dtype=torch.float64)


def test_it_solves_and_reports() -> None:
    a, b = definite(8), torch.arange(8, dtype=torch.float64)
    found = solve(a, b)
    torch.testing.assert_close(found.x["x"], torch.linalg.solve(a, b), rtol=1e-9, atol=1e-9)
    assert found.iterations <= 12 and found.residual <= 1e-12
    again = solve(a, b, start=found.x)
    assert again.iterations == 0
    shifted = solve(a, b + 1, start=found.x)  # a start of another system: its own residual is taken
    torch.testing.assert_close(shifted.x["x"], torch.linalg.solve(a, b + 1), rtol=1e-9, atol=1e-9)
    assert solve(a, 0 * b).iterations == 0


@pytest.mark.parametrize(
    ("a", "options", "message"),
    [
        (
            definite(30),
            {"iterations": 2},
            r"^the system was solved to a relative residual of \d.*but 1e-12 was required",
        ),
        (-definite(3), {}, "^the system is not positive definite: its curvature along a direction of length 1.73 is -"),
        (
            torch.zeros(3, 3, dtype=torch.float64),
            {},
            "^the system is not positive definite: .* is 0, but .* need it above 0",
        ),
        (definite(3) * float("nan"), {}, "^the system is not finite after 1 iterations of conjugate gradients"),
    ],
)
def test_what_cannot_be_solved_is_told_with_its_numbers(a: Tensor, options: dict[str, int], message: str) -> None:
    with pytest.raises(RuleUndefined, match=message):
        solve(a, torch.ones(len(a), dtype=torch.float64), **options)


def test_an_incomplete_solution_can_be_accepted() -> None:
    found = solve(definite(30), torch.ones(30, dtype=torch.float64), iterations=2, incomplete="accept")
    assert found.iterations == 2 and found.residual > 1e-12


class ZeroSum(Quadratic):
    """A quadratic game whose off-diagonal blocks are each other's negative transposes, which is all that the solver relies on."""

    zero_sum = True


@pytest.mark.parametrize("kind", [Quadratic, ZeroSum])
@pytest.mark.parametrize("rates", [(0.3, 0.3), (0.5, 0.1)])
def test_competitive_descent_is_the_same_by_either_system(kind: type[Quadratic], rates: tuple[float, float]) -> None:
    """In zero-sum games the matrix is symmetric and solved as it is, else by its normal equations: half the products for one answer."""
    j = random_jacobian(3)
    j[2:, :2] = -j[:2, 2:].T
    build = functools.partial(kind, matrix=tuple(map(tuple, j.tolist())), split=2)
    factories = {role: functools.partial(sgd, lr=rate) for role, rate in zip("xy", rates, strict=True)}
    from arena.rules import CompetitiveGradientDescent

    torch.set_default_dtype(torch.float64)
    try:
        arena = Arena(build, rule=CompetitiveGradientDescent(tolerance=1e-15), optimizers=factories, dtype=torch.float64)
    finally:
        torch.set_default_dtype(torch.float32)
    z, e = position(arena), torch.tensor([rates[0]] * 2 + [rates[1]] * 3, dtype=torch.float64).diag()
    for _ in range(5):
        arena.play_turn(BOTH)
        z = competitive(j, e, 2) @ z
    torch.testing.assert_close(position(arena), z, rtol=1e-12, atol=1e-12)
    report = arena.rule.report()
    assert 1 <= report["iterations"] <= 5 and report["residual"] <= 1e-15


@pytest.mark.parametrize(
    ("game", "settings", "message"),
    [
        ("bilinear", {"rule": "ridge"}, r"^FollowTheRidge in turn 1: the y's loss has no curvature of its own here \(it bends a direction"),
        ("swiss-roll", {"rule": "ridge(iterations=3)"}, r"^FollowTheRidge in turn 1: the square of the curvature of the discriminator"),
        ("quadratic", {"rule": "cgd(iterations=1,tolerance=1e-9)", "matrix": [[0, 0, 1, 2], [0, 0, 3, 4], [5, 6, 0, 0], [7, 8, 0, 0]]},
         r"^CompetitiveGradientDescent in turn 1: the equilibrium of the local game was solved to a relative residual of"),
    ],
)  # fmt: skip
def test_a_rule_without_an_answer_says_so_by_name(game: str, settings: dict, message: str) -> None:  # type: ignore[type-arg]
    made = configure(game, {"batch": 16, **settings} if game == "swiss-roll" else settings).build()
    with pytest.raises(RuleUndefined, match=message):
        made.play_turn(BOTH)


@pytest.mark.parametrize("inner", ["simultaneous", "optimistic", "lookahead(k=2)"])
@pytest.mark.parametrize("average", ["exponential", "uniform"])
def test_an_average_is_its_closed_form_and_leaves_the_iterate_alone(inner: str, average: str) -> None:
    word = f"averaging(inner={inner},average={average},decay=0.9,start=2)"
    averaged = configure("bilinear", {"dim": 2, "dtype": "float64", "rule": word}).build()
    plain = configure("bilinear", {"dim": 2, "dtype": "float64", "rule": inner}).build()
    path = [position(plain)]
    for _ in range(10):
        averaged.play_turn(BOTH)
        plain.play_turn(BOTH)
        path.append(position(plain))
        assert torch.equal(position(averaged), position(plain))  # to the last bit
    if average == "uniform":
        expected = torch.stack(path[3:]).mean(dim=0)
    else:
        expected = 0.9**8 * path[2] + sum(0.1 * 0.9 ** (10 - t) * path[t] for t in range(3, 11))
    output = averaged.rule.evaluated_parameters()
    assert output is not None
    torch.testing.assert_close(torch.cat([*output.values()]), expected, rtol=1e-12, atol=1e-12)
    assert averaged.measure_score() == pytest.approx(float(expected.norm()), rel=1e-12)
    assert torch.equal(position(averaged), position(plain))  # the score was taken elsewhere and left nothing behind
    assert math.isfinite(plain.measure_score())
