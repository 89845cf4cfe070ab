"""Competitive gradient descent: both players jump to the equilibrium of the local bilinear game.

    z⁺ = z − (I + ηH)⁻¹ η v(z)

H is the field's Jacobian without each player's own block, because each player responds to the other's move. F. Schäfer, A. Anandkumar,
"Competitive Gradient Descent", arXiv:1905.12103. On f = xy its spectral radius is 1/√(1 + η²).

The second player is eliminated, and with learning rates η₁, η₂ (numbers, or one for each parameter) what remains is

    (I − S J₁₂ η₂ J₂₁ S) u = −S (v₁ − J₁₂ η₂ v₂),    S = √η₁,    Δx = S u,    Δy = −η₂ (v₂ + J₂₁ Δx).

In a zero-sum game J₂₁ = −J₁₂ᵀ, so the matrix is symmetric positive definite and conjugate gradients solve it; in any other game they
solve its normal equations, at twice the products.
"""

from collections.abc import Mapping
from typing import Literal

from torch import Tensor

from arena.core.directions import Direction, plus, times
from arena.core.field.field import Field
from arena.errors import check_choice, check_number
from arena.rules.base import UpdateRule
from arena.rules.conjugate_gradients import Solution, conjugate_gradients
from arena.rules.linear import LinearGame, LinearMap
from arena.rules.turn import Turn


class CompetitiveGradientDescent(UpdateRule):
    """z⁺ = z − (I + ηH)⁻¹ ηv, solved by conjugate gradients that only need products with H.

    Cost: one gradient per mover and one product per mover, and in every iteration two products more (four if the game is not
    zero-sum). The move is given to the optimizers divided by η, so over plain SGD it is the published one.

    Args:
        tolerance: Relative residual at which the solver stops, above 0; in float32 at least 1e-6.
        iterations: Largest number of iterations per turn, at least 1.
        warm_start: Begin at the solution of the previous turn.
        incomplete: Refuse to continue, or accept the move, if the tolerance is not reached.

    Raises:
        BadSetting: A number is out of its range.
        RuleUndefined: The solver does not converge, or the game has no second derivatives.
    """

    also = ("cgd",)

    def __init__(
        self, tolerance: float = 1e-5, iterations: int = 100, warm_start: bool = False, incomplete: Literal["refuse", "accept"] = "refuse"
    ):
        check_number("tolerance", tolerance, above=0)
        check_number("iterations", iterations, least=1, whole=True)
        check_choice("incomplete", incomplete, ["refuse", "accept"])
        self.tolerance, self.iterations, self.warm_start, self.incomplete = tolerance, iterations, warm_start, incomplete
        self.solved: Solution | None = None

    def step(self, turn: Turn) -> None:
        v = turn.field.gradients(keep=True)
        rates = turn.learning_rates()
        turn.move(times({name: -1 / rate for name, rate in rates.items()}, self.equilibrium(turn.field, v, rates)))

    def equilibrium(self, field: Field, v: Direction, rates: Mapping[str, float | Tensor]) -> Direction:
        """−(I + EH)⁻¹ Ev, with E the rates on the diagonal.

        Args:
            field: The game's field.
            v: Its gradients at the present position.
            rates: Positive numbers or tensors, by parameter.
        """
        if len(field.roles) < 2:
            return times(-1.0, times(rates, v))
        first, second = ({n: v[n] for n in field.names_of(role)} for role in field.roles)
        x, y = (field.keys_of(role) for role in field.roles)
        root = {name: rates[name] ** 0.5 for name in first}

        def product(u: Direction) -> Direction:
            return plus(u, times(root, field.jvp(times(rates, field.jvp(times(root, u), of=y)), of=x)), -1.0)

        def product_transposed(u: Direction) -> Direction:
            return plus(u, times(root, field.vjp(times(rates, field.vjp(times(root, u), of=y)), of=x)), -1.0)

        b = times(-1.0, times(root, plus(first, field.jvp(times(rates, second), of=x), -1.0)))
        symmetric = field.game.zero_sum
        self.solved = conjugate_gradients(
            product if symmetric else lambda u: product_transposed(product(u)),
            b if symmetric else product_transposed(b),
            tolerance=self.tolerance,
            iterations=self.iterations,
            start=self.recall("solution", first) if self.warm_start and "solution" in self.memory else None,
            incomplete=self.incomplete,
            what="the equilibrium of the local game",
            dot=field.dot,
            refuse=field.refuse,
        )
        if self.warm_start:
            self.remember("solution", self.solved.x)
        move = times(root, self.solved.x)
        answer = times(rates, plus(second, field.jvp(move, of=y)))
        return {**move, **times(-1.0, answer)}

    def report(self) -> dict[str, Tensor | float]:
        return {} if self.solved is None else {"iterations": self.solved.iterations, "residual": self.solved.residual}

    def linear_map(self, game: LinearGame) -> LinearMap | None:
        return LinearMap(game.I - (game.I + game.E @ game.H).inverse() @ game.E @ game.J)
