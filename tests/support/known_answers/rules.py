"""What each rule does on a quadratic game v = Jz with plain SGD, derived by hand and written as the papers write it.

A row holds how the rule is built, its iterates from z, and the published spectral radius on f(x, y) = xy as a function of η (None where
the rule is undefined there). `E` is the diagonal matrix of learning rates, `n` the number of rows of player 1.
"""

import itertools
import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from arena import UpdateRule
from arena.rules import (
    LOLA,
    AdaptiveCompetitiveGradientDescent,
    AlexGDA,
    Alternating,
    Averaging,
    CompetitiveGradientDescent,
    Consensus,
    Extragradient,
    FollowTheRidge,
    LookAhead,
    LookaheadMinimax,
    NegativeMomentum,
    Optimistic,
    PastExtragradient,
    RungeKutta,
    Simultaneous,
    SymplecticGradientAdjustment,
    Unrolled,
)

Iterates = Iterator[Tensor]


class Known(NamedTuple):
    """One row.

    Args:
        build: the rule.
        iterates: from J, E, the rows of player 1 and z to the positions after one turn, two turns, …
        radius: from η to ρ on f = xy.
        table: ρ at η = .1 and .5 as published, to its digits.
    """

    build: Callable[[], UpdateRule]
    iterates: Callable[[Tensor, Tensor, int, Tensor], Iterates]
    radius: Callable[[float], float] | None = None
    table: tuple[float, float] | None = None


def matrix(step: Callable[[Tensor, Tensor, int], Tensor]) -> Callable[[Tensor, Tensor, int, Tensor], Iterates]:
    """The iterates of a rule that is one matrix."""

    def iterates(j: Tensor, e: Tensor, n: int, z: Tensor) -> Iterates:
        m = step(j, e, n)
        while True:
            z = m @ z
            yield z

    return iterates


def identity(j: Tensor) -> Tensor:
    return torch.eye(len(j), dtype=j.dtype)


def off_diagonal(j: Tensor, n: int) -> Tensor:
    h = j.clone()
    h[:n, :n] = 0
    h[n:, n:] = 0
    return h


def one(z: Tensor, n: int, player: int) -> Tensor:
    """z with the other player's numbers zero."""
    kept = torch.zeros_like(z)
    rows = slice(0, n) if player == 1 else slice(n, None)
    kept[rows] = z[rows]
    return kept


def alternating(j: Tensor, e: Tensor, n: int, z: Tensor, first: int = 1) -> Iterates:
    while True:
        z = z - e @ one(j @ z, n, first)
        z = z - e @ one(j @ z, n, 3 - first)
        yield z


def past_extragradient(j: Tensor, e: Tensor, n: int, z: Tensor, gamma: float = 1.0, present: bool = False) -> Iterates:
    g = j @ z if present else 0 * z
    while True:
        g = j @ (z - gamma * e @ g)
        z = z - e @ g
        yield z


def optimistic(j: Tensor, e: Tensor, n: int, z: Tensor, present: bool = True) -> Iterates:
    before = j @ z if present else 0 * z
    while True:
        now = j @ z
        z, before = z - 2 * e @ now + e @ before, now
        yield z


def symplectic(j: Tensor, e: Tensor, n: int, z: Tensor, size: float = 1.0, epsilon: float = 0.1) -> Iterates:
    a = (j - j.T) / 2
    while True:
        v, hamiltonian = j @ z, j.T @ j @ z
        sign = torch.sign((v @ hamiltonian) * ((a.T @ v) @ hamiltonian) / len(z) + epsilon)
        z = z - e @ (v + size * sign * a.T @ v)
        yield z


def competitive(j: Tensor, e: Tensor, n: int) -> Tensor:
    return identity(j) - torch.linalg.solve(identity(j) + e @ off_diagonal(j, n), e @ j)


def adaptive_competitive(j: Tensor, e: Tensor, n: int, z: Tensor, beta: float = 0.99, epsilon: float = 1e-5) -> Iterates:
    s, t = 0 * z, 0
    while True:
        v, t = j @ z, t + 1
        s = beta * s + (1 - beta) * v**2
        own = e @ (1 / ((s / (1 - beta**t)).sqrt() + epsilon)).diag()
        z = z + torch.linalg.solve(identity(j) + own @ off_diagonal(j, n), -own @ v)
        yield z


def lola(j: Tensor, e: Tensor, n: int, z: Tensor) -> Iterates:
    """By finite formula for each player: ∇ₓ[L₁ + (−η∇ᵧL₂)ᵀ∇ᵧL₁] with the quadratic losses written out."""
    j11, j12, j21, j22 = j[:n, :n], j[:n, n:], j[n:, :n], j[n:, n:]
    e1, e2 = e[:n, :n], e[n:, n:]
    while True:
        x, y = z[:n], z[n:]
        v1, v2 = j11 @ x + j12 @ y, j22 @ y + j21 @ x
        d1 = v1 - j12 @ e2 @ v2 - j21.T @ e2 @ (j12.T @ x)
        d2 = v2 - j21 @ e1 @ v1 - j12.T @ e1 @ (j21.T @ y)
        z = z - e @ torch.cat([d1, d2])
        yield z


def lookahead_minimax(j: Tensor, e: Tensor, n: int, z: Tensor, k: int = 5, a: float = 0.5) -> Iterates:
    slow = z
    for turn in itertools.count(1):
        z = z - e @ j @ z
        if turn % k == 0:
            slow = z = slow + a * (z - slow)
        yield z


def heavy_ball(j: Tensor, e: Tensor, n: int, z: Tensor, beta: float = -0.5) -> Iterates:
    """In Polyak's form, by the last displacement instead of a buffer."""
    before = z
    while True:
        start = z
        for player in (1, 2):
            z = z - e @ one(j @ z, n, player) + beta * one(start - before, n, player)
        before = start
        yield z


def heavy_ball_together(j: Tensor, e: Tensor, n: int, z: Tensor, beta: float = -0.5) -> Iterates:
    before = z
    while True:
        z, before = z - e @ j @ z + beta * (z - before), z
        yield z


def unrolled(j: Tensor, e: Tensor, n: int, z: Tensor, k: int = 5) -> Iterates:
    """The total derivative of L₁(x, yₖ(x)), with dyₖ/dx carried along step by step."""
    j11, j12, j21, j22 = j[:n, :n], j[:n, n:], j[n:, :n], j[n:, n:]
    alpha = float(e[-1, -1])
    while True:
        x, y = z[:n], z[n:]
        ahead, derivative = y, torch.zeros_like(j21)
        for _ in range(k):
            ahead = ahead - alpha * (j22 @ ahead + j21 @ x)
            derivative = derivative - alpha * (j22 @ derivative + j21)
        d1 = j11 @ x + j12 @ ahead + derivative.T @ (j12.T @ x)
        z = z - e @ torch.cat([d1, j22 @ y + j21 @ x])
        yield z


def heun(j: Tensor, e: Tensor, n: int) -> Tensor:
    return identity(j) - e @ j + e @ j @ e @ j / 2


def runge_kutta_4(j: Tensor, e: Tensor, n: int, z: Tensor) -> Iterates:
    while True:
        k1 = -j @ z
        k2 = -j @ (z + e @ k1 / 2)
        k3 = -j @ (z + e @ k2 / 2)
        k4 = -j @ (z + e @ k3)
        z = z + e @ (k1 + 2 * k2 + 2 * k3 + k4) / 6
        yield z


def alex(j: Tensor, e: Tensor, n: int, z: Tensor, gamma: float = 1.0, delta: float = 2.0) -> Iterates:
    x, y = z[:n], z[n:]
    seen = y  # ỹ
    v = lambda x, y: j @ torch.cat([x, y])  # noqa: E731
    while True:
        ahead = x - e[:n, :n] @ v(x, seen)[:n]
        shown = x + gamma * (ahead - x)
        x = ahead
        ahead = y - e[n:, n:] @ v(shown, y)[n:]
        seen = y + delta * (ahead - y)
        y = ahead
        yield torch.cat([x, y])


def ridge(j: Tensor, e: Tensor, n: int, z: Tensor, damping: float = 0.0) -> Iterates:
    while True:
        v = j @ z
        j22 = j[n:, n:]
        square = j22 @ j22 + damping * identity(j22)
        correction = torch.linalg.solve(square, j22 @ j[n:, :n] @ e[:n, :n] @ v[:n])
        z = z - e @ v + torch.cat([0 * v[:n], correction])
        yield z


def radius_of_polynomial(*coefficients: float) -> float:
    """Largest modulus of a polynomial's roots, highest power first."""
    companion = torch.zeros(len(coefficients) - 1, len(coefficients) - 1, dtype=torch.float64)
    companion[0] = -torch.tensor(coefficients[1:], dtype=torch.float64) / coefficients[0]
    companion[1:, :-1] = torch.eye(len(coefficients) - 2, dtype=torch.float64)
    return float(torch.linalg.eigvals(companion).abs().max())


def optimistic_radius(eta: float) -> float:
    inside = 1 - 4 * eta**2
    return math.sqrt((1 + math.sqrt(inside)) / 2) if inside >= 0 else float("nan")


def heavy_ball_radius(eta: float, beta: float = -0.5) -> float:
    """Roots of (λ − 1)²(λ − β)² + η²λ³."""
    square = [1.0, -2 * (1 + beta), (1 + beta) ** 2 + 2 * beta, -2 * beta * (1 + beta), beta**2]
    square[1] += eta**2
    return radius_of_polynomial(*square)


tight = {"tolerance": 1e-15, "iterations": 200}
EXTRAGRADIENT = lambda j, e, n: identity(j) - e @ j @ (identity(j) - e @ j)  # noqa: E731
EXTRAGRADIENT_RADIUS = (lambda eta: math.sqrt(1 - eta**2 + eta**4), (0.995038, 0.901388))
SIMULTANEOUS = lambda j, e, n: identity(j) - e @ j  # noqa: E731
OPTIMISTIC = (optimistic_radius, (0.994936, 0.707107))

KNOWN: dict[str, Known] = {
    "simultaneous": Known(Simultaneous, matrix(SIMULTANEOUS), lambda eta: math.sqrt(1 + eta**2), (1.004988, 1.118034)),
    "alternating": Known(Alternating, alternating, lambda eta: 1.0, (1.0, 1.0)),
    "alternating, player 2 first": Known(
        lambda: Alternating(first=2), lambda j, e, n, z: alternating(j, e, n, z, first=2), lambda eta: 1.0, (1.0, 1.0)
    ),
    "extragradient": Known(Extragradient, matrix(EXTRAGRADIENT), *EXTRAGRADIENT_RADIUS),
    "extragradient, γ = ½": Known(
        lambda: Extragradient(gamma=0.5), matrix(lambda j, e, n: identity(j) - e @ j @ (identity(j) - e @ j / 2))
    ),
    "extragradient, moments restored": Known(lambda: Extragradient(moments="restored"), matrix(EXTRAGRADIENT), *EXTRAGRADIENT_RADIUS),
    "extragradient, fresh batch": Known(lambda: Extragradient(batch="fresh"), matrix(EXTRAGRADIENT), *EXTRAGRADIENT_RADIUS),
    "past extragradient": Known(PastExtragradient, past_extragradient, *OPTIMISTIC),
    "past extragradient, moments restored, present first": Known(
        lambda: PastExtragradient(moments="restored", first="present"),
        lambda j, e, n, z: past_extragradient(j, e, n, z, present=True),
        *OPTIMISTIC,
    ),
    "past extragradient, γ = ½": Known(lambda: PastExtragradient(gamma=0.5), lambda j, e, n, z: past_extragradient(j, e, n, z, gamma=0.5)),
    "optimistic": Known(Optimistic, optimistic, *OPTIMISTIC),
    "optimistic, zero first": Known(
        lambda: Optimistic(first="zero"), lambda j, e, n, z: optimistic(j, e, n, z, present=False), *OPTIMISTIC
    ),
    "optimistic on updates": Known(lambda: Optimistic(on="updates"), optimistic, *OPTIMISTIC),
    "optimistic on updates, zero first": Known(
        lambda: Optimistic(on="updates", first="zero"), lambda j, e, n, z: optimistic(j, e, n, z, present=False), *OPTIMISTIC
    ),
    "consensus": Known(
        Consensus,
        matrix(lambda j, e, n: identity(j) - e @ (j + j.T @ j)),
        lambda eta: math.sqrt((1 - eta) ** 2 + eta**2),
        (0.905539, 0.707107),
    ),
    "consensus, γ = .3": Known(
        lambda: Consensus(gamma=0.3),
        matrix(lambda j, e, n: identity(j) - e @ (j + 0.3 * j.T @ j)),
        lambda eta: math.sqrt((1 - 0.3 * eta) ** 2 + eta**2),
    ),
    "symplectic gradient adjustment": Known(
        SymplecticGradientAdjustment, symplectic, lambda eta: math.sqrt((1 - eta) ** 2 + eta**2), (0.905539, 0.707107)
    ),
    "symplectic gradient adjustment, not aligned": Known(
        lambda: SymplecticGradientAdjustment(lambda_=0.7, align=False),
        matrix(lambda j, e, n: identity(j) - e @ (identity(j) + 0.35 * (j.T - j)) @ j),
    ),
    "competitive gradient descent": Known(
        lambda: CompetitiveGradientDescent(**tight), matrix(competitive), lambda eta: 1 / math.sqrt(1 + eta**2), (0.995037, 0.894427)
    ),
    "competitive gradient descent, warm start": Known(
        lambda: CompetitiveGradientDescent(warm_start=True, **tight),
        matrix(competitive),
        lambda eta: 1 / math.sqrt(1 + eta**2),
        (0.995037, 0.894427),
    ),
    "adaptive competitive gradient descent": Known(lambda: AdaptiveCompetitiveGradientDescent(**tight), adaptive_competitive),
    "look-ahead": Known(
        LookAhead,
        matrix(lambda j, e, n: identity(j) - e @ (identity(j) - off_diagonal(j, n) @ e) @ j),
        lambda eta: math.sqrt((1 - eta**2) ** 2 + eta**2),
        (0.995038, 0.901388),
    ),
    "look-ahead, α = .2": Known(
        lambda: LookAhead(alpha=0.2), matrix(lambda j, e, n: identity(j) - e @ (identity(j) - 0.2 * off_diagonal(j, n)) @ j)
    ),
    "lola": Known(LOLA, lola, lambda eta: math.sqrt((1 - 2 * eta**2) ** 2 + eta**2), (0.985089, 0.707107)),
    "lookahead-minimax": Known(
        LookaheadMinimax,
        lookahead_minimax,
        lambda eta: abs(0.5 + 0.5 * (1 - eta * 1j) ** 5) ** (1 / 5),
        (0.981327 ** (1 / 5), 0.647448 ** (1 / 5)),
    ),
    "negative momentum": Known(NegativeMomentum, heavy_ball, heavy_ball_radius, (0.998518, 0.962544)),
    "negative momentum, both at once": Known(lambda: NegativeMomentum(alternating=False), heavy_ball_together),
    "unrolled": Known(Unrolled, unrolled, lambda eta: math.sqrt(1 - 9 * eta**2) if 5 * eta < 1 else float("nan"), (0.953939, float("nan"))),
    "unrolled, one step": Known(lambda: Unrolled(steps=1), lambda j, e, n, z: unrolled(j, e, n, z, k=1), lambda eta: math.sqrt(1 - eta**2)),
    "runge–kutta 2": Known(lambda: RungeKutta(order=2), matrix(heun), lambda eta: math.sqrt(1 + eta**4 / 4), (1.0000125, 1.007782)),
    "runge–kutta 4": Known(RungeKutta, runge_kutta_4, lambda eta: math.sqrt(1 - eta**6 / 72 + eta**8 / 576), (1.0, 0.999895)),
    "follow the ridge": Known(lambda: FollowTheRidge(**tight), ridge),
    "follow the ridge, damped": Known(lambda: FollowTheRidge(damping=0.5, **tight), lambda j, e, n, z: ridge(j, e, n, z, damping=0.5)),
    "alex-gda": Known(AlexGDA, alex, lambda eta: math.sqrt(1 - eta**2), (0.994987, 0.866025)),
    "alex-gda, γ = 2, δ = 1.5": Known(lambda: AlexGDA(gamma=2.0, delta=1.5), lambda j, e, n, z: alex(j, e, n, z, 2.0, 1.5)),
    "averaging": Known(Averaging, matrix(SIMULTANEOUS), lambda eta: math.sqrt(1 + eta**2), (1.004988, 1.118034)),
    "averaging of extragradient": Known(
        lambda: Averaging(Extragradient(), average="uniform"), matrix(EXTRAGRADIENT), *EXTRAGRADIENT_RADIUS
    ),
    "lookahead-minimax of optimistic averages": Known(
        lambda: LookaheadMinimax(Optimistic(), k=10**6),
        optimistic,  # never synchronised: a wrapper must not disturb its inner rule
    ),
}
